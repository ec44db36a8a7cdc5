/* SPDX-License-Identifier: MIT */
/*
 * Sql: rows in and rows out of a real server. Both ways in must leave the same
 * rows, and what is loaded must be what was stored.
 */
#include "workers/chillybin/sql.h"

#include <string.h>

#include "infra/lib/postgres_fixture.h"
#include "workers/runtime/positions.h"

#define TIMEOUT_MS POSTGRES_TIMEOUT_MS
#define ODD "gr\xc3\xbcn \"quoted\" \\ \xf0\x9f\xa7\x80 'x'\t{},;"

static const char *url;
static struct pg *pg;
static struct batch *batch;
static struct known known;
static struct shelf shelf;
static struct sql sql;

static void setup(void)
{
	url = postgres_database();
	pg = postgres_connect(url, "galore");
	batch = batch_new();
	batch->decided_at_ms = INT64_C(1700000000123);
	postgres_exec(pg, "INSERT INTO stock VALUES ('main', 'cheese', 10),"
			  " ('main', 'bread', 20)");
}

static void teardown(void)
{
	pg = pg_free(pg);
	batch = batch_free(batch);
	known_deinit(&known);
	shelf_deinit(&shelf);
	sql_deinit(&sql);
}

/* ---- commands ---- */

static struct command *add(enum command_kind kind, enum event_type type)
{
	struct kafka_record kafka = { .offset = (int64_t)batch->n_records };
	struct record *record = batch_add(batch, NULL, &kafka);
	struct command *command = arena_alloc(&batch->arena, sizeof(*command));

	*command = (struct command){ .kind = kind,
				     .source = TEXT("/test"),
				     .event_id = TEXT("event") };
	envelope_init(&record->envelope);
	record->envelope.type = type;
	record->item = command;
	return command;
}

static const struct item plain[] = { { TEXT_INIT("cheese"), 2 },
				     { TEXT_INIT("bread"), 4 } };
static const struct item odd[] = { { TEXT_INIT(ODD), INT32_MAX },
				   { TEXT_INIT("cheese"), 1 } };

static struct command *order(uint8_t n, const struct item *items,
			     size_t n_items)
{
	struct command *command = add(COMMAND_ORDER, EVENT_ORDER_PLACED);

	command->placed.version = 2;
	command->own = (struct order_row){
		.id = { { n } },
		.content_hash = UINT64_MAX - n,
		.number = 100 + n,
		.stall = TEXT("main"),
		.items = items,
		.n_items = n_items,
		.doneness = DONENESS_LIGHT,
		.grill = true,
		.pick_version = 2,
		.partition = 3,
		.offset = n,
	};
	return command;
}

static struct command *stock_command(enum stock_command_kind kind,
				     const char *ingredient, int32_t quantity)
{
	struct command *command = add(COMMAND_STOCK, stock_command_type(kind));

	command->stock = (struct stock_command){
		.kind = kind,
		.stall = TEXT("main"),
		.ingredient = text_of(ingredient),
		.quantity = quantity,
	};
	return command;
}

/* ---- the way of a batch ---- */

static void decide_fast(void)
{
	batch->mode = BATCH_FAST;
	known_reset(&known);
	shelf_reset(&shelf);
	decide(batch, &known, &shelf);
}

static void load_and_decide(enum batch_mode mode)
{
	int r;

	batch->mode = mode;
	if (mode == BATCH_LOCKED)
		postgres_exec(pg, "BEGIN");
	r = sql_load(&sql, pg, batch, &known, &shelf);
	ck_assert_msg(!r, "%s", pg_message(pg));
	decide(batch, &known, &shelf);
}

static int store(bool copied)
{
	int r;

	if (!copied && batch->mode != BATCH_LOCKED)
		(void)pg_add(pg, &pg_begin, NULL);
	sql_store(&sql, pg, batch, &shelf, copied);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, TIMEOUT_MS);
	if (r == PG_E_SQL) {
		char state[6];

		(void)str_copy(state, sizeof(state), pg_sqlstate(pg));
		postgres_exec(pg, "ROLLBACK");
		ck_assert_str_eq(pg_sqlstate(pg), "");
		ck_assert_msg(!strcmp(state, ROWS_CHANGED) ||
				      !strcmp(state, ROWS_KNOWN),
			      "%s", state);
		return !strcmp(state, ROWS_CHANGED) ? 2 : 3;
	}
	ck_assert_int_eq(r, 0);
	return 0;
}

static int copy(void)
{
	int r = pg_copy_begin(pg, sql_copy_text, TIMEOUT_MS);

	if (!r)
		r = sql_copy(&sql, pg, batch);
	return r ? r : pg_copy_end(pg, TIMEOUT_MS);
}

static int64_t stock_of(const char *ingredient)
{
	char text[128];

	(void)snprintf(text, sizeof(text),
		       "SELECT sum(quantity)::bigint FROM stock"
		       " WHERE ingredient = '%s'",
		       ingredient);
	return postgres_number(url, text);
}

/* Orders of every kind: odd texts, nothing that may be missing, refused. */
static void fill(uint8_t from)
{
	struct command *command = order(from, odd, 2);

	command->own.customer = TEXT(ODD);
	command->own.stall = TEXT(ODD);
	command->own.traceparent = TEXT("00-trace-span-01");
	command->own.tracestate = TEXT("a=1,b=" ODD);
	command->own.doneness = DONENESS_BURNT;
	command->own.pick_version = 1;
	command->placed.version = 1;
	command->placed.metadata = (struct text){ "\x81\xa1k\xc0", 4 };
	(void)order((uint8_t)(from + 1), plain, 2);
	command = order((uint8_t)(from + 2), plain, 2);
	command->own.grill = false;
}

/* ---- storing ---- */

START_TEST(both_ways_in_leave_the_same_rows)
	{
		fill(10);
		decide_fast();
		ck_assert_int_eq(copy(), 0);
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		batch_reset(batch);
		fill(20);
		decide_fast();
		(void)pg_add(pg, &pg_begin, NULL);
		/* Only its orders: of the odd ones there is no stock. */
		shelf_reset(&shelf);
		sql_store(&sql, pg, batch, &shelf, false);
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(
			postgres_number(
				url,
				"SELECT count(*) FROM orders a JOIN orders b"
				" ON b.number = a.number + 10 AND"
				" (to_jsonb(a) - '{order_id,number,offset,"
				"content_hash}'::text[]) = (to_jsonb(b) -"
				" '{order_id,number,offset,content_hash}'::"
				"text[])"),
			3);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM orders"
					     " WHERE metadata = '\\x81a16bc0'"
					     " AND order_version = 1"),
			2);
	}
END_TEST

START_TEST(what_an_order_takes_is_gone)
	{
		(void)order(1, plain, 2);
		(void)order(2, plain, 2);
		decide_fast();
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("cheese"), 6);
		ck_assert_int_eq(stock_of("bread"), 12);
	}
END_TEST

START_TEST(stock_that_does_not_cover_the_batch_takes_nothing)
	{
		for (uint8_t i = 0; i < 6; i++)
			(void)order(i, plain, 2);
		decide_fast();
		ck_assert_int_eq(store(false), 2);
		ck_assert_int_eq(stock_of("cheese"), 10);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM orders"), 0);
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("cheese"), 0);
		ck_assert_int_eq(stock_of("bread"), 0);
		ck_assert_int_eq(postgres_number(url,
						 "SELECT count(*) FROM orders"
						 " WHERE verdict = 'refused'"),
				 1);
	}
END_TEST

START_TEST(an_id_that_is_known_fails_both_ways)
	{
		(void)order(1, plain, 2);
		decide_fast();
		ck_assert_int_eq(store(false), 0);
		decide_fast();
		ck_assert_int_eq(store(false), 3);
		ck_assert_int_eq(copy(), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), "23505");
		postgres_exec(pg, "ROLLBACK");
		ck_assert_int_eq(stock_of("cheese"), 8);
		load_and_decide(BATCH_CHECKED);
		ck_assert(!command_of(&batch->records[0])->is_new);
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("cheese"), 8);
	}
END_TEST

START_TEST(stock_that_is_not_what_was_read_fails)
	{
		(void)order(1, plain, 2);
		load_and_decide(BATCH_CHECKED);
		postgres_exec(pg, "UPDATE stock SET quantity = quantity + 1"
				  " WHERE ingredient = 'bread'");
		ck_assert_int_eq(store(false), 2);
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
	}
END_TEST

START_TEST(a_refusal_holds_only_if_the_stock_is_what_was_read)
	{
		static const struct item many[] = { { TEXT_INIT("cheese"),
						      11 } };

		(void)order(1, many, 1);
		load_and_decide(BATCH_CHECKED);
		postgres_exec(pg, "UPDATE stock SET quantity = 11");
		ck_assert_int_eq(store(false), 2);
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("cheese"), 0);
	}
END_TEST

START_TEST(an_ingredient_that_appears_meanwhile_is_not_what_was_read)
	{
		static const struct item ham[] = { { TEXT_INIT("ham"), 1 } };

		(void)order(1, ham, 1);
		load_and_decide(BATCH_CHECKED);
		postgres_exec(pg,
			      "INSERT INTO stock VALUES ('main', 'ham', 1)");
		ck_assert_int_eq(store(false), 2);
	}
END_TEST

START_TEST(rows_that_are_locked_are_what_was_read)
	{
		struct pg *other = postgres_connect(url, "galore");

		(void)order(1, plain, 2);
		load_and_decide(BATCH_LOCKED);
		ck_assert_int_eq(pg_exec(other,
					 "SET lock_timeout = '50ms';"
					 " UPDATE stock SET quantity = 0",
					 TIMEOUT_MS),
				 PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(other), "55P03");
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("cheese"), 8);
		(void)pg_free(other);
	}
END_TEST

START_TEST(what_is_put_in_for_the_first_time_has_a_row_even_if_all_is_taken)
	{
		static const struct item ham[] = { { TEXT_INIT("ham"), 3 } };

		(void)stock_command(STOCK_COMMAND_ADDED, "ham", 3);
		(void)order(1, ham, 1);
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("ham"), 0);
		ck_assert_int_eq(postgres_number(url,
						 "SELECT count(*) FROM stock"
						 " WHERE ingredient = 'ham'"),
				 1);
	}
END_TEST

START_TEST(an_order_for_what_nobody_has_makes_no_row)
	{
		static const struct item ham[] = { { TEXT_INIT("ham"), 3 } };

		(void)order(1, ham, 1);
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(postgres_number(url,
						 "SELECT count(*) FROM stock"
						 " WHERE ingredient = 'ham'"),
				 0);
	}
END_TEST

/* ---- loading ---- */

static void expect_text(struct text text, const char *expected)
{
	CHECK_BYTES(text.p, text.n, expected);
}

START_TEST(an_order_is_loaded_as_it_was_stored)
	{
		const struct order_row *row;
		struct order_id id = { { 10 } };

		fill(10);
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		load_and_decide(BATCH_CHECKED);
		row = known_order(&known, &id);
		ck_assert_ptr_nonnull(row);
		ck_assert_uint_eq(row->content_hash, UINT64_MAX - 10);
		ck_assert_int_eq(row->number, 110);
		expect_text(row->stall, ODD);
		expect_text(row->customer, ODD);
		ck_assert_uint_eq(row->n_items, 2);
		expect_text(row->items[0].ingredient, ODD);
		ck_assert_int_eq(row->items[0].quantity, INT32_MAX);
		expect_text(row->items[1].ingredient, "cheese");
		ck_assert_int_eq(row->doneness, DONENESS_BURNT);
		ck_assert(row->grill);
		ck_assert_int_eq(row->verdict, VERDICT_REFUSED);
		ck_assert_uint_eq(row->n_missing, 2);
		expect_text(row->missing[0].ingredient, ODD);
		ck_assert_int_eq(row->missing[0].wanted, INT32_MAX);
		ck_assert_int_eq(row->missing[0].left, MISSING_UNKNOWN);
		ck_assert_int_eq(row->pick_version, 1);
		ck_assert_int_eq(row->partition, 3);
		ck_assert_int_eq(row->offset, 10);
		ck_assert_int_eq(row->decided_at_ms, INT64_C(1700000000123));
		expect_text(row->traceparent, "00-trace-span-01");
		expect_text(row->tracestate, "a=1,b=" ODD);
		ck_assert_uint_eq(row->cancelled_position.n, 0);
		ck_assert_uint_eq(row->returned_event.n, 0);
		id.bytes[0] = 12;
		row = known_order(&known, &id);
		ck_assert_ptr_nonnull(row);
		ck_assert(!row->grill);
		ck_assert_int_eq(row->verdict, VERDICT_PICKED);
		ck_assert_uint_eq(row->n_missing, 0);
		ck_assert_uint_eq(row->customer.n, 0);
		ck_assert_uint_eq(row->traceparent.n, 0);
		ck_assert_ptr_null(row->tracestate.p);
	}
END_TEST

START_TEST(a_cancellation_is_stored_once_and_loaded)
	{
		struct command *cancellation;
		const struct order_row *row;
		struct order_id id = { { 1 } };

		(void)order(1, plain, 2);
		cancellation = add(COMMAND_CANCEL, EVENT_ORDER_CANCELLED);
		cancellation->order_id = id;
		cancellation->position = TEXT("orders/3@2");
		batch->records[1].envelope.traceparent = TEXT("00-a-b-01");
		batch->records[1].envelope.tracestate = TEXT("c=1");
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		/* As if nobody knew of it. */
		known_reset(&known);
		row = &command_of(&batch->records[0])->own;
		known_add_order(&known, (struct order_row *)(uintptr_t)row);
		command_of(&batch->records[0])->is_new = false;
		ck_assert_int_eq(store(false), 3);
		load_and_decide(BATCH_CHECKED);
		row = known_order(&known, &id);
		expect_text(row->cancelled_position, "orders/3@2");
		expect_text(row->cancel_traceparent, "00-a-b-01");
		expect_text(row->cancel_tracestate, "c=1");
		ck_assert_ptr_null(row->tracestate.p);
		ck_assert_int_eq(row->cancelled_at_ms, INT64_C(1700000000123));
		ck_assert(!cancellation->is_new);
		ck_assert_int_eq(cancellation->cancel_verdict,
				 VERDICT_CANCELLED);
	}
END_TEST

START_TEST(a_return_is_stored_once_and_loaded)
	{
		struct command *back;
		struct order_id id = { { 1 } };

		(void)order(1, plain, 2);
		back = add(COMMAND_RETURN, EVENT_TOASTIE);
		back->order_id = id;
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("cheese"), 10);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM"
					     " stock_changes WHERE kind ="
					     " 'returned' AND order_id IS NOT"
					     " NULL"),
			2);
		load_and_decide(BATCH_CHECKED);
		ck_assert(!back->is_new);
		ck_assert_ptr_nonnull(back->changes);
		ck_assert_ptr_nonnull(back->changes->next);
		ck_assert_int_eq(back->changes->kind, STOCK_CHANGE_RETURNED);
		ck_assert_uint_eq(back->changes->order_id.bytes[0], 1);
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("cheese"), 10);
	}
END_TEST

START_TEST(a_change_of_stock_is_loaded_as_it_was_stored)
	{
		struct command *count =
			stock_command(STOCK_COMMAND_COUNTED, "cheese", 3);
		const struct change_row *row;

		batch->records[0].envelope.traceparent = TEXT("00-a-b-01");
		batch->records[0].envelope.tracestate = TEXT("c=1");
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		ck_assert_int_eq(stock_of("cheese"), 3);
		ck_assert_int_eq(store(false), 3);
		load_and_decide(BATCH_CHECKED);
		ck_assert(!count->is_new);
		row = count->changes;
		ck_assert_ptr_nonnull(row);
		expect_text(row->source, "/test");
		expect_text(row->event_id, "event");
		expect_text(row->stall, "main");
		expect_text(row->ingredient, "cheese");
		expect_text(row->topic, "restocks");
		expect_text(row->traceparent, "00-a-b-01");
		expect_text(row->tracestate, "c=1");
		ck_assert_int_eq(row->kind, STOCK_CHANGE_COUNTED);
		ck_assert_int_eq(row->delta, -7);
		ck_assert_int_eq(row->counted, 3);
		ck_assert_int_eq(row->decided_at_ms, INT64_C(1700000000123));
	}
END_TEST

START_TEST(more_than_can_be_counted_is_no_error_of_the_database)
	{
		postgres_exec(pg, "UPDATE stock SET quantity ="
				  " 9223372036854775807 - 4"
				  " WHERE ingredient = 'cheese'");
		(void)stock_command(STOCK_COMMAND_ADDED, "cheese", 5);
		decide_fast();
		ck_assert_int_eq(store(false), 2);
		load_and_decide(BATCH_CHECKED);
		ck_assert_str_eq(batch->records[0].dead_reason, "contract");
		ck_assert_int_eq(store(false), 0);
		batch_reset(batch);
		(void)stock_command(STOCK_COMMAND_ADDED, "cheese", 4);
		decide_fast();
		ck_assert_int_eq(store(false), 0);
		ck_assert(stock_of("cheese") == INT64_MAX);
	}
END_TEST

/* ---- rows that were changed by hand ---- */

/* Of the order, and of the changes that its return has made. */
static const char *const damages[] = {
	"UPDATE orders SET stall = repeat('x', 256)",
	"UPDATE orders SET stall = ''",
	"UPDATE orders SET customer = repeat('x', 10000000)",
	"UPDATE orders SET tracestate = repeat('x', 200000)",
	"UPDATE orders SET cancelled_position = repeat('x', 300)",
	"UPDATE orders SET doneness = 'blue'",
	"UPDATE orders SET number = -1",
	"UPDATE orders SET items = '[]'",
	"UPDATE orders SET items = '\"bread\"'",
	"UPDATE orders SET items = '{}'",
	"UPDATE orders SET items = '[7]'",
	"UPDATE orders SET items = '[{\"ingredient\": \"x\", \"quantity\":"
	" \"many\"}]'",
	"UPDATE orders SET items = '[{\"ingredient\": \"x\", \"quantity\":"
	" 1e30}]'",
	"UPDATE orders SET verdict = 'refused', missing = '7'",
	"UPDATE orders SET items = '[{\"quantity\": 1}]'",
	"UPDATE orders SET items = '[{\"ingredient\": \"x\"}]'",
	"UPDATE orders SET items = '[{\"ingredient\": \"x\", \"quantity\":"
	" 2147483648}]'",
	"UPDATE orders SET items = jsonb_build_array(jsonb_build_object("
	"'ingredient', repeat('x', 200000), 'quantity', 1))",
	"UPDATE orders SET items = (SELECT jsonb_agg(jsonb_build_object("
	"'ingredient', n, 'quantity', 1)) FROM generate_series(1, 33) AS n)",
	"UPDATE orders SET verdict = 'refused', missing = '[{\"ingredient\":"
	" \"x\", \"wanted\": 0}]'",
	"UPDATE orders SET verdict = 'refused', missing = '[{\"ingredient\":"
	" \"x\", \"wanted\": 1, \"left\": -2}]'",
	"UPDATE orders SET verdict = 'refused', missing = (SELECT jsonb_agg("
	"jsonb_build_object('ingredient', n, 'wanted', 1))"
	" FROM generate_series(1, 33) AS n)",
};
static const char *const change_damages[] = {
	"UPDATE stock_changes SET stall = repeat('x', 200000)",
	"UPDATE stock_changes SET ingredient = repeat('x', 256)"
	" WHERE ingredient = 'bread'",
	"UPDATE stock_changes SET topic = repeat('x', 200)",
	"UPDATE stock_changes SET tracestate = repeat('x', 200000)",
};

static void order_and_return(void)
{
	struct order_id id = { { 1 } };
	struct command *command;

	(void)order(1, plain, 2);
	command = add(COMMAND_RETURN, EVENT_TOASTIE);
	command->order_id = id;
	load_and_decide(BATCH_CHECKED);
	ck_assert_int_eq(store(false), 0);
}

/* Of the batch, under that damage, from the record @from to below @to. */
static void expect_damaged(const char *damage, size_t from, size_t to)
{
	postgres_exec(pg, "BEGIN");
	postgres_exec(pg, damage);
	load_and_decide(BATCH_CHECKED);
	for (size_t i = 0; i < batch->n_records; i++) {
		const char *reason = batch->records[i].dead_reason;
		bool is_damaged = reason && !strcmp(reason, "damaged-row");

		ck_assert_msg(is_damaged == (i >= from && i < to), "%zu: %s", i,
			      damage);
	}
	batch_undo(batch);
	postgres_exec(pg, "ROLLBACK");
}

START_TEST(rows_that_were_changed_by_hand_cost_a_dead_letter_a_command)
	{
		struct order_id id = { { 1 } };

		order_and_return();
		add(COMMAND_CANCEL, EVENT_ORDER_CANCELLED)->order_id = id;
		add(COMMAND_RETURN, EVENT_TOASTIE)->order_id = id;
		(void)order(2, plain, 2);
		for (size_t i = 0; i < CHECK_N(damages); i++)
			expect_damaged(damages[i], 0, 4);
		batch_reset(batch);
		(void)order(1, plain, 2);
		add(COMMAND_RETURN, EVENT_TOASTIE)->order_id = id;
		(void)stock_command(STOCK_COMMAND_ADDED, "cheese", 1);
		for (size_t i = 0; i < CHECK_N(change_damages); i++)
			expect_damaged(change_damages[i], 1, 3);
	}
END_TEST

/* ---- memory ---- */

START_TEST(what_a_large_batch_has_needed_is_given_back)
	{
		static char name[TEXT_MAX_BYTES];
		static struct item many[ORDER_ITEMS_MAX];

		memset(name, 'x', sizeof(name));
		for (int i = 0; i < ORDER_ITEMS_MAX; i++)
			many[i] = (struct item){ { name, sizeof(name) }, 1 };
		for (uint8_t i = 0; i < 100; i++)
			(void)order(i, many, ORDER_ITEMS_MAX);
		load_and_decide(BATCH_CHECKED);
		ck_assert_int_eq(store(false), 0);
		ck_assert_uint_gt(sql.calls[CALL_ORDERS].args.buf.cap, 3 << 20);
		sql_trim(&sql);
		ck_assert_uint_eq(sql.calls[CALL_ORDERS].args.buf.cap, 0);
		/* It is as good as new. */
		batch_reset(batch);
		(void)order(100, plain, 2);
		decide_fast();
		ck_assert_int_eq(store(false), 0);
		sql_trim(&sql);
		ck_assert_uint_gt(sql.calls[CALL_ORDERS].args.buf.cap, 0);
	}
END_TEST

/* ---- rows of versions before ---- */

#define INSERT_OF_VERSION_4                                                    \
	"INSERT INTO stock_changes (source, event_id, ingredient, stall, "     \
	"kind,"                                                                \
	" delta, topic, partition, \"offset\", decided_at) VALUES ('/test',"   \
	" 'event', 'cheese', 'main', 'counted', -3, 'restocks', 0, 7, now())"  \
	" ON CONFLICT DO NOTHING"

static int64_t changes_before(void)
{
	return postgres_number(url,
			       "SELECT count(*) FROM before.stock_changes"
			       " WHERE (source, event_id) = ('/test', 'event')"
			       " AND counted IS NULL");
}

START_TEST(a_row_of_the_version_before_is_known_and_it_can_still_write)
	{
		static const char up[] =
			"migrations/0005_stock_change_keys.up.sql";
		static const char down[] =
			"migrations/0005_stock_change_keys.down.sql";
		const struct change_row *row;

		postgres_exec(pg, "CREATE SCHEMA before;"
				  "SET search_path = before");
		postgres_files(pg, "migrations/000[1-4]_*.up.sql");
		postgres_exec(pg, INSERT_OF_VERSION_4);
		postgres_file(pg, up);
		ck_assert_int_eq(changes_before(), 1);
		postgres_exec(pg, INSERT_OF_VERSION_4);
		ck_assert_int_eq(changes_before(), 1);
		(void)stock_command(STOCK_COMMAND_COUNTED, "cheese", 9);
		load_and_decide(BATCH_CHECKED);
		row = command_of(&batch->records[0])->changes;
		ck_assert_ptr_nonnull(row);
		ck_assert_int_eq(row->counted, COUNTED_UNKNOWN);
		ck_assert_int_eq(row->delta, -3);
		postgres_exec(pg,
			      "DELETE FROM stock_changes;" INSERT_OF_VERSION_4);
		ck_assert_int_eq(changes_before(), 1);
		postgres_file(pg, down);
		postgres_exec(pg, INSERT_OF_VERSION_4);
		postgres_file(pg, up);
		ck_assert_int_eq(changes_before(), 1);
	}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, both_ways_in_leave_the_same_rows);
	tcase_add_test(tcase, what_an_order_takes_is_gone);
	tcase_add_test(tcase,
		       stock_that_does_not_cover_the_batch_takes_nothing);
	tcase_add_test(tcase, an_id_that_is_known_fails_both_ways);
	tcase_add_test(tcase, stock_that_is_not_what_was_read_fails);
	tcase_add_test(tcase,
		       a_refusal_holds_only_if_the_stock_is_what_was_read);
	tcase_add_test(
		tcase,
		an_ingredient_that_appears_meanwhile_is_not_what_was_read);
	tcase_add_test(tcase, rows_that_are_locked_are_what_was_read);
	tcase_add_test(
		tcase,
		what_is_put_in_for_the_first_time_has_a_row_even_if_all_is_taken);
	tcase_add_test(tcase, an_order_for_what_nobody_has_makes_no_row);
	tcase_add_test(tcase, an_order_is_loaded_as_it_was_stored);
	tcase_add_test(tcase, a_cancellation_is_stored_once_and_loaded);
	tcase_add_test(tcase, a_return_is_stored_once_and_loaded);
	tcase_add_test(tcase, a_change_of_stock_is_loaded_as_it_was_stored);
	tcase_add_test(
		tcase,
		rows_that_were_changed_by_hand_cost_a_dead_letter_a_command);
	tcase_add_test(tcase, what_a_large_batch_has_needed_is_given_back);
	tcase_add_test(tcase,
		       more_than_can_be_counted_is_no_error_of_the_database);
	tcase_add_test(
		tcase,
		a_row_of_the_version_before_is_known_and_it_can_still_write);
}

int main(void)
{
	Suite *suite = suite_create("sql");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	add_tests(tcase);
	return postgres_run(suite);
}
