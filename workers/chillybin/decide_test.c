/* SPDX-License-Identifier: MIT */
/*
 * Decide: stock and inputs -> what was decided, as lines of text; no bytes and
 * no database. Each case is decided three times, from the same rows.
 *
 *	order ID ITEMS [STALL]	an order; its content is its ID's, unless it
 *				is "changed" ("changed 1 cheese*2")
 *	decided ID ITEMS	an order that was decided before
 *	cancel ID POSITION	added EVENT ITEMS	counted EVENT ITEMS
 *	returned EVENT ID	poison
 *
 * Behind the arrow: "new" when the batch writes a row of it, the verdict, and
 * what is missing, with how much is left of it ("cheese*1/0").
 */
#include "workers/chillybin/decide.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/check_fixture.h"
#include "workers/chillybin/chillybin.h"

#define ARROW " -> "
enum { LINE_BYTES = 256 };

static struct batch *batch;
static struct chillybin chillybin;
static struct buf out;

static void setup(void)
{
	batch = batch_new();
	batch->decided_at_ms = 1000;
	batch->mode = BATCH_CHECKED;
}

static void teardown(void)
{
	batch = batch_free(batch);
	sql_deinit(&chillybin.sql);
	buf_deinit(&out);
}

/* ---- what was read ---- */

static const struct item stored_items[] = { { TEXT_INIT("cheese"), 1 },
					    { TEXT_INIT("bread"), 1 } };

/* Rows that were stored before any case. */
static const struct order_row stored_orders[] = {
	{ .id = { { 91 } }, .verdict = VERDICT_REFUSED, .grill = true },
	{ .id = { { 92 } }, .verdict = VERDICT_PICKED }, /* over the counter */
	{ .id = { { 93 } },
	  .verdict = VERDICT_PICKED,
	  .grill = true,
	  .items = stored_items,
	  .n_items = 2 },
	/* Of before the present hash: it has none. */
	{ .id = { { 94 } }, .verdict = VERDICT_PICKED },
};
static const struct change_row stored_changes[] = {
	{ .source = TEXT_INIT("/test"),
	  .event_id = TEXT_INIT("old-count"),
	  .ingredient = TEXT_INIT("cheese"),
	  .kind = STOCK_CHANGE_COUNTED,
	  .delta = -3,
	  .counted = COUNTED_UNKNOWN },
	{ .source = TEXT_INIT("/test"),
	  .event_id = TEXT_INIT("old-restock"),
	  .kind = STOCK_CHANGE_ADDED },
	{ .source = TEXT_INIT("/test"),
	  .event_id = TEXT_INIT("old-return"),
	  .kind = STOCK_CHANGE_RETURNED,
	  .order_id = { { 99 } } },
};

static void load_rows(void)
{
	loaded_reset(&chillybin.sql.loaded);
	for (int i = 0; i < CHECK_N(stored_orders); i++) {
		struct order_row *row = arena_copy(
			&batch->arena, &stored_orders[i], sizeof(*row));

		row->content_hash =
			row->id.bytes[0] == 94 ? 0 : row->id.bytes[0];
		row->stall = TEXT("main");
		loaded_add_order(&chillybin.sql.loaded, row);
	}
	for (int i = 0; i < CHECK_N(stored_changes); i++) {
		struct change_row *row = arena_copy(
			&batch->arena, &stored_changes[i], sizeof(*row));

		row->stall = TEXT("main");
		loaded_add_change(&chillybin.sql.loaded, row);
	}
}

static struct text keep(const char *p, size_t n)
{
	return (struct text){ arena_copy(&batch->arena, p, n), n };
}

/* "cheese=1 pier/ham=0 egg=none bread=unread" */
static void load_stock(const char *stock)
{
	char name[32], stall[32], quantity[32];
	int n;

	stock_snapshot_reset(&chillybin.sql.snapshot);
	for (; sscanf(stock, " %31[^=]=%31s%n", name, quantity, &n) == 2;
	     stock += n) {
		int64_t left = !strcmp(quantity, "none")     ? STOCK_NONE
			       : !strcmp(quantity, "unread") ? STOCK_UNREAD
							     : 0;
		const char *ingredient = name;

		(void)str_copy(stall, sizeof(stall), "main");
		if (strchr(name, '/')) {
			(void)str_n_copy(stall, sizeof(stall), name,
					 strcspn(name, "/"));
			ingredient = strchr(name, '/') + 1;
		}
		if (!left)
			ck_assert(!str_to_i64(&left, quantity, 0, INT64_MAX));
		(void)stock_row_of(&chillybin.sql.snapshot, &batch->arena,
				   keep(stall, strlen(stall)),
				   keep(ingredient, strlen(ingredient)), left);
	}
}

/* ---- inputs ---- */

static struct record *add_record(enum event_type type)
{
	struct kafka_record kafka = { .offset = (int64_t)batch->n_records };
	struct record *record = batch_add(batch, NULL, &kafka);

	envelope_init(&record->envelope);
	record->envelope.type = type;
	record->envelope.traceparent = TEXT("trace");
	record->envelope.tracestate = TEXT("state");
	record->item = arena_alloc(&batch->arena, sizeof(struct input));
	*input_of(record) = (struct input){ .source = TEXT("/test") };
	return record;
}

/* "cheese*1,bread*2": as many as there are. */
static size_t read_items(const char *p, struct item ret[ORDER_ITEMS_MAX])
{
	char name[32];
	size_t n = 0;
	int n_read;

	while (sscanf(p, "%31[^*]*%" SCNd32 "%n", name, &ret[n].quantity,
		      &n_read) == 2) {
		ret[n++].ingredient = keep(name, strlen(name));
		p += n_read + (p[n_read] == ',');
	}
	return n;
}

static struct input *add_order(const char *verb, uint8_t id, const char *items,
			       const char *stall)
{
	struct record *record = add_record(EVENT_ORDER_PLACED);
	struct input *input = input_of(record);
	struct item read[ORDER_ITEMS_MAX];
	size_t n = read_items(items, read);

	record->decided = !strcmp(verb, "decided");
	input->kind = INPUT_ORDER;
	input->own = (struct order_row){
		.id = { { id } },
		.content_hash = !strcmp(verb, "changed") ? 1000 : id,
		.stall = keep(stall, strlen(stall)),
		.grill = true,
		.items = arena_copy(&batch->arena, read, n * sizeof(*read)),
		.n_items = n,
	};
	return input;
}

static void add_stock_command(const char *verb, const char *event,
			      const char *items)
{
	bool added = !strcmp(verb, "added");
	struct input *input = input_of(
		add_record(added ? EVENT_STOCK_ADDED : EVENT_STOCK_COUNTED));
	struct item item[ORDER_ITEMS_MAX];

	ck_assert_uint_eq(read_items(items, item), 1);
	input->kind = INPUT_STOCK;
	input->event_id = keep(event, strlen(event));
	input->stock = (struct stock_command){
		.kind = added ? STOCK_COMMAND_ADDED : STOCK_COMMAND_COUNTED,
		.stall = TEXT("main"),
		.ingredient = item->ingredient,
		.quantity = item->quantity,
	};
}

static void add_line(const char *line)
{
	char verb[16] = "", a[32] = "", b[128] = "", stall[16] = "main";
	struct input *input;
	int64_t id = 0;

	(void)sscanf(line, "%15s %31s %127s %15[a-z]", verb, a, b, stall);
	(void)str_to_i64(&id, a, 0, 255);
	if (!strcmp(verb, "cancel")) {
		input = input_of(add_record(EVENT_ORDER_CANCELLED));
		input->kind = INPUT_CANCELLATION;
		input->order_id.bytes[0] = (uint8_t)id;
		input->position = keep(b, strlen(b));
	} else if (!strcmp(verb, "returned")) {
		input = input_of(add_record(EVENT_TOASTIE));
		input->kind = INPUT_RETURN;
		ck_assert(!str_to_i64(&id, b, 0, 255));
		input->order_id.bytes[0] = (uint8_t)id;
		input->event_id = keep(a, strlen(a));
	} else if (!strcmp(verb, "added") || !strcmp(verb, "counted")) {
		add_stock_command(verb, a, b);
	} else if (!strcmp(verb, "poison")) {
		add_record(EVENT_ORDER_PLACED)->item = NULL;
		batch_dead(batch, &batch->records[batch->n_records - 1],
			   "malformed", "nonsense");
		batch->records[batch->n_records - 1].poison = true;
	} else {
		(void)add_order(verb, (uint8_t)id, b, stall);
	}
}

/* ---- what was decided ---- */

static void describe_order(const struct order_row *row, bool is_new)
{
	buf_text(&out, row->verdict == VERDICT_PICKED ? "picked" : "refused");
	if (is_new)
		ck_assert_int_eq(row->decided_at_ms, 1000);
	for (size_t i = 0; i < row->n_missing; i++) {
		const struct missing *missing = &row->missing[i];

		buf_printf(&out, " %.*s*%" PRId32 "/",
			   (int)missing->ingredient.n, missing->ingredient.p,
			   missing->wanted);
		if (missing->left == MISSING_UNKNOWN)
			buf_text(&out, "unknown");
		else
			buf_i64(&out, missing->left);
	}
}

static void describe_cancellation(const struct record *record)
{
	const struct input *input = input_of(record);
	const struct order_row *row = input->row;

	if (input->cancel_verdict == VERDICT_KEPT) {
		buf_printf(&out, "kept, %s", input->kept_reason);
		return;
	}
	buf_text(&out, "cancelled");
	ck_assert(text_equal(row->cancelled_position, input->position));
	ck_assert(text_equal(row->cancel_traceparent, TEXT("trace")));
	ck_assert(text_equal(row->cancel_tracestate, TEXT("state")));
	ck_assert_int_eq(row->cancelled_at_ms, 1000);
}

static void describe_changes(const struct input *input)
{
	const struct change_row *row = input->changes;

	if (!row)
		buf_text(&out, "nothing");
	for (; row; row = row->next) {
		buf_printf(&out, "%s%s %.*s%+" PRId64,
			   row == input->changes ? "" : ", ",
			   stock_change_name(row->kind), (int)row->ingredient.n,
			   row->ingredient.p, row->delta);
		if (!input->is_new)
			continue;
		ck_assert(text_equal(row->traceparent, TEXT("trace")));
		ck_assert(text_equal(row->tracestate, TEXT("state")));
		ck_assert(text_equal(row->topic, input->kind == INPUT_RETURN
							 ? TEXT("toasties")
							 : TEXT("restocks")));
		ck_assert(!order_id_compare(&row->order_id, &input->order_id));
	}
}

static void describe(const struct record *record)
{
	const struct input *input = input_of(record);

	if (record->dead_reason) {
		buf_printf(&out, "dead, %s", record->dead_reason);
		/* Whatever was wrong, nothing was given back. */
		if (input && input->row)
			ck_assert_uint_eq(input->row->returned_event.n, 0);
		return;
	}
	buf_text(&out, input->is_new ? "new " : "");
	if (input->kind == INPUT_ORDER)
		describe_order(input->row, input->is_new);
	else if (input->kind == INPUT_CANCELLATION)
		describe_cancellation(record);
	else
		describe_changes(input);
}

/* The rows that a decision rests on, with what is left. */
static void describe_stock(void)
{
	for (const struct stock_row *row = chillybin.sql.snapshot.first; row;
	     row = row->next) {
		if (!row->used)
			continue;
		buf_text(&out, out.n ? " " : "");
		if (!text_equal(row->stall, TEXT("main")))
			buf_printf(&out, "%.*s/", (int)row->stall.n,
				   row->stall.p);
		buf_printf(&out, "%.*s=", (int)row->ingredient.n,
			   row->ingredient.p);
		if (row->quantity == STOCK_UNREAD)
			buf_printf(&out, "unread%+" PRId64, row->delta);
		else
			buf_i64(&out, stock_left(row));
	}
}

static void expect_out(const char *what, const char *expected)
{
	ck_assert_msg(out.n == strlen(expected) &&
			      !memcmp(out.p ? out.p : "", expected, out.n),
		      "%s: wanted '%s', got '%.*s'", what, expected, (int)out.n,
		      out.p ? out.p : "");
	buf_reset(&out);
}

/* ---- the cases ---- */

#define TOO_MUCH "9223372036854775807"

/* clang-format off */
static const struct {
	const char *what, *stock;
	const char *lines[9];
	const char *left;
} cases[] = {
	{ "of two orders for the last slice exactly one gets it", "cheese=1",
	  { "order 1 cheese*1 -> new picked",
	    "order 2 cheese*1 -> new refused cheese*1/0" }, "cheese=0" },
	{ "an order gets all of its ingredients or none",
	  "bread=10 cheese=2 ham=0",
	  { "order 1 bread*2,cheese*3,ham*1 -> "
	    "new refused cheese*3/2 ham*1/0" }, "bread=10 cheese=2 ham=0" },
	{ "later orders see what earlier ones reserved", "bread=10 egg=1",
	  { "order 1 bread*4 -> new picked", "order 2 bread*4 -> new picked",
	    "order 3 bread*4 -> new refused bread*4/2",
	    "order 4 bread*4,egg*1 -> new refused bread*4/2",
	    "order 5 bread*2 -> new picked" }, "bread=0 egg=1" },
	{ "of an unknown ingredient it is unknown how much is left", "egg=none",
	  { "order 1 egg*1 -> new refused egg*1/unknown" }, "egg=0" },
	{ "stalls have stock of their own", "cheese=5 pier/cheese=0",
	  { "order 1 cheese*1 pier -> new refused cheese*1/0" },
	  "pier/cheese=0" },
	{ "the most that can be ordered overflows nothing", "egg=" TOO_MUCH,
	  { "order 1 egg*2147483647 -> new picked",
	    "order 2 egg*2147483647 -> new picked" },
	  "egg=9223372032559808513" },
	{ "where nobody looked everything is there", "egg=unread",
	  { "order 1 egg*2147483647 -> new picked" }, "egg=unread-2147483647" },

	{ "a repeat in one batch reserves nothing more", "cheese=5",
	  { "order 1 cheese*2 -> new picked", "order 1 cheese*2 -> picked" },
	  "cheese=3" },
	{ "an order that is loaded keeps its verdict whatever is left",
	  "cheese=100", { "order 91 cheese*1 -> refused" }, "" },
	{ "the same id with other content is a conflict and the first stays",
	  "cheese=5",
	  { "order 1 cheese*1 -> new picked",
	    "changed 1 cheese*2 -> dead, conflict",
	    "order 1 cheese*1 -> picked" }, "cheese=4" },
	{ "an old row without a hash of its content has no conflict",
	  "cheese=5", { "changed 94 cheese*2 -> picked" }, "" },
	{ "an order that was decided but has no row is not decided again",
	  "cheese=5", { "decided 1 cheese*1 -> dead, conflict" }, "" },
	{ "poison is skipped", "cheese=5",
	  { "poison -> dead, malformed", "order 2 cheese*1 -> new picked" },
	  "cheese=4" },

	{ "what is added is there for the orders of its batch", "cheese=0",
	  { "order 1 cheese*3 -> new picked",
	    "added e cheese*5 -> new added cheese+5" }, "cheese=2" },
	{ "an ingredient that was not there at all can be added", "egg=none",
	  { "added e egg*1 -> new added egg+1", "order 1 egg*1 -> new picked",
	    "order 2 egg*1 -> new refused egg*1/0" }, "egg=0" },
	{ "a count after an addition says what there is", "cheese=7",
	  { "added e cheese*5 -> new added cheese+5",
	    "counted f cheese*4 -> new counted cheese-8",
	    "order 1 cheese*3 -> new picked" }, "cheese=1" },
	{ "a count that finds what was expected is a change of nothing",
	  "cheese=7", { "counted e cheese*7 -> new counted cheese+0" },
	  "cheese=7" },
	{ "an addition that comes again counts once, and with other content "
	  "it is a conflict", "cheese=0 ham=0",
	  { "added e cheese*5 -> new added cheese+5",
	    "added e cheese*5 -> added cheese+5",
	    "added e cheese*6 -> dead, conflict",
	    "added e ham*5 -> dead, conflict",
	    "counted e cheese*5 -> dead, conflict" }, "cheese=5" },
	{ "a count that comes again counts once, and with other content it is "
	  "a conflict", "cheese=0 ham=0",
	  { "counted e cheese*5 -> new counted cheese+5",
	    "counted e cheese*5 -> counted cheese+5",
	    "counted e cheese*9 -> dead, conflict",
	    "counted e ham*5 -> dead, conflict",
	    "added e cheese*5 -> dead, conflict" }, "cheese=5" },
	{ "a count of before its number was kept is known by its ingredient",
	  "cheese=5 ham=5",
	  { "counted old-count cheese*9 -> counted cheese-3",
	    "counted old-count ham*9 -> dead, conflict" }, "" },
	{ "more than can be counted is refused and the next is not",
	  "egg=9223372036854775800",
	  { "added e egg*8 -> dead, contract",
	    "added f egg*7 -> new added egg+7",
	    "counted g egg*3 -> new counted egg-9223372036854775804" },
	  "egg=3" },

	{ "an order can be cancelled behind it and its stock stays reserved",
	  "cheese=1",
	  { "order 1 cheese*1 -> new picked", "cancel 1 p1 -> new cancelled" },
	  "cheese=0" },
	{ "a cancellation before its order is of no known order", "cheese=1",
	  { "cancel 1 p0 -> dead, unknown-order",
	    "order 1 cheese*1 -> new picked" }, "cheese=0" },
	{ "a second cancellation is refused", "cheese=1",
	  { "order 1 cheese*1 -> new picked", "cancel 1 p1 -> new cancelled",
	    "cancel 1 p2 -> kept, the order is cancelled already",
	    "cancel 1 p1 -> cancelled" }, "cheese=0" },
	{ "an order that cannot be cancelled is kept with a reason", "",
	  { "cancel 91 p1 -> kept, the order was refused",
	    "cancel 92 p2 -> kept, the order is not for the grill" }, "" },

	{ "an order's ingredients come back once", "cheese=5 bread=5",
	  { "order 1 cheese*1,bread*2 -> new picked",
	    "returned e 1 -> new returned cheese+1, returned bread+2",
	    "returned e 1 -> returned cheese+1, returned bread+2",
	    "returned f 1 -> nothing" }, "cheese=5 bread=5" },
	{ "an order that reserved nothing for the grill gives nothing back", "",
	  { "returned e 1 -> dead, unknown-order",
	    "returned f 91 -> dead, contract",
	    "returned g 92 -> dead, contract" }, "" },
	{ "what comes back must be countable", "cheese=2 bread=" TOO_MUCH,
	  { "returned e 93 -> dead, contract" }, "cheese=2 bread=" TOO_MUCH },
	{ "a return under the id of another event is a conflict", "cheese=5",
	  { "order 1 cheese*1 -> new picked",
	    "returned old-restock 1 -> dead, conflict",
	    "returned old-return 1 -> dead, conflict" }, "cheese=4" },
	{ "all kinds of one batch are decided in their order", "cheese=3",
	  { "counted e cheese*2 -> new counted cheese-1",
	    "order 1 cheese*2 -> new picked",
	    "order 2 cheese*1 -> new refused cheese*1/0",
	    "cancel 1 p3 -> new cancelled",
	    "returned f 1 -> new returned cheese+2" }, "cheese=2" },
};
/* clang-format on */

START_TEST(an_input_is_decided_as_its_line_says)
	{
		const char *const *lines = cases[_i].lines;

		for (int i = 0; lines[i]; i++)
			add_line(lines[i]);
		for (int try = 0; try < 3; try++) {
			load_rows();
			load_stock(cases[_i].stock);
			batch_undo(batch);
			decide(&chillybin, batch);
			for (size_t i = 0; i < batch->n_records; i++) {
				describe(&batch->records[i]);
				expect_out(cases[_i].what,
					   strstr(lines[i], ARROW) +
						   strlen(ARROW));
			}
			describe_stock();
			expect_out(cases[_i].what, cases[_i].left);
		}
	}
END_TEST

START_TEST(an_order_of_thirty_two_ingredients_is_one_order)
	{
		bool enough = _i == 0;
		char items[LINE_BYTES * 2] = "", expected[LINE_BYTES * 4] = "";
		struct str list = STR_INIT(items), text = STR_INIT(expected);
		char stock[LINE_BYTES * 2] = "";
		struct str there = STR_INIT(stock);

		str_add_text(&text, enough ? "picked" : "refused");
		for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
			char name[8];

			(void)snprintf(name, sizeof(name), "%si%d",
				       i ? "," : "", i);
			str_add_text(&list, name);
			str_add_text(&list, "*99");
			str_add_text(&there, " ");
			str_add_text(&there, name + (i > 0));
			str_add_text(&there, "=");
			str_add_i64(&there, enough ? 99 : i);
			if (enough)
				continue;
			str_add_text(&text, " ");
			str_add_text(&text, name + (i > 0));
			str_add_text(&text, "*99/");
			str_add_i64(&text, i);
		}
		load_stock(stock);
		(void)add_order("order", 1, items, "main");
		decide(&chillybin, batch);
		describe_order(input_of(&batch->records[0])->row, true);
		expect_out("thirty-two", expected);
	}
END_TEST

START_TEST(deciding_again_with_other_stock_gives_another_verdict)
	{
		static const char *const stocks[] = { "egg=1", "egg=0",
						      "egg=1" };
		static const char *const verdicts[] = { "picked",
							"refused egg*1/0",
							"picked" };

		(void)add_order("order", 1, "egg*1", "main");
		for (int i = 0; i < 3; i++) {
			load_rows();
			load_stock(stocks[i]);
			decide(&chillybin, batch);
			describe_order(input_of(&batch->records[0])->row, true);
			expect_out(stocks[i], verdicts[i]);
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decide");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, an_input_is_decided_as_its_line_says, 0,
			    CHECK_N(cases));
	tcase_add_loop_test(
		tcase, an_order_of_thirty_two_ingredients_is_one_order, 0, 2);
	tcase_add_test(tcase,
		       deciding_again_with_other_stock_gives_another_verdict);
	return check_run(suite);
}
