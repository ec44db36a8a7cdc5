/* SPDX-License-Identifier: MIT */
/* Facts: whatever is told twice is told in the same bytes. */
#include "workers/chillybin/facts.h"

#include <string.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"
#include "workers/runtime/publish_fake.h"

#define ID "01000000-0000-0000-0000-000000000000"
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct publisher *publisher;
static struct facts_scratch *room;
static struct record record;
static struct input input;
static struct order_row order;
static struct missing missing;

static const struct item items[] = {
	{ TEXT_INIT("cheese"), 1 },
	{ TEXT_INIT("bread"), 2 },
	{ TEXT_INIT("gr\xc3\xbcn/stuff;="), 3 },
};

static void setup(void)
{
	struct publisher_params params = { .producer = "chillybin@1",
					   .group = "chillybin.blue" };

	ck_assert_int_eq(publisher_new(&publisher, &params), 0);
	room = xmalloc(sizeof(*room));
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
	input = (struct input){ .kind = INPUT_ORDER, .row = &order };
	record = (struct record){ .item = &input };
	record.kafka.partition = 3;
	record.kafka.offset = 77;
	record.envelope.traceparent = TEXT("another");
	record.envelope.tracestate = TEXT("another=1");
}

static void teardown(void)
{
	publisher = publisher_free(publisher);
	free(room);
}

static void tell(void)
{
	publish_begin(publisher, &record);
	facts_publish(&record, room, publisher);
	publish_end(publisher);
}

static void expect(const struct published *published, const char *name,
		   const char *value)
{
	struct text text = published_header(published, name);

	if (!value) {
		ck_assert_msg(!text.p, "there is a header '%s'", name);
		return;
	}
	ck_assert_msg(text_equal(text, text_of(value)), "%s is '%.*s'", name,
		      (int)text.n, text.p);
}

static bool same(const struct published *a, const struct published *b)
{
	if (a->topic != b->topic || !text_equal(a->key, b->key) ||
	    !text_equal(a->body, b->body) || a->n_headers != b->n_headers)
		return false;
	for (size_t i = 0; i < a->n_headers; i++)
		if (strcmp(a->headers[i].name, b->headers[i].name) != 0 ||
		    !text_equal(a->headers[i].value, b->headers[i].value))
			return false;
	return true;
}

/* Told twice: the second half is the first one. */
static void expect_same(size_t n)
{
	const struct published *a = publish_fake_first(publisher), *b = a;

	ck_assert_uint_eq(publish_fake_n(publisher), 2 * n);
	for (size_t i = 0; i < n; i++)
		b = b->next;
	for (size_t i = 0; i < n; i++, a = a->next, b = b->next)
		ck_assert(same(a, b));
}

static void refuse(void)
{
	missing = (struct missing){ TEXT("gr\xc3\xbcn/stuff;="), 3,
				    MISSING_UNKNOWN };
	order.verdict = VERDICT_REFUSED;
	order.missing = &missing;
	order.n_missing = 1;
}

START_TEST(a_pick_tells_the_order_and_where_it_came_from)
	{
		const struct published *pick;

		tell();
		ck_assert_uint_eq(publish_fake_n(publisher), 1);
		pick = publish_fake_first(publisher);
		ck_assert_int_eq(pick->topic, TOPIC_PICKS);
		CHECK_BYTES(pick->key.p, pick->key.n, ID);
		expect(pick, "ce_id", ID ".pick");
		expect(pick, "ce_source", "/chillybin");
		expect(pick, "ce_type", "galore.pick");
		expect(pick, "schema-version", "2");
		expect(pick, "seq", "1");
		expect(pick, "stall", "main");
		expect(pick, "customer", "gita");
		expect(pick, "source-position", "orders/3@10");
		expect(pick, "decided-at", "1970-01-01T00:00:01.000Z");
		expect(pick, "producer", "chillybin@1");
		expect(pick, "verdict", NULL); /* its body says so */
	}
END_TEST

START_TEST(a_trace_goes_on_with_a_span_of_the_facts_own)
	{
		const struct published *pick;
		struct text trace;

		tell();
		pick = publish_fake_first(publisher);
		trace = published_header(pick, "traceparent");
		ck_assert_uint_eq(trace.n, 55);
		ck_assert_int_eq(memcmp(trace.p, TRACE, 36), 0);
		ck_assert_int_ne(memcmp(trace.p + 36, TRACE + 36, 16), 0);
		ck_assert_int_eq(memcmp(trace.p + 52, "-01", 3), 0);
	}
END_TEST

START_TEST(each_line_and_each_version_tells_the_orders_tracestate_as_it_came)
	{
		order.pick_version = _i + 1;
		tell();
		for (const struct published *pick =
			     publish_fake_first(publisher);
		     pick; pick = pick->next)
			expect(pick, "tracestate", "placed=1");
	}
END_TEST

START_TEST(without_a_trace_there_is_none)
	{
		order.traceparent = (struct text){ 0 };
		order.tracestate = (struct text){ 0 };
		tell();
		expect(publish_fake_first(publisher), "traceparent", NULL);
		expect(publish_fake_first(publisher), "tracestate", NULL);
	}
END_TEST

START_TEST(version_1_is_a_fact_a_line_with_one_seq_and_ids_of_their_own)
	{
		static const char *const ids[] = { ID ".pick.0", ID ".pick.1",
						   ID ".pick.2" };
		const struct published *line;
		int n = 0;

		order.pick_version = 1;
		tell();
		ck_assert_uint_eq(publish_fake_n(publisher), 3);
		for (line = publish_fake_first(publisher); line;
		     line = line->next) {
			expect(line, "ce_id", ids[n++]);
			expect(line, "schema-version", "1");
			expect(line, "seq", "1");
			expect(line, "number", "42");
			expect(line, "verdict", "picked");
			expect(line, "grill", "true");
			expect(line, "customer", "gita");
			expect(line, "missing", NULL);
		}
	}
END_TEST

START_TEST(what_a_refused_line_lacks_stands_in_its_headers)
	{
		order.pick_version = 1;
		order.grill = false;
		refuse();
		tell();
		expect(publish_fake_first(publisher), "verdict", "refused");
		expect(publish_fake_first(publisher), "reason", "out of stock");
		expect(publish_fake_first(publisher), "grill", "false");
		expect(publish_fake_first(publisher), "missing",
		       "gr%C3%BCn%2Fstuff%3B%3D=3/unknown");
	}
END_TEST

START_TEST(a_pick_reads_back_as_what_it_was)
	{
		struct pick_room *pick_room = xmalloc(sizeof(*pick_room));
		struct schema_fault fault;
		struct envelope envelope;
		struct pick pick;

		refuse();
		order.pick_version = _i + 1;
		tell();
		for (const struct published *fact =
			     publish_fake_first(publisher);
		     fact; fact = fact->next) {
			envelope_init(&envelope);
			for (size_t i = 0; i < fact->n_headers; i++)
				envelope_read(&envelope, fact->headers[i].name,
					      fact->headers[i].value.p,
					      fact->headers[i].value.n);
			ck_assert_int_eq(envelope_check(&envelope, &fault), 0);
			ck_assert_int_eq(pick_decode(&pick, pick_room,
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
		free(pick_room);
	}
END_TEST

START_TEST(an_order_is_told_in_the_same_bytes_whenever_it_is_told)
	{
		order.pick_version = _i + 1;
		tell();
		/* By another record, of a later batch, after its cancellation.
		 */
		record.kafka.offset = 999;
		record.envelope.traceparent = TEXT("a third");
		record.envelope.tracestate = TEXT("third=1");
		order.cancelled_position = TEXT("orders/3@20");
		order.cancelled_at_ms = 5000;
		tell();
		expect_same(_i ? 1 : 3);
	}
END_TEST

/* ---- cancellations ---- */

static void cancel(enum verdict verdict)
{
	input.kind = INPUT_CANCELLATION;
	input.position = TEXT("orders/3@77");
	input.cancel_verdict = verdict;
	input.kept_reason = "the order was refused";
	order.cancelled_position = TEXT("orders/3@77");
	order.cancelled_at_ms = 2000;
	order.cancel_traceparent = TEXT(TRACE);
	order.cancel_tracestate = TEXT("cancelled=1");
}

START_TEST(a_cancellation_is_told_from_the_row_above_the_verdict)
	{
		const struct published *pick;

		cancel(VERDICT_CANCELLED);
		tell();
		pick = publish_fake_first(publisher);
		expect(pick, "ce_id", ID ".cancelled");
		expect(pick, "seq", "2");
		expect(pick, "source-position", "orders/3@77");
		expect(pick, "decided-at", "1970-01-01T00:00:02.000Z");
		expect(pick, "tracestate", "cancelled=1");
		tell();
		expect_same(1);
	}
END_TEST

START_TEST(each_refused_cancellation_has_an_answer_of_its_own)
	{
		cancel(VERDICT_KEPT);
		tell();
		tell();
		expect_same(1);
		expect(publish_fake_first(publisher), "ce_id", ID ".kept.3.77");
		expect(publish_fake_first(publisher), "seq", "2");
		expect(publish_fake_first(publisher), "tracestate",
		       "another=1");
	}
END_TEST

START_TEST(a_command_of_no_known_order_tells_nothing)
	{
		input.row = NULL;
		tell();
		input.kind = INPUT_CANCELLATION;
		tell();
		input.kind = INPUT_NOTHING;
		tell();
		ck_assert_uint_eq(publish_fake_n(publisher), 0);
	}
END_TEST

/* ---- changes of stock ---- */

static struct change_row changes[2];

static void change(enum stock_change kind)
{
	for (size_t i = 0; i < 2; i++)
		changes[i] = (struct change_row){
			.stall = TEXT("main"),
			.ingredient = items[i].ingredient,
			.kind = kind,
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
	input.changes = &changes[0];
}

START_TEST(each_ingredient_that_comes_back_is_a_change_of_its_own)
	{
		const struct published *first, *second;

		input.kind = INPUT_RETURN;
		change(STOCK_CHANGE_RETURNED);
		tell();
		ck_assert_uint_eq(publish_fake_n(publisher), 2);
		first = publish_fake_first(publisher);
		second = first->next;
		ck_assert_int_eq(first->topic, TOPIC_LEDGER);
		CHECK_BYTES(first->key.p, first->key.n, "main/cheese");
		CHECK_BYTES(second->key.p, second->key.n, "main/bread");
		expect(first, "source-position", "restocks/4@9");
		expect(first, "customer", "gita");
		expect(first, "stall", "main");
		expect(first, "tracestate", "changed=1");
		expect(second, "tracestate", "changed=1");
		ck_assert(!text_equal(published_header(first, "ce_id"),
				      published_header(second, "ce_id")));
		tell();
		expect_same(2);
	}
END_TEST

START_TEST(a_restock_is_told_without_an_order)
	{
		input.kind = INPUT_STOCK;
		input.row = NULL;
		change(STOCK_CHANGE_COUNTED);
		changes[0].next = NULL;
		tell();
		ck_assert_uint_eq(publish_fake_n(publisher), 1);
		expect(publish_fake_first(publisher), "customer", NULL);
		expect(publish_fake_first(publisher), "ce_subject",
		       "main/cheese");
	}
END_TEST

START_TEST(the_longest_names_are_told_in_full)
	{
		static const char cheese[4] = { '\xf0', '\x9f', '\xa7',
						'\x80' };
		static char longest[TEXT_MAX_BYTES];
		const struct published *fact;

		for (size_t i = 0; i < sizeof(longest); i += 4)
			memcpy(longest + i, cheese, sizeof(cheese));
		input.kind = INPUT_STOCK;
		input.row = NULL;
		change(STOCK_CHANGE_ADDED);
		changes[0].next = NULL;
		changes[0].stall = changes[0].ingredient =
			(struct text){ longest, sizeof(longest) };
		tell();
		fact = publish_fake_first(publisher);
		ck_assert_uint_eq(fact->key.n, 2 * sizeof(longest) + 1);
		ck_assert_uint_eq(published_header(fact, "ce_subject").n,
				  sizeof(longest));
	}
END_TEST

/* ---- the most that one record can make us tell ---- */

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

static size_t told_bytes(void)
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
		tell();
		ck_assert_uint_eq(publish_fake_n(publisher), mosts[_i].n_facts);
		ck_assert_uint_le(told_bytes(), RECORD_FACTS_MAX_BYTES);
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
		tell();
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
	tcase_add_test(tcase, a_pick_tells_the_order_and_where_it_came_from);
	tcase_add_test(tcase, a_trace_goes_on_with_a_span_of_the_facts_own);
	tcase_add_loop_test(
		tcase,
		each_line_and_each_version_tells_the_orders_tracestate_as_it_came,
		0, 2);
	tcase_add_test(tcase, without_a_trace_there_is_none);
	tcase_add_test(
		tcase,
		version_1_is_a_fact_a_line_with_one_seq_and_ids_of_their_own);
	tcase_add_test(tcase, what_a_refused_line_lacks_stands_in_its_headers);
	tcase_add_loop_test(tcase, a_pick_reads_back_as_what_it_was, 0, 2);
	tcase_add_loop_test(
		tcase, an_order_is_told_in_the_same_bytes_whenever_it_is_told,
		0, 2);
	tcase_add_test(tcase,
		       a_cancellation_is_told_from_the_row_above_the_verdict);
	tcase_add_test(tcase,
		       each_refused_cancellation_has_an_answer_of_its_own);
	tcase_add_test(tcase, a_command_of_no_known_order_tells_nothing);
	tcase_add_test(tcase,
		       each_ingredient_that_comes_back_is_a_change_of_its_own);
	tcase_add_test(tcase, a_restock_is_told_without_an_order);
	tcase_add_test(tcase, the_longest_names_are_told_in_full);
	tcase_add_loop_test(tcase,
			    the_facts_of_one_record_are_bounded_and_complete, 0,
			    CHECK_N(mosts));
	tcase_add_test(tcase,
		       a_long_list_of_what_is_missing_stands_on_the_first_line);
	return check_run(suite);
}
