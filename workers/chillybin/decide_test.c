/* SPDX-License-Identifier: MIT */
/*
 * Decide: commands, rows and stock as tables; no bytes and no database. What
 * was read is put on the shelf and among the known by the tests themselves.
 */
#include "workers/chillybin/decide.h"

#include <string.h>

#include "infra/lib/check_fixture.h"

static struct batch *batch;
static struct known known;
static struct shelf shelf;

static void setup(void)
{
	batch = batch_new();
	batch->decided_at_ms = 1000;
}

static void teardown(void)
{
	batch = batch_free(batch);
	known_deinit(&known);
	shelf_deinit(&shelf);
}

/* ---- what was read ---- */

static void stock(const char *ingredient, int64_t quantity)
{
	(void)shelf_row(&shelf, TEXT("main"), text_of(ingredient), quantity);
}

/* SHELF_NONE for what was not on the shelf: as sql_load() does it. */
static struct shelf_row *on_shelf(const char *ingredient)
{
	return shelf_row(&shelf, TEXT("main"), text_of(ingredient), SHELF_NONE);
}

static int64_t left(const char *ingredient)
{
	return shelf_left(on_shelf(ingredient));
}

/* ---- commands ---- */

static struct command *add(enum command_kind kind, enum event_type type)
{
	struct kafka_record kafka = { .offset = (int64_t)batch->n_records };
	struct record *record = batch_add(batch, NULL, &kafka);
	struct command *command = arena_alloc(&batch->arena, sizeof(*command));

	*command = (struct command){ .kind = kind };
	envelope_init(&record->envelope);
	record->envelope.type = type;
	record->item = command;
	return command;
}

static struct record *last_record(void)
{
	return &batch->records[batch->n_records - 1];
}

static void take_item(struct command *command, const char *ingredient,
		      int32_t quantity)
{
	struct item *items =
		arena_alloc(&batch->arena, ORDER_ITEMS_MAX * sizeof(*items));
	size_t n = command->own.n_items;

	if (n)
		memcpy(items, command->own.items, n * sizeof(*items));
	items[n] = (struct item){ text_of(ingredient), quantity };
	command->own.items = items;
	command->own.n_items = n + 1;
	(void)on_shelf(ingredient);
}

/* The content is the number's, unless a test changes it. */
static struct command *order(uint8_t n, const char *ingredient,
			     int32_t quantity)
{
	struct command *command = add(COMMAND_ORDER, EVENT_ORDER_PLACED);

	command->own.id.bytes[0] = n;
	command->own.content_hash = n;
	command->own.stall = TEXT("main");
	command->own.grill = true;
	take_item(command, ingredient, quantity);
	return command;
}

static struct command *cancel(uint8_t n, const char *position)
{
	struct command *command = add(COMMAND_CANCEL, EVENT_ORDER_CANCELLED);

	command->order_id.bytes[0] = n;
	command->position = text_of(position);
	return command;
}

static struct command *stock_command(enum stock_command_kind kind,
				     const char *event, const char *ingredient,
				     int32_t quantity)
{
	struct command *command = add(COMMAND_STOCK, stock_command_type(kind));

	command->source = TEXT("/test");
	command->event_id = text_of(event);
	command->stock.kind = kind;
	command->stock.stall = TEXT("main");
	command->stock.ingredient = text_of(ingredient);
	command->stock.quantity = quantity;
	(void)on_shelf(ingredient);
	return command;
}

static struct command *added(const char *event, const char *ingredient,
			     int32_t quantity)
{
	return stock_command(STOCK_COMMAND_ADDED, event, ingredient, quantity);
}

static struct command *counted(const char *event, const char *ingredient,
			       int32_t quantity)
{
	return stock_command(STOCK_COMMAND_COUNTED, event, ingredient,
			     quantity);
}

static struct command *returned(const char *event, uint8_t n)
{
	struct command *command = add(COMMAND_RETURN, EVENT_TOASTIE);

	command->source = TEXT("/jafflr");
	command->event_id = text_of(event);
	command->order_id.bytes[0] = n;
	return command;
}

static void decide_all(void)
{
	decide(batch, &known, &shelf);
}

static enum verdict verdict_of(const struct command *command)
{
	ck_assert_ptr_nonnull(command->row);
	return command->row->verdict;
}

#define ck_assert_picked(command)                                              \
	ck_assert_int_eq(verdict_of(command), VERDICT_PICKED)
#define ck_assert_refused(command)                                             \
	ck_assert_int_eq(verdict_of(command), VERDICT_REFUSED)

static const struct change_row *change_of(const struct command *command)
{
	ck_assert_ptr_nonnull(command->changes);
	return command->changes;
}

static void expect_missing(const struct command *command, size_t i,
			   const char *ingredient, int32_t wanted, int64_t left)
{
	const struct missing *missing;

	ck_assert_ptr_nonnull(command->row);
	missing = &command->row->missing[i];
	ck_assert_uint_lt(i, command->row->n_missing);
	CHECK_BYTES(missing->ingredient.p, missing->ingredient.n, ingredient);
	ck_assert_int_eq(missing->wanted, wanted);
	ck_assert_int_eq(missing->left, left);
}

static void expect_dead(const struct record *record, const char *reason)
{
	ck_assert_ptr_nonnull(record->dead_reason);
	ck_assert_str_eq(record->dead_reason, reason);
}

/* ---- orders ---- */

START_TEST(of_two_orders_for_the_last_slice_exactly_one_gets_it)
	{
		struct command *first, *second;

		stock("cheese", 1);
		first = order(1, "cheese", 1);
		second = order(2, "cheese", 1);
		decide_all();
		ck_assert_picked(first);
		ck_assert_refused(second);
		expect_missing(second, 0, "cheese", 1, 0);
		ck_assert_int_eq(left("cheese"), 0);
	}
END_TEST

START_TEST(an_order_is_taken_whole_or_refused_whole)
	{
		struct command *command;

		stock("bread", 10);
		stock("cheese", 2);
		stock("ham", 0);
		command = order(1, "bread", 2);
		take_item(command, "cheese", 3);
		take_item(command, "ham", 1);
		decide_all();
		ck_assert_refused(command);
		ck_assert_uint_eq(command->row->n_missing, 2);
		expect_missing(command, 0, "cheese", 3, 2);
		expect_missing(command, 1, "ham", 1, 0);
		ck_assert_int_eq(left("bread"), 10);
		ck_assert_int_eq(left("cheese"), 2);
		ck_assert(command->is_new);
		ck_assert_int_eq(command->row->decided_at_ms, 1000);
	}
END_TEST

START_TEST(later_orders_see_what_earlier_ones_took)
	{
		struct command *commands[4];

		stock("bread", 10);
		for (uint8_t i = 0; i < 4; i++)
			commands[i] = order(i, "bread", 4);
		take_item(commands[3], "bread2", 1);
		stock("bread2", 1);
		decide_all();
		ck_assert_picked(commands[0]);
		ck_assert_picked(commands[1]);
		ck_assert_refused(commands[2]);
		expect_missing(commands[2], 0, "bread", 4, 2);
		ck_assert_refused(commands[3]);
		ck_assert_int_eq(left("bread"), 2);
	}
END_TEST

START_TEST(an_order_of_thirty_two_ingredients_is_one_order)
	{
		static char names[ORDER_ITEMS_MAX][16];
		struct command *command = NULL;

		for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
			(void)snprintf(names[i], sizeof(names[i]), "item-%d",
				       i);
			stock(names[i], 5);
			if (!command)
				command = order(1, names[i], 5);
			else
				take_item(command, names[i], 5);
		}
		decide_all();
		ck_assert_picked(command);
		for (int i = 0; i < ORDER_ITEMS_MAX; i++)
			ck_assert_int_eq(left(names[i]), 0);
	}
END_TEST

START_TEST(all_thirty_two_may_be_missing)
	{
		static char names[ORDER_ITEMS_MAX][16];
		struct command *command = NULL;

		for (int i = 0; i < ORDER_ITEMS_MAX; i++) {
			(void)snprintf(names[i], sizeof(names[i]), "item-%d",
				       i);
			stock(names[i], i);
			if (!command)
				command = order(1, names[i], 99);
			else
				take_item(command, names[i], 99);
		}
		decide_all();
		ck_assert_refused(command);
		ck_assert_uint_eq(command->row->n_missing, ORDER_ITEMS_MAX);
		for (int i = 0; i < ORDER_ITEMS_MAX; i++)
			expect_missing(command, (size_t)i, names[i], 99, i);
	}
END_TEST

START_TEST(of_an_unknown_ingredient_nothing_is_known_to_be_left)
	{
		struct command *command = order(1, "unobtainium", 1);

		decide_all();
		ck_assert_refused(command);
		expect_missing(command, 0, "unobtainium", 1, MISSING_UNKNOWN);
	}
END_TEST

START_TEST(stalls_have_stock_of_their_own)
	{
		struct command *command;

		stock("cheese", 5);
		command = order(1, "cheese", 1);
		command->own.stall = TEXT("pier");
		(void)shelf_row(&shelf, TEXT("pier"), TEXT("cheese"), 0);
		decide_all();
		ck_assert_refused(command);
		ck_assert_int_eq(left("cheese"), 5);
	}
END_TEST

START_TEST(the_most_that_can_be_wanted_overflows_nothing)
	{
		stock("cheese", INT64_MAX);
		for (uint8_t i = 0; i < 100; i++)
			(void)order(i, "cheese", INT32_MAX);
		decide_all();
		for (size_t i = 0; i < 100; i++)
			ck_assert_picked(command_of(&batch->records[i]));
		ck_assert_int_eq(left("cheese"),
				 INT64_MAX - 100 * (int64_t)INT32_MAX);
	}
END_TEST

START_TEST(where_nobody_looked_everything_is_there)
	{
		struct command *command;

		(void)shelf_row(&shelf, TEXT("main"), TEXT("cheese"),
				SHELF_UNREAD);
		command = order(1, "cheese", INT32_MAX);
		decide_all();
		ck_assert_picked(command);
		ck_assert_int_eq(on_shelf("cheese")->delta,
				 -(int64_t)INT32_MAX);
		ck_assert(on_shelf("cheese")->used);
	}
END_TEST

/* ---- repeats ---- */

START_TEST(a_duplicate_in_one_batch_takes_nothing_more)
	{
		struct command *first, *second;

		stock("cheese", 5);
		first = order(1, "cheese", 2);
		second = order(1, "cheese", 2);
		decide_all();
		ck_assert(first->is_new);
		ck_assert(!second->is_new);
		ck_assert_ptr_eq(second->row, first->row);
		ck_assert_ptr_null(last_record()->dead_reason);
		ck_assert_int_eq(left("cheese"), 3);
	}
END_TEST

START_TEST(an_order_that_is_known_keeps_its_verdict_whatever_is_left)
	{
		struct order_row row = { .id = { { 1 } },
					 .content_hash = 1,
					 .verdict = VERDICT_REFUSED };
		struct command *command;

		stock("cheese", 100);
		known_add_order(&known, &row);
		command = order(1, "cheese", 1);
		decide_all();
		ck_assert(!command->is_new);
		ck_assert_refused(command);
		ck_assert_int_eq(left("cheese"), 100);
	}
END_TEST

START_TEST(the_same_id_with_other_content_is_a_conflict_and_the_first_stays)
	{
		struct command *first, *second, *third;

		stock("cheese", 5);
		first = order(1, "cheese", 1);
		second = order(1, "cheese", 2);
		second->own.content_hash = 99;
		third = order(1, "cheese", 1);
		decide_all();
		ck_assert_picked(first);
		expect_dead(&batch->records[1], "conflict");
		ck_assert_ptr_null(batch->records[2].dead_reason);
		ck_assert_ptr_eq(third->row, first->row);
		ck_assert_int_eq(left("cheese"), 4);
	}
END_TEST

START_TEST(an_order_that_was_decided_but_has_no_row_is_not_decided_again)
	{
		stock("cheese", 5);
		(void)order(1, "cheese", 1);
		last_record()->decided = true;
		decide_all();
		expect_dead(last_record(), "conflict");
		ck_assert_int_eq(left("cheese"), 5);
	}
END_TEST

START_TEST(poison_is_skipped)
	{
		stock("cheese", 5);
		(void)order(1, "cheese", 1);
		batch_dead(batch, last_record(), "malformed", "nonsense");
		last_record()->item = NULL;
		(void)order(2, "cheese", 1);
		decide_all();
		ck_assert_int_eq(left("cheese"), 4);
	}
END_TEST

/* ---- stock ---- */

START_TEST(what_is_put_in_is_there_for_the_orders_of_its_batch)
	{
		struct command *command, *add;

		stock("cheese", 0);
		command = order(1, "cheese", 3);
		add = added("restock-1", "cheese", 5);
		decide_all();
		ck_assert_picked(command);
		ck_assert_int_eq(left("cheese"), 2);
		ck_assert_int_eq(change_of(add)->delta, 5);
		ck_assert_int_eq(change_of(add)->kind, STOCK_CHANGE_ADDED);
		CHECK_BYTES(change_of(add)->topic.p, change_of(add)->topic.n,
			    "restocks");
	}
END_TEST

START_TEST(what_was_not_there_at_all_can_be_put_in)
	{
		struct command *before, *after;

		before = order(1, "truffle", 1);
		decide_all();
		expect_missing(before, 0, "truffle", 1, MISSING_UNKNOWN);
		(void)added("restock-1", "truffle", 1);
		after = order(2, "truffle", 1);
		known_reset(&known);
		decide_all();
		ck_assert_picked(before);
		ck_assert_refused(after);
		expect_missing(after, 0, "truffle", 1, 0);
	}
END_TEST

START_TEST(a_count_after_an_addition_says_what_there_is)
	{
		struct command *count;

		stock("cheese", 7);
		(void)added("restock-1", "cheese", 5);
		count = counted("count-1", "cheese", 4);
		(void)order(1, "cheese", 3);
		decide_all();
		ck_assert_int_eq(change_of(count)->delta, -8);
		ck_assert_int_eq(left("cheese"), 1);
	}
END_TEST

START_TEST(a_count_that_finds_what_was_expected_is_a_change_of_nothing)
	{
		struct command *count;

		stock("cheese", 7);
		count = counted("count-1", "cheese", 7);
		decide_all();
		ck_assert(count->is_new);
		ck_assert_int_eq(change_of(count)->delta, 0);
		ck_assert(on_shelf("cheese")->used);
	}
END_TEST

START_TEST(a_restock_that_comes_twice_counts_once)
	{
		struct command *first, *second;

		stock("cheese", 0);
		first = added("restock-1", "cheese", 5);
		second = added("restock-1", "cheese", 5);
		decide_all();
		ck_assert(first->is_new && !second->is_new);
		ck_assert_ptr_eq(first->changes, second->changes);
		ck_assert_int_eq(left("cheese"), 5);
	}
END_TEST

static const struct {
	enum stock_command_kind first, kind;
	const char *ingredient;
	int32_t quantity;
	bool conflict;
} repeats[] = {
	{ STOCK_COMMAND_ADDED, STOCK_COMMAND_ADDED, "cheese", 5, false },
	{ STOCK_COMMAND_ADDED, STOCK_COMMAND_ADDED, "cheese", 6, true },
	{ STOCK_COMMAND_ADDED, STOCK_COMMAND_ADDED, "ham", 5, true },
	{ STOCK_COMMAND_ADDED, STOCK_COMMAND_COUNTED, "cheese", 5, true },
	{ STOCK_COMMAND_COUNTED, STOCK_COMMAND_COUNTED, "cheese", 5, false },
	{ STOCK_COMMAND_COUNTED, STOCK_COMMAND_COUNTED, "cheese", 9, true },
	{ STOCK_COMMAND_COUNTED, STOCK_COMMAND_COUNTED, "ham", 5, true },
	{ STOCK_COMMAND_COUNTED, STOCK_COMMAND_ADDED, "cheese", 5, true },
};

START_TEST(the_same_event_with_other_content_is_a_conflict)
	{
		stock("cheese", 0);
		stock("ham", 0);
		(void)stock_command(repeats[_i].first, "restock-1", "cheese",
				    5);
		(void)stock_command(repeats[_i].kind, "restock-1",
				    repeats[_i].ingredient,
				    repeats[_i].quantity);
		decide_all();
		if (repeats[_i].conflict)
			expect_dead(last_record(), "conflict");
		else
			ck_assert_ptr_null(last_record()->dead_reason);
		ck_assert_int_eq(left("cheese"), 5);
		ck_assert_int_eq(left("ham"), 0);
	}
END_TEST

START_TEST(a_count_of_before_its_number_was_kept_is_known_by_its_ingredient)
	{
		struct change_row row = { .source = TEXT("/test"),
					  .event_id = TEXT("count-1"),
					  .stall = TEXT("main"),
					  .ingredient = TEXT("cheese"),
					  .kind = STOCK_CHANGE_COUNTED,
					  .delta = -3,
					  .counted = COUNTED_UNKNOWN };

		stock("cheese", 5);
		known_add_change(&known, &row);
		(void)counted("count-1", "cheese", 9);
		(void)counted("count-1", "ham", 9);
		decide_all();
		ck_assert_ptr_null(batch->records[0].dead_reason);
		expect_dead(last_record(), "conflict");
		ck_assert_int_eq(left("cheese"), 5);
	}
END_TEST

START_TEST(more_than_can_be_counted_is_refused_and_the_next_is_not)
	{
		struct command *fits, *count;

		stock("cheese", INT64_MAX - 7);
		(void)added("restock-1", "cheese", 8);
		fits = added("restock-2", "cheese", 7);
		count = counted("count-1", "cheese", 3);
		decide_all();
		expect_dead(&batch->records[0], "contract");
		ck_assert(fits->is_new && count->is_new);
		ck_assert_int_eq(change_of(count)->delta, 3 - INT64_MAX);
		ck_assert_int_eq(left("cheese"), 3);
	}
END_TEST

/* ---- cancellations ---- */

START_TEST(an_order_can_be_cancelled_behind_it)
	{
		struct command *command, *cancellation;

		stock("cheese", 1);
		command = order(1, "cheese", 1);
		cancellation = cancel(1, "orders/0@1");
		last_record()->envelope.traceparent = TEXT("trace");
		last_record()->envelope.tracestate = TEXT("state");
		decide_all();
		ck_assert_int_eq(cancellation->cancel_verdict,
				 VERDICT_CANCELLED);
		ck_assert(cancellation->is_new);
		ck_assert_picked(command);
		CHECK_BYTES(command->row->cancelled_position.p,
			    command->row->cancelled_position.n, "orders/0@1");
		CHECK_BYTES(command->row->cancel_traceparent.p,
			    command->row->cancel_traceparent.n, "trace");
		CHECK_BYTES(command->row->cancel_tracestate.p,
			    command->row->cancel_tracestate.n, "state");
		ck_assert_int_eq(command->row->cancelled_at_ms, 1000);
		ck_assert_int_eq(left("cheese"), 0); /* until it is returned */
	}
END_TEST

START_TEST(a_cancellation_before_its_order_is_of_no_known_order)
	{
		stock("cheese", 1);
		(void)cancel(1, "orders/0@0");
		(void)order(1, "cheese", 1);
		decide_all();
		expect_dead(&batch->records[0], "unknown-order");
		ck_assert_ptr_null(batch->records[1].dead_reason);
	}
END_TEST

START_TEST(a_second_cancellation_is_refused)
	{
		struct command *second, *again;

		stock("cheese", 1);
		(void)order(1, "cheese", 1);
		(void)cancel(1, "orders/0@1");
		second = cancel(1, "orders/0@2");
		again = cancel(1, "orders/0@1");
		decide_all();
		ck_assert_int_eq(second->cancel_verdict, VERDICT_KEPT);
		ck_assert_str_eq(second->kept_reason,
				 "the order is cancelled already");
		ck_assert(!second->is_new);
		ck_assert_int_eq(again->cancel_verdict, VERDICT_CANCELLED);
		ck_assert(!again->is_new);
	}
END_TEST

static const struct {
	enum verdict verdict;
	bool grill;
	const char *reason;
} kept[] = {
	{ VERDICT_REFUSED, true, "the order was refused" },
	{ VERDICT_PICKED, false, "the order is not for the grill" },
};

START_TEST(what_cannot_be_cancelled_is_kept_with_a_reason)
	{
		struct order_row row = { .id = { { 1 } },
					 .verdict = kept[_i].verdict,
					 .grill = kept[_i].grill };
		struct command *command;

		known_add_order(&known, &row);
		command = cancel(1, "orders/0@1");
		decide_all();
		ck_assert_int_eq(command->cancel_verdict, VERDICT_KEPT);
		ck_assert_str_eq(command->kept_reason, kept[_i].reason);
		ck_assert_uint_eq(row.cancelled_position.n, 0);
	}
END_TEST

/* ---- returns ---- */

START_TEST(what_comes_back_is_given_back_once)
	{
		struct command *first, *repeat, *other;

		stock("cheese", 5);
		stock("bread", 5);
		take_item(order(1, "cheese", 1), "bread", 2);
		first = returned("event-1", 1);
		last_record()->envelope.traceparent = TEXT("trace");
		last_record()->envelope.tracestate = TEXT("state");
		repeat = returned("event-1", 1);
		other = returned("event-2", 1);
		decide_all();
		ck_assert_int_eq(left("cheese"), 5);
		ck_assert_int_eq(left("bread"), 5);
		ck_assert(first->is_new && !repeat->is_new && !other->is_new);
		ck_assert_ptr_eq(repeat->changes, first->changes);
		ck_assert_ptr_null(other->changes);
		ck_assert_int_eq(change_of(first)->delta, 1);
		ck_assert_int_eq(change_of(first)->next->delta, 2);
		ck_assert_ptr_null(change_of(first)->next->next);
		CHECK_BYTES(change_of(first)->next->traceparent.p,
			    change_of(first)->next->traceparent.n, "trace");
		CHECK_BYTES(change_of(first)->next->tracestate.p,
			    change_of(first)->next->tracestate.n, "state");
		ck_assert_int_eq(change_of(first)->kind, STOCK_CHANGE_RETURNED);
		ck_assert_uint_eq(change_of(first)->order_id.bytes[0], 1);
	}
END_TEST

static const struct {
	bool there;
	enum verdict verdict;
	bool grill;
	const char *reason;
} never_taken[] = {
	{ false, VERDICT_PICKED, true, "unknown-order" },
	{ true, VERDICT_REFUSED, true, "contract" },
	{ true, VERDICT_PICKED, false, "contract" },
};

START_TEST(what_was_never_taken_for_the_grill_cannot_come_back)
	{
		struct order_row row = { .id = { { 1 } },
					 .verdict = never_taken[_i].verdict,
					 .grill = never_taken[_i].grill };

		if (never_taken[_i].there)
			known_add_order(&known, &row);
		(void)returned("event-1", 1);
		decide_all();
		expect_dead(last_record(), never_taken[_i].reason);
		ck_assert_uint_eq(row.returned_event.n, 0);
	}
END_TEST

START_TEST(what_comes_back_must_be_countable)
	{
		static const struct item items[] = {
			{ TEXT_INIT("cheese"), 1 }, { TEXT_INIT("bread"), 1 }
		};
		struct order_row row = { .id = { { 1 } },
					 .stall = TEXT("main"),
					 .items = items,
					 .n_items = 2,
					 .verdict = VERDICT_PICKED,
					 .grill = true };

		stock("cheese", 2);
		stock("bread", INT64_MAX);
		known_add_order(&known, &row);
		(void)returned("event-1", 1);
		decide_all();
		expect_dead(last_record(), "contract");
		ck_assert_int_eq(left("cheese"), 2);
		ck_assert_uint_eq(row.returned_event.n, 0);
	}
END_TEST

START_TEST(a_return_under_the_id_of_something_else_is_a_conflict)
	{
		struct change_row row = { .source = TEXT("/jafflr"),
					  .event_id = TEXT("event-1"),
					  .kind = _i ? STOCK_CHANGE_RETURNED
						     : STOCK_CHANGE_ADDED,
					  .order_id = { { 2 } } };

		stock("cheese", 5);
		known_add_change(&known, &row);
		(void)order(1, "cheese", 1);
		(void)returned("event-1", 1);
		decide_all();
		expect_dead(last_record(), "conflict");
		ck_assert_int_eq(left("cheese"), 4);
	}
END_TEST

/* ---- deciding again ---- */

START_TEST(deciding_again_with_what_was_read_anew_gives_the_same)
	{
		struct command *first, *refused, *cancellation, *giving_back,
			*count;

		for (int try = 0; try < 3; try++) {
			known_reset(&known);
			shelf_reset(&shelf);
			batch_undo(batch);
			stock("cheese", 3);
			if (!try) {
				count = counted("count-1", "cheese", 2);
				first = order(1, "cheese", 2);
				refused = order(2, "cheese", 1);
				cancellation = cancel(1, "orders/0@3");
				giving_back = returned("event-1", 1);
			}
			decide_all();
			ck_assert_picked(first);
			ck_assert(first->is_new);
			ck_assert_refused(refused);
			ck_assert_uint_eq(refused->row->n_missing, 1);
			ck_assert_int_eq(cancellation->cancel_verdict,
					 VERDICT_CANCELLED);
			ck_assert(cancellation->is_new);
			ck_assert(giving_back->is_new);
			ck_assert_int_eq(change_of(count)->delta, -1);
			ck_assert_int_eq(left("cheese"), 2);
		}
	}
END_TEST

START_TEST(deciding_again_with_other_stock_gives_another_verdict)
	{
		struct command *command;

		stock("cheese", 1);
		command = order(1, "cheese", 1);
		decide_all();
		ck_assert_picked(command);
		known_reset(&known);
		shelf_reset(&shelf);
		stock("cheese", 0);
		decide_all();
		ck_assert_refused(command);
		known_reset(&known);
		shelf_reset(&shelf);
		stock("cheese", 1);
		decide_all();
		ck_assert_picked(command);
		ck_assert_uint_eq(command->row->n_missing, 0);
	}
END_TEST

static void add_orders(TCase *tcase)
{
	tcase_add_test(tcase,
		       of_two_orders_for_the_last_slice_exactly_one_gets_it);
	tcase_add_test(tcase, an_order_is_taken_whole_or_refused_whole);
	tcase_add_test(tcase, later_orders_see_what_earlier_ones_took);
	tcase_add_test(tcase, an_order_of_thirty_two_ingredients_is_one_order);
	tcase_add_test(tcase, all_thirty_two_may_be_missing);
	tcase_add_test(tcase,
		       of_an_unknown_ingredient_nothing_is_known_to_be_left);
	tcase_add_test(tcase, stalls_have_stock_of_their_own);
	tcase_add_test(tcase, the_most_that_can_be_wanted_overflows_nothing);
	tcase_add_test(tcase, where_nobody_looked_everything_is_there);
	tcase_add_test(tcase, a_duplicate_in_one_batch_takes_nothing_more);
	tcase_add_test(
		tcase,
		an_order_that_is_known_keeps_its_verdict_whatever_is_left);
	tcase_add_test(
		tcase,
		the_same_id_with_other_content_is_a_conflict_and_the_first_stays);
	tcase_add_test(
		tcase,
		an_order_that_was_decided_but_has_no_row_is_not_decided_again);
	tcase_add_test(tcase, poison_is_skipped);
}

static void add_stock(TCase *tcase)
{
	tcase_add_test(tcase,
		       what_is_put_in_is_there_for_the_orders_of_its_batch);
	tcase_add_test(tcase, what_was_not_there_at_all_can_be_put_in);
	tcase_add_test(tcase, a_count_after_an_addition_says_what_there_is);
	tcase_add_test(
		tcase,
		a_count_that_finds_what_was_expected_is_a_change_of_nothing);
	tcase_add_test(tcase, a_restock_that_comes_twice_counts_once);
	tcase_add_loop_test(tcase,
			    the_same_event_with_other_content_is_a_conflict, 0,
			    CHECK_N(repeats));
	tcase_add_test(
		tcase,
		a_count_of_before_its_number_was_kept_is_known_by_its_ingredient);
	tcase_add_test(tcase,
		       more_than_can_be_counted_is_refused_and_the_next_is_not);
}

static void add_the_rest(TCase *tcase)
{
	tcase_add_test(tcase, an_order_can_be_cancelled_behind_it);
	tcase_add_test(tcase,
		       a_cancellation_before_its_order_is_of_no_known_order);
	tcase_add_test(tcase, a_second_cancellation_is_refused);
	tcase_add_loop_test(tcase,
			    what_cannot_be_cancelled_is_kept_with_a_reason, 0,
			    CHECK_N(kept));
	tcase_add_test(tcase, what_comes_back_is_given_back_once);
	tcase_add_loop_test(tcase,
			    what_was_never_taken_for_the_grill_cannot_come_back,
			    0, CHECK_N(never_taken));
	tcase_add_test(tcase, what_comes_back_must_be_countable);
	tcase_add_loop_test(
		tcase, a_return_under_the_id_of_something_else_is_a_conflict, 0,
		2);
	tcase_add_test(tcase,
		       deciding_again_with_what_was_read_anew_gives_the_same);
	tcase_add_test(tcase,
		       deciding_again_with_other_stock_gives_another_verdict);
}

int main(void)
{
	Suite *suite = suite_create("decide");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	add_orders(tcase);
	add_stock(tcase);
	add_the_rest(tcase);
	return check_run(suite);
}
