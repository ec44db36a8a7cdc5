/* SPDX-License-Identifier: MIT */
/* Facts: a fact that is published twice has the same bytes both times. */
#include "workers/chillybin/facts.h"

#include <string.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"
#include "workers/runtime/publish_fake.h"

#define ID "01000000-0000-0000-0000-000000000000"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define ODD "gr\xc3\xbcn/stuff;="

static struct publisher *publisher;
static struct facts_scratch *scratch;
static struct record record;
static struct input input;
static struct order_row order;
static struct change_row changes[2];

static const struct item items[] = {
	{ TEXT_INIT("cheese"), 1 },
	{ TEXT_INIT("bread"), 2 },
	{ TEXT_INIT(ODD), 3 },
};
static struct missing missing = { TEXT_INIT(ODD), 3, MISSING_UNKNOWN };

static void setup(void)
{
	struct publisher_params params = { .group = "chillybin.blue" };

	ck_assert_int_eq(publisher_new(&publisher, &params), 0);
	scratch = xmalloc(sizeof(*scratch));
	order = (struct order_row){
		.id = { { 1 } },
		.number = 42,
		.stall = TEXT("main"),
		.customer = TEXT("gita"),
		.items = items,
		.n_items = 3,
		.doneness = DONENESS_LIGHT,
		.grill = true,
		.verdict = VERDICT_PICKED,
		.pick_version = 2,
		.partition = 3,
		.offset = 10,
		.decided_at_ms = 1000,
		.traceparent = TEXT(TRACE),
		.tracestate = TEXT("placed=1"),
	};
	for (size_t i = 0; i < 2; i++)
		changes[i] = (struct change_row){
			.stall = TEXT("main"),
			.ingredient = items[i].ingredient,
			.kind = STOCK_CHANGE_RETURNED,
			.delta = -5,
			.topic = TEXT("restocks"),
			.partition = 4,
			.offset = 9,
			.decided_at_ms = 3000,
			.order_id = { { 1 } },
			.traceparent = TEXT(TRACE),
			.tracestate = TEXT("changed=1"),
		};
	changes[0].next = &changes[1];
	input = (struct input){ .row = &order };
	record = (struct record){ .item = &input };
	record.kafka.partition = 3;
	record.kafka.offset = 77;
	record.envelope.traceparent = TEXT("another");
	record.envelope.tracestate = TEXT("another=1");
}

static void teardown(void)
{
	publisher = publisher_free(publisher);
	free(scratch);
}

static void publish(void)
{
	publish_begin(publisher, &record);
	facts_publish(&record, scratch, publisher);
	publish_end(publisher);
}

static void expect(const struct published *published, const char *name,
		   const char *value)
{
	char digits[TEXT_I64_BYTES];
	struct text text = !strcmp(name, "key") ? published->key
			   : !strcmp(name, "timestamp")
				   ? text_from_i64(digits, published->wall_ms)
				   : published_header(published, name);

	if (!value)
		ck_assert_msg(!text.p, "there is a header '%s'", name);
	else
		ck_assert_msg(text_equal(text, text_of(value)), "%s is '%.*s'",
			      name, (int)text.n, text.p);
}

static bool same(const struct published *a, const struct published *b)
{
	if (!a || !b || a->topic != b->topic || a->wall_ms != b->wall_ms ||
	    !text_equal(a->key, b->key) || !text_equal(a->body, b->body) ||
	    a->n_headers != b->n_headers)
		return false;
	for (size_t i = 0; i < a->n_headers; i++)
		if (strcmp(a->headers[i].name, b->headers[i].name) != 0 ||
		    !text_equal(a->headers[i].value, b->headers[i].value))
			return false;
	return true;
}

/* ---- what is published ---- */

static void v1(void)
{
	order.pick_version = 1;
}

static void refused(void)
{
	order.verdict = VERDICT_REFUSED;
	order.missing = &missing;
	order.n_missing = 1;
}

static void refused_v1_over_the_counter(void)
{
	v1();
	refused();
	order.grill = false;
}

static void without_trace(void)
{
	order.traceparent = order.tracestate = (struct text){ 0 };
}

static void cancelled(void)
{
	input.kind = INPUT_CANCELLATION;
	input.position = TEXT("orders/3@77");
	input.cancel_verdict = VERDICT_CANCELLED;
	order.cancelled_position = TEXT("orders/3@77");
	order.cancelled_at_ms = 2000;
	order.cancel_traceparent = TEXT(TRACE);
	order.cancel_tracestate = TEXT("cancelled=1");
}

static void kept(void)
{
	cancelled();
	input.cancel_verdict = VERDICT_KEPT;
	input.kept_reason = "the order was refused";
}

static void returned(void)
{
	input.kind = INPUT_RETURN;
	input.changes = changes;
}

static void counted(void)
{
	input.kind = INPUT_STOCK;
	input.row = NULL;
	input.changes = changes;
	changes[0].next = NULL;
}

static void unknown_order(void)
{
	input.row = NULL;
}

static void unknown_cancellation(void)
{
	cancelled();
	input.row = NULL;
}

static void nothing(void)
{
	input.kind = INPUT_NOTHING;
}

static const struct {
	const char *what;
	void (*given)(void);
	size_t n_facts;
	struct {
		int fact;
		const char *name, *value; /* NULL: there is no such header */
	} headers[16];
} cases[] = {
	{ "a pick says what was decided, and where the order stands",
	  NULL,
	  1,
	  { { 0, "key", ID },
	    { 0, "ce_id", ID ".pick" },
	    { 0, "ce_source", "/chillybin" },
	    { 0, "ce_type", "galore.pick" },
	    { 0, "schema-version", "2" },
	    { 0, "seq", "1" },
	    { 0, "stall", NULL }, /* its body says so, too */
	    { 0, "customer", "gita" },
	    { 0, "source-position", "orders/3@10" },
	    { 0, "timestamp", "1000" },
	    { 0, "tracestate", "placed=1" },
	    { 0, "verdict", NULL } /* its body says so */ } },
	{ "version 1 is a fact a line with one seq and ids of their own",
	  v1,
	  3,
	  { { 0, "ce_id", ID ".pick.0" },
	    { 1, "ce_id", ID ".pick.1" },
	    { 2, "ce_id", ID ".pick.2" },
	    { 2, "schema-version", "1" },
	    { 2, "seq", "1" },
	    { 2, "number", "42" },
	    { 2, "verdict", "picked" },
	    { 2, "grill", "true" },
	    { 2, "customer", "gita" },
	    { 2, "stall", "main" },
	    { 2, "tracestate", "placed=1" },
	    { 2, "missing", NULL } } },
	{ "what the body of a refused line lacks stands in its headers",
	  refused_v1_over_the_counter,
	  3,
	  { { 0, "verdict", "refused" },
	    { 0, "reason", "out of stock" },
	    { 0, "grill", "false" },
	    { 2, "missing", "gr%C3%BCn%2Fstuff%3B%3D=3/unknown" } } },
	{ "without a trace there is none",
	  without_trace,
	  1,
	  { { 0, "traceparent", NULL }, { 0, "tracestate", NULL } } },
	{ "a cancellation comes from the row, with a seq above the verdict's",
	  cancelled,
	  1,
	  { { 0, "ce_id", ID ".cancelled" },
	    { 0, "seq", "2" },
	    { 0, "source-position", "orders/3@77" },
	    { 0, "timestamp", "2000" },
	    { 0, "tracestate", "cancelled=1" } } },
	{ "each refused cancellation has an answer of its own",
	  kept,
	  1,
	  { { 0, "ce_id", ID ".kept.3.77" },
	    { 0, "seq", "2" },
	    { 0, "tracestate", "another=1" } } },
	{ "each ingredient that comes back is a change of its own",
	  returned,
	  2,
	  { { 0, "key", "main/cheese" },
	    { 1, "key", "main/bread" },
	    { 0, "ce_type", "galore.stock.changed" },
	    { 0, "ce_id", "restocks.4.9.872db66d19d39bab" },
	    { 1, "ce_id", "restocks.4.9.c65549b937917c7a" },
	    { 0, "source-position", "restocks/4@9" },
	    { 0, "customer", "gita" },
	    { 1, "tracestate", "changed=1" } } },
	{ "a change of stock without an order is of no customer",
	  counted,
	  1,
	  { { 0, "customer", NULL }, { 0, "key", "main/cheese" } } },
	{ "of an unknown order nothing is published",
	  unknown_order,
	  0,
	  { { 0 } } },
	{ "of its cancellation neither", unknown_cancellation, 0, { { 0 } } },
	{ "nor of a toastie that gives nothing back", nothing, 0, { { 0 } } },
};

/* An order is published by another record than the one that decided it: a later
 * batch may publish it again, after its cancellation. */
static void change_what_does_not_matter(void)
{
	if (input.kind == INPUT_CANCELLATION)
		return;
	record.kafka.offset = 999;
	record.envelope.traceparent = TEXT("a third");
	record.envelope.tracestate = TEXT("third=1");
	order.cancelled_position = TEXT("orders/3@20");
	order.cancelled_at_ms = 5000;
}

START_TEST(a_fact_says_what_it_has_to_and_again_in_the_same_bytes)
	{
		const struct published *facts[6] = { 0 }, *fact;
		size_t n = cases[_i].n_facts, k = 0;

		if (cases[_i].given)
			cases[_i].given();
		publish();
		change_what_does_not_matter();
		publish();
		ck_assert_uint_eq(publish_fake_n(publisher), 2 * n);
		for (fact = publish_fake_first(publisher); fact;
		     fact = fact->next)
			facts[k++] = fact;
		for (k = 0; k < n; k++)
			ck_assert_msg(same(facts[k], facts[n + k]), "%s",
				      cases[_i].what);
		for (k = 0; cases[_i].headers[k].name; k++)
			expect(facts[cases[_i].headers[k].fact],
			       cases[_i].headers[k].name,
			       cases[_i].headers[k].value);
	}
END_TEST

START_TEST(a_trace_goes_on_with_a_span_of_the_facts_own)
	{
		struct text trace;

		publish();
		trace = published_header(publish_fake_first(publisher),
					 "traceparent");
		ck_assert_uint_eq(trace.n, 55);
		ck_assert_int_eq(memcmp(trace.p, TRACE, 36), 0);
		ck_assert_int_ne(memcmp(trace.p + 36, TRACE + 36, 16), 0);
		ck_assert_int_eq(memcmp(trace.p + 52, "-01", 3), 0);
	}
END_TEST

START_TEST(a_pick_reads_back_as_what_it_was)
	{
		struct pick_storage *pick_storage =
			xmalloc(sizeof(*pick_storage));
		struct schema_fault fault;
		struct envelope envelope;
		struct pick pick;

		refused();
		order.pick_version = _i + 1;
		publish();
		for (const struct published *fact =
			     publish_fake_first(publisher);
		     fact; fact = fact->next) {
			envelope_init(&envelope);
			for (size_t i = 0; i < fact->n_headers; i++)
				envelope_read(&envelope, fact->headers[i].name,
					      fact->headers[i].value.p,
					      fact->headers[i].value.n);
			ck_assert_int_eq(envelope_check(&envelope, &fault), 0);
			ck_assert_int_eq(pick_decode(&pick, pick_storage,
						     &envelope, fact->body.p,
						     fact->body.n, &fault),
					 0);
			ck_assert_int_eq(pick.verdict, VERDICT_REFUSED);
			ck_assert_int_eq(pick.number, 42);
			ck_assert_int_eq(pick.seq, 1);
			ck_assert_uint_eq(pick.n_missing, 1);
			ck_assert_int_eq(pick.missing[0].left, MISSING_UNKNOWN);
			ck_assert(text_equal(pick.stall, TEXT("main")));
			ck_assert(text_equal(pick.customer, TEXT("gita")));
		}
		free(pick_storage);
	}
END_TEST

/* ---- the most that one record can make us publish ---- */

static char names[ORDER_ITEMS_MAX][TEXT_MAX_BYTES];
static struct item many[ORDER_ITEMS_MAX];
static struct missing all_missing[ORDER_ITEMS_MAX];
static struct change_row many_changes[ORDER_ITEMS_MAX];

static struct text longest(int i)
{
	static const char cheese[4] = { '\xf0', '\x9f', '\xa7', '\x80' };

	for (size_t k = 0; k < TEXT_MAX_BYTES; k += 4)
		memcpy(names[i] + k, cheese, sizeof(cheese));
	names[i][3] = (char)('\x80' + i);
	return (struct text){ names[i], TEXT_MAX_BYTES };
}

static void fill_the_most(void)
{
	static char state[512];

	memset(state, 'x', sizeof(state));
	state[1] = '=';
	for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
		many[i] = (struct item){ longest(i), QUANTITY_MAX };
		all_missing[i] = (struct missing){ many[i].ingredient,
						   QUANTITY_MAX, INT64_MAX };
		many_changes[i] = (struct change_row){
			.ingredient = many[i].ingredient,
			.stall = many[0].ingredient,
			.kind = STOCK_CHANGE_RETURNED,
			.delta = QUANTITY_MAX,
			.topic = TEXT("restocks"),
			.partition = INT32_MAX,
			.offset = INT64_MAX,
			.traceparent = TEXT(TRACE),
			.tracestate = { state, sizeof(state) },
			.next = i + 1 < ORDER_ITEMS_MAX ? &many_changes[i + 1]
							: NULL,
		};
	}
	order.items = many;
	order.n_items = ORDER_ITEMS_MAX;
	order.stall = order.customer = many[0].ingredient;
	order.number = order.offset = INT64_MAX;
	order.partition = record.kafka.partition = INT32_MAX;
	order.tracestate = order.cancel_tracestate =
		record.envelope.tracestate =
			(struct text){ state, sizeof(state) };
	order.cancel_traceparent = record.envelope.traceparent = TEXT(TRACE);
	record.kafka.offset = INT64_MAX;
	order.verdict = VERDICT_REFUSED;
	order.missing = all_missing;
	order.n_missing = ORDER_ITEMS_MAX;
	input.position = TEXT("orders/2147483647@9223372036854775807");
	input.changes = many_changes;
}

static size_t published_bytes(void)
{
	const struct published *fact = publish_fake_first(publisher);
	size_t n = 0;

	for (; fact; fact = fact->next) {
		n += fact->key.n + fact->body.n;
		for (size_t i = 0; i < fact->n_headers; i++)
			n += strlen(fact->headers[i].name) +
			     fact->headers[i].value.n;
	}
	return n;
}

static const struct {
	enum input_kind kind;
	int pick_version;
	enum verdict cancel_verdict;
	size_t n_facts;
} mosts[] = {
	{ INPUT_ORDER, 1, 0, ORDER_ITEMS_MAX },
	{ INPUT_ORDER, 2, 0, 1 },
	{ INPUT_CANCELLATION, 1, VERDICT_KEPT, ORDER_ITEMS_MAX },
	{ INPUT_CANCELLATION, 2, VERDICT_CANCELLED, 1 },
	{ INPUT_RETURN, 2, 0, ORDER_ITEMS_MAX },
};

START_TEST(the_facts_of_one_record_are_bounded_and_complete)
	{
		fill_the_most();
		input.kind = mosts[_i].kind;
		input.cancel_verdict = mosts[_i].cancel_verdict;
		input.kept_reason = "the order is not for the grill";
		order.pick_version = mosts[_i].pick_version;
		publish();
		ck_assert_uint_eq(publish_fake_n(publisher), mosts[_i].n_facts);
		ck_assert_uint_le(published_bytes(), RECORD_FACTS_MAX_BYTES);
		if (input.kind == INPUT_RETURN)
			ck_assert_uint_eq(publish_fake_first(publisher)->key.n,
					  2 * TEXT_MAX_BYTES + 1);
	}
END_TEST

START_TEST(a_long_list_of_what_is_missing_stands_on_the_first_line)
	{
		static struct missing read[ORDER_ITEMS_MAX];
		static char read_names[MISSING_NAMES_BYTES];
		const struct published *line;
		size_t n = 0;

		fill_the_most();
		order.pick_version = 1;
		publish();
		line = publish_fake_first(publisher);
		ck_assert_int_eq(
			missing_decode(read, &n, read_names,
				       published_header(line, "missing"), NULL),
			0);
		ck_assert_uint_eq(n, ORDER_ITEMS_MAX);
		while ((line = line->next))
			expect(line, "missing", NULL);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("facts");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(
		tcase, a_fact_says_what_it_has_to_and_again_in_the_same_bytes,
		0, CHECK_N(cases));
	tcase_add_test(tcase, a_trace_goes_on_with_a_span_of_the_facts_own);
	tcase_add_loop_test(tcase, a_pick_reads_back_as_what_it_was, 0, 2);
	tcase_add_loop_test(tcase,
			    the_facts_of_one_record_are_bounded_and_complete, 0,
			    CHECK_N(mosts));
	tcase_add_test(tcase,
		       a_long_list_of_what_is_missing_stands_on_the_first_line);
	return check_run(suite);
}
