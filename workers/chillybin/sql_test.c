/* SPDX-License-Identifier: MIT */
/*
 * Sql: rows in and rows out of a real server. Both ways in must leave the same
 * rows, what is loaded must be what was stored, and whatever a contract allows
 * must fit the tables and every index on them.
 */
#include "workers/chillybin/sql.h"

#include "schemas/fixture.h"
#include "workers/chillybin/columns.h"
#include "workers/chillybin/sql_fixture.h"

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define ODD "%3B gr\xc3\xbcn \"quoted\" \\ \xf0\x9f\xa7\x80 'x'\t{},;"

static const char *url;
static struct sql_worker worker;

static void setup(void)
{
	url = postgres_database();
	sql_worker_open(&worker, url);
	postgres_exec(worker.pg,
		      "INSERT INTO stock VALUES ('main', 'cheese', 10),"
		      " ('main', 'bread', 20)");
}

static void teardown(void)
{
	sql_worker_close(&worker);
}

/* ---- inputs ---- */

static const struct item plain[] = { { TEXT_INIT("cheese"), 2 },
				     { TEXT_INIT("bread"), 4 } };
static const struct item odd[] = { { TEXT_INIT(ODD), INT32_MAX },
				   { TEXT_INIT("cheese"), 1 } };
static const struct item ham[] = { { TEXT_INIT("ham"), 3 } };
static const struct item eleven[] = { { TEXT_INIT("cheese"), 11 } };

static struct input *order(uint8_t n, const struct item *items, size_t n_items)
{
	struct input *input = sql_worker_add(&worker, INPUT_ORDER,
					     EVENT_ORDER_PLACED, "event");

	input->own = (struct order_row){
		.id = { { n } },
		.content_hash = UINT64_MAX - n,
		.number = n * TOPIC_PARTITIONS + 3,
		.stall = TEXT("main"),
		.items = items,
		.n_items = n_items,
		.doneness = DONENESS_LIGHT,
		.grill = true,
		.version = 2,
		.pick_version = 2,
		.partition = 3,
		.offset = n,
	};
	return input;
}

static struct input *stock_command(enum stock_command_kind kind,
				   const char *ingredient, int32_t quantity)
{
	struct input *input = sql_worker_add(&worker, INPUT_STOCK,
					     stock_command_type(kind), "event");

	input->stock = (struct stock_command){
		.kind = kind,
		.stall = TEXT("main"),
		.ingredient = text_of(ingredient),
		.quantity = quantity,
	};
	return input;
}

static struct input *cancel(uint8_t n)
{
	struct input *input = sql_worker_add(&worker, INPUT_CANCELLATION,
					     EVENT_ORDER_CANCELLED, "event");

	input->order_id.bytes[0] = n;
	input->position = TEXT("orders/3@2");
	return input;
}

static struct input *give_back(uint8_t n)
{
	struct input *input =
		sql_worker_add(&worker, INPUT_RETURN, EVENT_TOASTIE, "event");

	input->order_id.bytes[0] = n;
	return input;
}

static void trace_last(void)
{
	struct batch *batch = worker.batch;
	struct record *record = &batch->records[batch->n_records - 1];

	record->traceparent = TEXT(TRACE);
	record->tracestate = TEXT("c=1");
}

/* Orders of every kind: odd texts, nothing that may be missing, refused. */
static void fill(uint8_t from)
{
	struct input *input = order(from, odd, 2);

	input->own.customer = TEXT(ODD);
	input->own.stall = TEXT(ODD);
	input->own.traceparent = TEXT(TRACE);
	input->own.tracestate = TEXT("a=1,b=" ODD);
	input->own.doneness = DONENESS_BURNT;
	input->own.pick_version = 1;
	input->own.version = 1;
	input->own.metadata = (struct text){ "\x81\xa1k\xc0", 4 };
	(void)order((uint8_t)(from + 1), plain, 2);
	order((uint8_t)(from + 2), plain, 2)->own.grill = false;
}

/* ---- the way of a batch ---- */

static void expect_stored(enum batch_mode mode, const char *sqlstate)
{
	sql_worker_decide(&worker, mode);
	sql_worker_store(&worker);
	ck_assert_str_eq(worker.sqlstate, sqlstate);
}

static int copy(void)
{
	int r = pg_copy_begin(worker.pg, sql_copy_text, POSTGRES_TIMEOUT_MS);

	if (!r)
		r = sql_copy(&worker.chillybin, worker.pg, worker.batch);
	return r ? r : pg_copy_end(worker.pg, POSTGRES_TIMEOUT_MS);
}

static int64_t stock_of(const char *ingredient)
{
	char text[128];

	(void)snprintf(text, sizeof(text),
		       "SELECT coalesce(sum(quantity), -1)::bigint FROM stock"
		       " WHERE ingredient = '%s'",
		       ingredient);
	return postgres_number(url, text);
}

/* ---- rows that are the same ---- */

static void same_text(const char *column, struct text a, struct text b)
{
	ck_assert_msg(text_equal(a, b), "%s: '%.*s' is not '%.*s'", column,
		      (int)a.n, a.p, (int)b.n, b.p);
}

static void same_id(const char *column, struct order_id a, struct order_id b)
{
	ck_assert_msg(!order_id_compare(&a, &b), "%s", column);
}

static void same_hash(const char *column, uint64_t a, uint64_t b)
{
	ck_assert_msg(a == b, "%s", column);
}

static void same_number(const char *column, int64_t a, int64_t b)
{
	ck_assert_msg(a == b, "%s: %lld is not %lld", column, (long long)a,
		      (long long)b);
}

/* clang-format off */
#define SAME(n, column, type, form, field) \
	_Generic(a->field, struct text: same_text, struct order_id: same_id, \
		 uint64_t: same_hash, \
		 default: same_number)(#column, a->field, b->field);
#define SAME_WHOLE(n, column, type, form, field) same_##form(a, b);
/* clang-format on */

static void same_items(const struct order_row *a, const struct order_row *b)
{
	same_number("items", (int64_t)a->n_items, (int64_t)b->n_items);
	for (size_t i = 0; i < a->n_items; i++) {
		same_text("item", a->items[i].ingredient,
			  b->items[i].ingredient);
		same_number("item", a->items[i].quantity, b->items[i].quantity);
	}
}

static void same_missing(const struct order_row *a, const struct order_row *b)
{
	same_number("missing", (int64_t)a->n_missing, (int64_t)b->n_missing);
	for (size_t i = 0; i < a->n_missing; i++) {
		same_text("missing", a->missing[i].ingredient,
			  b->missing[i].ingredient);
		same_number("wanted", a->missing[i].wanted,
			    b->missing[i].wanted);
		same_number("left", a->missing[i].left, b->missing[i].left);
	}
}

static void same_returned_order(const struct change_row *a,
				const struct change_row *b)
{
	same_id("order_id", a->order_id, b->order_id);
}

static void same_order(const struct order_row *a, const struct order_row *b)
{
	ORDER_COLUMNS(SAME, SAME, SAME_WHOLE, COLUMN_NONE, SAME)
}

static void same_change(const struct change_row *a, const struct change_row *b)
{
	CHANGE_COLUMNS(SAME, SAME, SAME_WHOLE)
}

static void expect_changes(const struct change_row *row)
{
	const struct change_row *stored;

	for (; row; row = row->next) {
		stored = loaded_change(&worker.chillybin.sql.loaded,
				       row->source, row->event_id);
		while (stored &&
		       !text_equal(stored->ingredient, row->ingredient))
			stored = stored->next;
		ck_assert_ptr_nonnull(stored);
		ck_assert(!stored->damaged);
		same_change(stored, row);
	}
}

/* Everything that the batch has stored is loaded as it was stored. Then it is
 * decided again, and nothing of it is new. */
static void expect_loaded(void)
{
	struct sql *sql = &worker.chillybin.sql;
	struct batch *batch = worker.batch;

	batch->mode = BATCH_CHECKED;
	ck_assert_int_eq(sql_load(&worker.chillybin, worker.pg, batch), 0);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct input *input = input_of(&batch->records[i]);
		const struct order_row *stored;

		if (batch->records[i].dead_reason)
			continue;
		if (input->kind == INPUT_ORDER) {
			stored = loaded_order(&sql->loaded, &input->own.id);
			ck_assert_ptr_nonnull(stored);
			ck_assert(!stored->damaged);
			same_order(stored, &input->own);
		} else {
			expect_changes(input->changes);
		}
	}
	decide(&worker.chillybin, batch);
	for (size_t i = 0; i < batch->n_records; i++)
		ck_assert(batch->records[i].poison ||
			  !input_of(&batch->records[i])->is_new);
}

/* ---- storing ---- */

START_TEST(both_ways_in_leave_the_same_rows)
	{
		struct pg *pg = worker.pg;

		fill(10);
		sql_worker_decide(&worker, BATCH_FAST);
		ck_assert_int_eq(copy(), 0);
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, POSTGRES_TIMEOUT_MS), 0);
		batch_reset(worker.batch);
		fill(20);
		sql_worker_decide(&worker, BATCH_FAST);
		/* Only its orders: of the odd ones there is no stock. */
		stock_snapshot_reset(&worker.chillybin.sql.snapshot);
		sql_worker_store(&worker);
		ck_assert_str_eq(worker.sqlstate, "");
		ck_assert_int_eq(
			postgres_number(
				url,
				"SELECT count(*) FROM orders a JOIN orders b"
				" ON b.\"offset\" = a.\"offset\" + 10 AND"
				" (to_jsonb(a) - '{order_id,offset,"
				"content_hash}'::text[]) = (to_jsonb(b) -"
				" '{order_id,offset,content_hash}'::text[])"),
			3);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM orders"
					     " WHERE metadata = '\\x81a16bc0'"
					     " AND order_version = 1"),
			2);
		expect_loaded();
	}
END_TEST

START_TEST(stock_that_does_not_cover_the_batch_stays_as_it_is)
	{
		for (uint8_t i = 0; i < 6; i++)
			(void)order(i, plain, 2);
		expect_stored(BATCH_FAST, ROWS_CHANGED);
		ck_assert_int_eq(stock_of("cheese"), 10);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM orders"), 0);
		expect_stored(BATCH_CHECKED, "");
		ck_assert_int_eq(stock_of("cheese"), 0);
		ck_assert_int_eq(stock_of("bread"), 0);
		ck_assert_int_eq(postgres_number(url,
						 "SELECT count(*) FROM orders"
						 " WHERE verdict = 'r'"),
				 1);
	}
END_TEST

START_TEST(an_id_that_is_stored_already_fails_both_ways)
	{
		(void)order(1, plain, 2);
		expect_stored(BATCH_FAST, "");
		expect_stored(BATCH_FAST, ROWS_KNOWN);
		ck_assert_int_eq(copy(), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(worker.pg), "23505");
		postgres_exec(worker.pg, "ROLLBACK");
		ck_assert_int_eq(stock_of("cheese"), 8);
		expect_stored(BATCH_CHECKED, "");
		ck_assert_int_eq(stock_of("cheese"), 8);
	}
END_TEST

/* What happens between load() and store(). */
static const struct {
	const struct item *items;
	size_t n_items;
	const char *change;
	int64_t cheese; /* that is left in the end */
} changed_stock[] = {
	{ plain, 2,
	  "UPDATE stock SET quantity = quantity + 1"
	  " WHERE ingredient = 'bread'",
	  8 },
	/* A refusal holds only if the stock is what was read. */
	{ eleven, 1, "UPDATE stock SET quantity = 11", 0 },
	{ ham, 1, "INSERT INTO stock VALUES ('main', 'ham', 1)", 10 },
};

START_TEST(stock_that_is_not_what_was_read_fails)
	{
		(void)order(1, changed_stock[_i].items,
			    changed_stock[_i].n_items);
		sql_worker_decide(&worker, BATCH_CHECKED);
		postgres_exec(worker.pg, changed_stock[_i].change);
		sql_worker_store(&worker);
		ck_assert_str_eq(worker.sqlstate, ROWS_CHANGED);
		expect_stored(BATCH_CHECKED, "");
		ck_assert_int_eq(stock_of("cheese"), changed_stock[_i].cheese);
	}
END_TEST

START_TEST(rows_that_are_locked_are_what_was_read)
	{
		struct pg *other = postgres_connect(url, "galore");

		(void)order(1, plain, 2);
		sql_worker_decide(&worker, BATCH_LOCKED);
		ck_assert_int_eq(pg_exec(other,
					 "SET lock_timeout = '50ms';"
					 " UPDATE stock SET quantity = 0",
					 POSTGRES_TIMEOUT_MS),
				 PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(other), "55P03");
		sql_worker_store(&worker);
		ck_assert_str_eq(worker.sqlstate, "");
		ck_assert_int_eq(stock_of("cheese"), 8);
		(void)pg_free(other);
	}
END_TEST

/* An order for an ingredient that nobody has makes no row of it. */
START_TEST(an_ingredient_that_is_added_has_a_row_even_if_all_is_reserved)
	{
		if (_i)
			(void)stock_command(STOCK_COMMAND_ADDED, "ham", 3);
		(void)order(1, ham, 1);
		expect_stored(BATCH_CHECKED, "");
		ck_assert_int_eq(stock_of("ham"), _i ? 0 : -1);
	}
END_TEST

START_TEST(more_than_can_be_counted_is_no_error_of_the_database)
	{
		postgres_exec(worker.pg, "UPDATE stock SET quantity ="
					 " 9223372036854775807 - 4"
					 " WHERE ingredient = 'cheese'");
		(void)stock_command(STOCK_COMMAND_ADDED, "cheese", 5);
		expect_stored(BATCH_FAST, ROWS_CHANGED);
		expect_stored(BATCH_CHECKED, "");
		ck_assert_str_eq(worker.batch->records[0].dead_reason,
				 "contract");
		batch_reset(worker.batch);
		(void)stock_command(STOCK_COMMAND_ADDED, "cheese", 4);
		expect_stored(BATCH_FAST, "");
		ck_assert(stock_of("cheese") == INT64_MAX);
	}
END_TEST

/* ---- loading ---- */

START_TEST(every_row_is_stored_once_and_loaded_as_it_was_stored)
	{
		struct order_row *own;

		fill(10);
		(void)cancel(11);
		trace_last();
		(void)give_back(11);
		trace_last();
		stock_command(STOCK_COMMAND_COUNTED, "bread", 30)->event_id =
			TEXT("count");
		trace_last();
		expect_stored(BATCH_CHECKED, "");
		ck_assert_int_eq(stock_of("cheese"), 8);
		/* One row after another, as if it was not there yet. */
		for (size_t i = 0; i < worker.batch->n_records; i++) {
			for (size_t k = 0; k < worker.batch->n_records; k++)
				input_of(&worker.batch->records[k])->is_new =
					k == i;
			sql_worker_store(&worker);
			ck_assert_str_eq(worker.sqlstate, ROWS_KNOWN);
		}
		own = &input_of(&worker.batch->records[1])->own;
		ck_assert(text_equal(own->cancelled_position,
				     TEXT("orders/3@2")));
		ck_assert(text_equal(own->cancel_traceparent, TEXT(TRACE)));
		ck_assert(text_equal(own->returned_event, TEXT("event")));
		expect_loaded();
		ck_assert_int_eq(stock_of("cheese"), 8);
	}
END_TEST

/* ---- the longest texts ---- */

enum { STALL = 1, CUSTOMER, SOURCE, EVENT, STATE, INGREDIENTS };

static struct item longest_items[ORDER_ITEMS_MAX];
static char longest_metadata[METADATA_MAX_BYTES];

/* The longest text of that number; for ever. */
static struct text longest(int n)
{
	static char texts[INGREDIENTS + ORDER_ITEMS_MAX][TEXT_MAX_BYTES];

	return fixture_longest(texts[n], (uint64_t)n);
}

static void make_longest(void)
{
	for (int i = 0; i < ORDER_ITEMS_MAX; i++)
		longest_items[i] = (struct item){ longest(INGREDIENTS + i), 1 };
	for (size_t i = 0; i < sizeof(longest_metadata); i++)
		longest_metadata[i] = longest(STATE).p[i % TEXT_MAX_BYTES];
}

static void longest_envelope(const struct text *event)
{
	struct record *record =
		&worker.batch->records[worker.batch->n_records - 1];
	struct input *input = input_of(record);

	record->event_id = *event;
	record->kafka.partition = TOPIC_PARTITIONS - 1;
	record->kafka.offset = INT64_MAX / TOPIC_PARTITIONS - 1;
	record->traceparent = TEXT(TRACE);
	record->tracestate = (struct text){ longest(STATE).p, 512 };
	if (input->kind == INPUT_ORDER) {
		input->own.traceparent = record->traceparent;
		input->own.tracestate = record->tracestate;
		return;
	}
	input->source = longest(SOURCE);
	input->event_id = *event;
	input->position = longest(EVENT);
}

static void longest_order(uint8_t n)
{
	struct order_row *own = &order(n, longest_items, ORDER_ITEMS_MAX)->own;

	own->content_hash = UINT64_MAX;
	own->stall = longest(STALL);
	own->customer = longest(CUSTOMER);
	own->metadata =
		(struct text){ longest_metadata, sizeof(longest_metadata) };
	own->partition = TOPIC_PARTITIONS - 1;
	own->offset = INT64_MAX / TOPIC_PARTITIONS - 1;
	(void)order_number(&own->number, 0, own->offset, own->partition,
			   TOPIC_PARTITIONS);
	longest_envelope(&(struct text){ longest(EVENT).p, TEXT_MAX_BYTES });
}

static void longest_restock(int i)
{
	struct text ingredient = longest_items[i].ingredient;
	struct input *input = stock_command(STOCK_COMMAND_ADDED, "", 1);

	input->stock.stall = longest(STALL);
	input->stock.ingredient = ingredient;
	longest_envelope(&ingredient);
}

static void longest_dead_letter(void)
{
	struct batch *batch = worker.batch;
	struct record *record;
	struct schema_fault fault;

	memset(fault.what, 'x', sizeof(fault.what) - 1);
	fault.what[sizeof(fault.what) - 1] = '\0';
	(void)order(9, plain, 2);
	record = &batch->records[batch->n_records - 1];
	record->kafka.key = longest_metadata;
	record->kafka.n_key = sizeof(longest_metadata);
	record->poison = true;
	batch_dead(batch, record, "unknown-version", fault.what);
}

START_TEST(the_longest_that_a_contract_allows_fits_every_table)
	{
		static const struct identity identity = {
			.service = "chillybin",
			.topics = { &topic_table[TOPIC_ORDERS] },
			.n_topics = 1,
		};
		struct pg_call dead = { 0 };
		struct text event = longest(EVENT);

		make_longest();
		for (int i = 0; i < ORDER_ITEMS_MAX; i++)
			longest_restock(i);
		longest_order(1);
		longest_order(2);
		(void)cancel(1);
		longest_envelope(&event);
		(void)give_back(1);
		longest_envelope(&event);
		longest_dead_letter();
		expect_stored(BATCH_CHECKED, "");
		positions_add_dead(worker.pg, &identity, worker.batch, &dead);
		ck_assert_int_eq(pg_run(worker.pg, POSTGRES_TIMEOUT_MS), 0);
		pg_call_deinit(&dead);
		ck_assert_int_eq(
			postgres_number(url,
					"SELECT (SELECT count(*) FROM orders)"
					" * 1000 + (SELECT count(*) FROM"
					" stock_changes) * 10 + (SELECT"
					" count(*) FROM dead_letters)"),
			2000 + 20 * ORDER_ITEMS_MAX + 1);
		ck_assert_uint_eq(
			input_of(&worker.batch->records[ORDER_ITEMS_MAX + 1])
				->own.n_missing,
			ORDER_ITEMS_MAX);
		expect_loaded();
	}
END_TEST

START_TEST(the_longest_order_fits_by_copy_too)
	{
		make_longest();
		longest_order(1);
		sql_worker_decide(&worker, BATCH_FAST);
		ck_assert_int_eq(copy(), 0);
		postgres_exec(worker.pg, "COMMIT");
		expect_loaded();
	}
END_TEST

/* ---- rows that were changed by hand ---- */

/* Of the order, and of the changes that its return has made. */
static const char *const damages[] = {
	"stall = repeat('x', 256)",
	"stall = repeat('x', 10000000)",
	"stall = ''",
	"customer = repeat('x', 10000000)",
	"tracestate = repeat('x', 200000)",
	"trace = '\\x00'",
	"cancelled_position = repeat('x', 300)",
	"doneness = 'x'",
	"doneness = ''",
	"\"offset\" = -1",
	"\"offset\" = 768614336404564651",
	"partition = 12",
	"items = ''",
	"items = 'bread'",
	"items = '7'",
	"items = '7 '",
	"items = '1 bread;;1 cheese'",
	"items = 'many bread'",
	"items = '0 bread'",
	"items = '1e3 bread'",
	"items = '2147483648 bread'",
	"items = '1 ' || repeat('x', 256)",
	"items = '1 ' || repeat('x', 10000000)",
	"items = '1 %'",
	"items = '1 %FF'",
	"items = '1 %00'",
	"items = '1 x' || repeat(';1 x', 32)",
	"verdict = 'r', missing = ''",
	"verdict = 'r', missing = '1 bread'",
	"verdict = 'r', missing = '1/2'",
	"verdict = 'r', missing = '0/1 bread'",
	"verdict = 'r', missing = '1/-2 bread'",
	"verdict = 'r', missing = '1/? %'",
	"verdict = 'r', missing = '1/? x' || repeat(';1/? x', 32)",
};
static const char *const change_damages[] = {
	"stall = repeat('x', 200000)",
	"ingredient = repeat('x', 256) WHERE ingredient = 'bread'",
	"topic = repeat('x', 200)",
	"tracestate = repeat('x', 200000)",
};

/* Of the batch, under that damage, from the record @from to below @to. */
static void expect_damaged(const char *table, const char *damage, size_t from,
			   size_t to)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql), "BEGIN; UPDATE %s SET %s", table,
		       damage);
	postgres_exec(worker.pg, sql);
	sql_worker_decide(&worker, BATCH_CHECKED);
	for (size_t i = 0; i < worker.batch->n_records; i++) {
		const char *reason = worker.batch->records[i].dead_reason;
		bool is_damaged = reason && !strcmp(reason, "damaged-row");

		ck_assert_msg(is_damaged == (i >= from && i < to), "%zu: %s", i,
			      damage);
	}
	batch_undo(worker.batch);
	/* People can still read it. */
	postgres_exec(worker.pg, "SELECT * FROM order_view; ROLLBACK");
}

START_TEST(rows_that_were_changed_by_hand_cost_a_dead_letter_an_input)
	{
		(void)order(1, plain, 2);
		(void)give_back(1);
		expect_stored(BATCH_CHECKED, "");
		(void)cancel(1);
		(void)give_back(1);
		(void)order(2, plain, 2);
		for (size_t i = 0; i < CHECK_N(damages); i++)
			expect_damaged("orders", damages[i], 0, 4);
		batch_reset(worker.batch);
		(void)order(1, plain, 2);
		(void)give_back(1);
		(void)stock_command(STOCK_COMMAND_ADDED, "cheese", 1);
		for (size_t i = 0; i < CHECK_N(change_damages); i++)
			expect_damaged("stock_changes", change_damages[i], 1,
				       3);
	}
END_TEST

/* ---- memory ---- */

START_TEST(memory_that_a_large_batch_has_needed_is_freed)
	{
		const struct buf *args =
			&worker.chillybin.sql.calls[CALL_ORDERS].args.buf;

		make_longest();
		for (uint8_t i = 0; i < 100; i++)
			(void)order(i, longest_items, ORDER_ITEMS_MAX);
		expect_stored(BATCH_CHECKED, "");
		ck_assert_uint_gt(args->cap, 3 << 20);
		sql_trim(&worker.chillybin.sql);
		ck_assert_uint_eq(args->cap, 0);
		/* It is as good as new. */
		batch_reset(worker.batch);
		(void)order(100, plain, 2);
		expect_stored(BATCH_FAST, "");
		sql_trim(&worker.chillybin.sql);
		ck_assert_uint_gt(args->cap, 0);
	}
END_TEST

/* ---- rows of versions before ---- */

/* Of `orders` as it was up to version 6, and of `stock_changes` up to 4. */
static const char rows_before[] =
	"INSERT INTO orders (order_id, number, stall, customer, items, "
	"doneness,"
	" grill, metadata, content_hash, verdict, missing, order_version,"
	" pick_version, partition, \"offset\", decided_at, traceparent,"
	" tracestate, cancelled_position, cancelled_at, cancel_traceparent,"
	" cancel_tracestate, returned_event, returned_at) SELECT"
	" (n || repeat('0', 31))::uuid, 12 * n + 5, 'main', 'gita', items,"
	" doneness, n > 1, '\\x80', 7, CASE WHEN missing IS NULL THEN 'picked'"
	" ELSE 'refused' END, missing, 2, 1, 5, n, '2026-01-02T03:04:05.678Z',"
	" trace, 'a=1', CASE n WHEN 2 THEN 'orders/3@2' END, CASE n WHEN 2 THEN"
	" timestamptz 'epoch' END, CASE n WHEN 2 THEN trace END, CASE n WHEN 2"
	" THEN 'b=2' END, CASE n WHEN 2 THEN 'event' END, CASE n WHEN 2 THEN"
	" timestamptz 'epoch' END FROM (VALUES"
	" (1, 'light', jsonb '[{\"ingredient\": \"a;b %3B %\", \"quantity\": "
	"2},"
	" {\"ingredient\": \"bread\", \"quantity\": 2147483647}]', NULL::jsonb,"
	" '" TRACE "'),"
	" (2, 'well-done', '[{\"ingredient\": \"bread\", \"quantity\": 1}]',"
	" NULL, '01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03'),"
	" (3, 'burnt', '[{\"ingredient\": \"x y\", \"quantity\": 3}, "
	" {\"ingredient\": \"ham\", \"quantity\": 1}]', '[{\"ingredient\":"
	" \"x y\", \"wanted\": 3, \"left\": null}, {\"ingredient\": \"ham\","
	" \"wanted\": 1, \"left\": 0}]', NULL))"
	" AS v(n, doneness, items, missing, trace);"
	"INSERT INTO stock_changes (source, event_id, ingredient, stall, kind,"
	" delta, topic, partition, \"offset\", decided_at) VALUES ('/test',"
	" 'event', 'cheese', 'main', 'counted', -3, 'restocks', 0, 7, now())";

START_TEST(rows_of_the_version_before_are_moved_and_read_and_moved_back)
	{
		const struct input *first, *last;
		const struct change_row *counted;

		postgres_exec(worker.pg, "CREATE SCHEMA before;"
					 "SET search_path = before");
		postgres_files(worker.pg, "migrations/000[1-4]_*.up.sql");
		postgres_exec(worker.pg, rows_before);
		postgres_files(worker.pg, "migrations/000[56]_*.up.sql");
		postgres_exec(worker.pg, "CREATE TABLE was AS SELECT"
					 " jsonb_agg(o ORDER BY order_id) AS"
					 " rows FROM orders o");
		postgres_files(worker.pg, "migrations/0007_*.up.sql");
		for (uint8_t n = 1; n <= 3; n++)
			(void)order((uint8_t)(n << 4), plain, 2);
		(void)stock_command(STOCK_COMMAND_COUNTED, "cheese", 9);
		sql_worker_decide(&worker, BATCH_CHECKED);
		for (size_t i = 0; i < worker.batch->n_records; i++) {
			ck_assert_ptr_null(
				worker.batch->records[i].dead_reason);
			ck_assert(!input_of(&worker.batch->records[i])->is_new);
		}
		first = input_of(&worker.batch->records[0]);
		ck_assert_int_eq(first->row->number, 17);
		ck_assert(text_equal(first->row->items[0].ingredient,
				     TEXT("a;b %3B %")));
		ck_assert(text_equal(first->row->traceparent, TEXT(TRACE)));
		last = input_of(&worker.batch->records[2]);
		ck_assert_int_eq(last->row->doneness, DONENESS_BURNT);
		ck_assert_int_eq(last->row->missing[0].left, MISSING_UNKNOWN);
		ck_assert_int_eq(last->row->missing[1].left, 0);
		counted = input_of(&worker.batch->records[3])->changes;
		ck_assert_int_eq(counted->counted, COUNTED_UNKNOWN);
		ck_assert_int_eq(counted->delta, -3);
		postgres_files(worker.pg, "migrations/0007_*.down.sql");
		/* But for the version of a trace that came with a later one,
		 * and the hash. */
		postgres_exec(worker.pg,
			      "UPDATE was SET rows = replace(replace(replace("
			      "rows::text, '\"01-0', '\"00-0'), '31-03\"',"
			      " '31-01\"'), '_hash\": 7', '_hash\": 0')"
			      "::jsonb");
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM before.was"
					     " JOIN (SELECT jsonb_agg(o ORDER"
					     " BY order_id) AS rows FROM"
					     " before.orders o) o USING"
					     " (rows)"),
			1);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sql");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, both_ways_in_leave_the_same_rows);
	tcase_add_test(tcase,
		       stock_that_does_not_cover_the_batch_stays_as_it_is);
	tcase_add_test(tcase, an_id_that_is_stored_already_fails_both_ways);
	tcase_add_loop_test(tcase, stock_that_is_not_what_was_read_fails, 0,
			    CHECK_N(changed_stock));
	tcase_add_test(tcase, rows_that_are_locked_are_what_was_read);
	tcase_add_loop_test(
		tcase,
		an_ingredient_that_is_added_has_a_row_even_if_all_is_reserved,
		0, 2);
	tcase_add_test(tcase,
		       more_than_can_be_counted_is_no_error_of_the_database);
	tcase_add_test(tcase,
		       every_row_is_stored_once_and_loaded_as_it_was_stored);
	tcase_add_test(tcase,
		       the_longest_that_a_contract_allows_fits_every_table);
	tcase_add_test(tcase, the_longest_order_fits_by_copy_too);
	tcase_add_test(
		tcase,
		rows_that_were_changed_by_hand_cost_a_dead_letter_an_input);
	tcase_add_test(tcase, memory_that_a_large_batch_has_needed_is_freed);
	tcase_add_test(
		tcase,
		rows_of_the_version_before_are_moved_and_read_and_moved_back);
	return postgres_run(suite);
}
