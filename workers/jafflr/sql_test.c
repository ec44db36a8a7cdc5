/* SPDX-License-Identifier: MIT */
/* Sql: what intake writes is what it reads; against a real server. */
#include "workers/jafflr/jafflr.h"

#include <string.h>

#include "workers/jafflr/jafflr_fixture.h"

#define TIMEOUT_MS POSTGRES_TIMEOUT_MS
#define DECIDED_MS INT64_C(1800000000123)

static struct jafflr jafflr = { .magic = JAFFLR_MAGIC };
static struct batch *batch;

static void setup(void)
{
	clean_database();
	batch = batch_new();
}

static void teardown(void)
{
	batch = batch_free(batch);
	jafflr_deinit(&jafflr);
	db = pg_free(db);
}

static struct toastie_row row_of(uint8_t n)
{
	return (struct toastie_row){
		.order_id = { { n, [15] = 1 } },
		.number = 1000 + n,
		.stall = TEXT("main"),
		.doneness = DONENESS_WELL_DONE,
		.state = ROW_QUEUED,
		.seq = 1,
		.lines = 2,
		.lines_seen = 3,
		.partition = 3,
		.offset = 70,
		.bucket = 4095,
		.plate = TOASTIE_PLATE_NONE,
		.changed_at_ms = DECIDED_MS,
	};
}

/* A record whose pick made that row, or changed it as it stands. */
static struct intake *add_record(struct toastie_row row)
{
	struct kafka_record kafka = {
		.partition = 3,
		.offset = (int64_t)batch->n_records + 70,
	};
	struct record *record = batch_add(batch, NULL, &kafka);
	struct intake *intake = arena_alloc(&batch->arena, sizeof(*intake));

	*intake = (struct intake){ .kind = INTAKE_LINE, .own = row };
	intake->row = &intake->own;
	intake->changed = true;
	intake->own.changed_by = batch->n_records;
	record->item = intake;
	return intake;
}

static int store(enum batch_mode mode)
{
	int r;

	batch->mode = mode;
	batch->decided_at_ms = DECIDED_MS;
	(void)pg_add(db, &pg_begin, NULL);
	sql_store(&jafflr, db, batch, false);
	(void)pg_add(db, &pg_commit, NULL);
	r = pg_run(db, TIMEOUT_MS);
	if (r) {
		ck_assert_str_eq(pg_sqlstate(db), ROWS_KNOWN);
		postgres_exec(db, "ROLLBACK");
	}
	batch_reset(batch);
	return r;
}

/* The row as it is read for a pick of its order; NULL: there is none. */
static const struct toastie_row *load(uint8_t n)
{
	struct toastie_row asked = row_of(n);
	int r;

	(void)add_record(asked);
	r = sql_load(&jafflr, db, batch);
	ck_assert_msg(!r, "%s", pg_message(db));
	return intake_rows_find(&jafflr.rows, &asked.order_id);
}

#define SAME_UUID(a, b) ck_assert(!order_id_compare(&(a), &(b)));
#define SAME_NUMBER(a, b) ck_assert_int_eq(a, b);
#define SAME_INT4 SAME_NUMBER
#define SAME_INT8 SAME_NUMBER
#define SAME_BOOL SAME_NUMBER
#define SAME_STATE SAME_NUMBER
#define SAME_DONENESS SAME_NUMBER
#define SAME_PLATE SAME_NUMBER
#define SAME_WALL SAME_NUMBER
#define SAME_TEXT(a, b) same(a, b);
#define SAME_TRACE SAME_TEXT

static void same(struct text a, struct text b)
{
	ck_assert_msg(text_equal(a, b), "'%.*s' is not '%.*s'", (int)a.n, a.p,
		      (int)b.n, b.p);
}

static const struct {
	int64_t number;
	const char *stall, *customer, *reason, *traceparent, *tracestate;
	enum doneness doneness;
	enum row_state state;
} samples[] = {
	{ 7, "main", "gita", NULL, "00-aa-bb-01", "a=1,b= \"{2}",
	  DONENESS_LIGHT, ROW_QUEUED },
	{ TOASTIE_NUMBER_NONE, "main", NULL, NULL, "00-aa-bb-01", NULL,
	  DONENESS_MEDIUM, ROW_COLLECTING },
	{ 0, "s", NULL, "cancelled", NULL, NULL, DONENESS_BURNT,
	  ROW_CANCELLED },
	{ INT64_MAX,
	  "stra\xc3\x9f"
	  "e 'n\"; --",
	  "\xf0\x9f\xa7\x80{}\\,", "a\nb", NULL, NULL, DONENESS_WELL_DONE,
	  ROW_RETURNED },
};

START_TEST(a_row_is_read_as_it_was_written)
	{
		enum batch_mode mode = _i % 2 ? BATCH_CHECKED : BATCH_FAST;
		struct toastie_row row = row_of(5);
		const struct toastie_row *read;

		row.number = samples[_i / 2].number;
		row.stall = text_of(samples[_i / 2].stall);
		row.customer = text_of(samples[_i / 2].customer);
		row.reason = text_of(samples[_i / 2].reason);
		row.traceparent = text_of(samples[_i / 2].traceparent);
		row.tracestate = text_of(samples[_i / 2].tracestate);
		row.doneness = samples[_i / 2].doneness;
		row.state = samples[_i / 2].state;
		row.cancelled = row.state == ROW_CANCELLED;
		(void)add_record(row);
		ck_assert_int_eq(store(mode), 0);
		read = load(5);
		ck_assert_ptr_nonnull(read);
#define SAME(parameter, column, type, kind, field)                             \
	SAME_##kind(read->field, row.field)
#define READ(column, kind, field) SAME_##kind(read->field, row.field)
		TOASTIE_COLUMNS(SAME, SAME, READ)
#undef SAME
#undef READ
		ck_assert_uint_eq(read->changed_by, 0);
	}
END_TEST

START_TEST(an_order_that_is_known_fails_the_fast_way_as_a_whole)
	{
		(void)add_record(row_of(1));
		ck_assert_int_eq(store(BATCH_FAST), 0);
		(void)add_record(row_of(2));
		(void)add_record(row_of(1));
		ck_assert_int_eq(store(BATCH_FAST), PG_E_SQL);
		ck_assert_int_eq(count("SELECT count(*) FROM toasties"), 1);
	}
END_TEST

START_TEST(a_row_that_was_read_is_changed_and_keeps_where_it_began)
	{
		struct toastie_row row = row_of(1);
		const struct toastie_row *read;

		row.state = ROW_COLLECTING;
		row.seq = 0;
		row.lines_seen = 1;
		(void)add_record(row);
		ck_assert_int_eq(store(BATCH_CHECKED), 0);
		row.state = ROW_QUEUED;
		row.seq = 1;
		row.lines_seen = 3;
		row.offset = 999;
		row.stall = TEXT("beach");
		(void)add_record(row);
		ck_assert_int_eq(store(BATCH_CHECKED), 0);
		read = load(1);
		ck_assert_int_eq(read->state, ROW_QUEUED);
		ck_assert_int_eq(read->seq, 1);
		ck_assert_int_eq(read->lines_seen, 3);
		ck_assert_int_eq(read->offset, 70);
		same(read->stall, TEXT("main"));
	}
END_TEST

START_TEST(a_row_that_several_picks_changed_is_written_once)
	{
		struct intake *first = add_record(row_of(1));
		struct intake *second = add_record(row_of(1));

		second->row = first->row;
		first->own.changed_by = 2;
		first->own.seq = 9;
		ck_assert_int_eq(store(BATCH_FAST), 0);
		ck_assert_int_eq(load(1)->seq, 9);
	}
END_TEST

START_TEST(what_changed_nothing_or_is_not_to_be_acted_on_is_not_written)
	{
		add_record(row_of(1))->changed = false;
		(void)add_record(row_of(2));
		batch->records[1].decided = true;
		(void)add_record(row_of(3));
		batch_dead(batch, &batch->records[2], "conflict", "detail");
		ck_assert_int_eq(store(BATCH_FAST), 0);
		ck_assert_int_eq(count("SELECT count(*) FROM toasties"), 0);
	}
END_TEST

START_TEST(only_orders_that_are_asked_for_are_read)
	{
		struct order_id passed = row_of(1).order_id;
		struct order_id other = row_of(3).order_id;

		for (uint8_t n = 1; n <= 3; n++)
			(void)add_record(row_of(n));
		ck_assert_int_eq(store(BATCH_FAST), 0);
		add_record(row_of(1))->kind = INTAKE_NOTHING;
		ck_assert_ptr_nonnull(load(2));
		ck_assert_ptr_null(intake_rows_find(&jafflr.rows, &passed));
		ck_assert_ptr_null(intake_rows_find(&jafflr.rows, &other));
		batch_reset(batch);
		ck_assert_ptr_null(load(9));
	}
END_TEST

/* A person has decided between the reading of the row and its writing. */
START_TEST(a_late_cancellation_is_marked_and_takes_no_decision_back)
	{
		struct toastie_row row = row_of(1);
		struct intake *intake;

		row.state = ROW_UNCERTAIN;
		(void)add_record(row);
		ck_assert_int_eq(store(BATCH_CHECKED), 0);
		postgres_exec(db, "UPDATE toasties SET state = 'failed',"
				  " seq = 7");
		intake = add_record(row);
		intake->changed = false;
		intake->marked = true;
		ck_assert_int_eq(store(BATCH_CHECKED), 0);
		ck_assert_int_eq(load(1)->state, ROW_FAILED);
		ck_assert_int_eq(load(1)->seq, 7);
		ck_assert(load(1)->cancelled);
	}
END_TEST

/* Their keys are written in another order than they came in. */
START_TEST(rows_queue_in_the_order_of_their_picks_and_keep_their_place)
	{
		struct toastie_row again = row_of(7);

		for (uint8_t n = 9; n >= 7; n--)
			(void)add_record(row_of(n));
		ck_assert_int_eq(store(_i ? BATCH_CHECKED : BATCH_FAST), 0);
		again.seq = 2;
		for (uint8_t n = 6; n >= 5; n--)
			(void)add_record(row_of(n));
		(void)add_record(again);
		ck_assert_int_eq(store(BATCH_CHECKED), 0);
		ck_assert_int_eq(
			count("SELECT count(*) FROM (SELECT number,"
			      " lag(number) OVER (ORDER BY queue_number)"
			      " AS before FROM toasties) t"
			      " WHERE number = before - 1"),
			4);
	}
END_TEST

/* Rows of the version before: those that are open get a number, in the order
 * of their clocks, for there is nothing better; and all that come are after
 * them. */
START_TEST(rows_of_before_the_numbers_are_numbered_when_the_column_comes)
	{
		struct pg *old;

		postgres_exec(db, "CREATE SCHEMA old");
		old = postgres_connect(url, "old");
		postgres_file(old, "migrations/0001_positions.up.sql");
		postgres_file(old, "migrations/0002_orders.up.sql");
		postgres_file(old, "migrations/0003_toasties.up.sql");
		postgres_exec(
			old,
			"INSERT INTO toasties (order_id, number, stall,"
			" doneness, state, lines, partition, \"offset\","
			" bucket, changed_at) SELECT gen_random_uuid(), n,"
			" 'main', 'light', (ARRAY['queued', 'grilling', 'done',"
			" 'uncertain', 'cancelled'])[n % 5 + 1], 1, 0, n, 0,"
			" timestamptz 'epoch' - interval '1 s' * n"
			" FROM generate_series(1, 50) AS n");
		postgres_file(old, "migrations/0006_toastie_queue.up.sql");
		postgres_exec(
			old,
			"INSERT INTO toasties (order_id, number, stall,"
			" doneness, state, lines, partition, \"offset\","
			" bucket, changed_at) VALUES (gen_random_uuid(), 0,"
			" 'main', 'light', 'queued', 1, 0, 0, 0, 'epoch')");
		(void)pg_free(old);
		ck_assert_int_eq(
			count("SELECT count(*) FROM (SELECT number,"
			      " lag(number) OVER (ORDER BY queue_number) AS"
			      " before FROM old.toasties"
			      " WHERE queue_number IS NOT NULL) t"
			      " WHERE number < before"),
			40);
		ck_assert_int_eq(count("SELECT count(*) FROM old.toasties"
				       " WHERE cancelled <> (state ="
				       " 'cancelled') OR (queue_number IS NULL"
				       " AND state <> 'done')"),
				 0);
	}
END_TEST

START_TEST(a_thousand_rows_are_one_statement)
	{
		for (int i = 0; i < 1000; i++) {
			struct toastie_row row = row_of((uint8_t)(i % 250));

			row.order_id.bytes[1] = (uint8_t)(i / 250);
			(void)add_record(row);
		}
		ck_assert_int_eq(store(BATCH_FAST), 0);
		ck_assert_int_eq(count("SELECT count(*) FROM toasties"), 1000);
	}
END_TEST

int main(void)
{
	/* clang-format off */
	return run_tests("sql", setup, teardown, (const struct check_row[]){
		{ a_row_is_read_as_it_was_written, 2 * CHECK_N(samples) },
		{ an_order_that_is_known_fails_the_fast_way_as_a_whole, 1 },
		{ a_row_that_was_read_is_changed_and_keeps_where_it_began, 1 },
		{ a_row_that_several_picks_changed_is_written_once, 1 },
		{ what_changed_nothing_or_is_not_to_be_acted_on_is_not_written, 1 },
		{ only_orders_that_are_asked_for_are_read, 1 },
		{ a_late_cancellation_is_marked_and_takes_no_decision_back, 1 },
		{ rows_queue_in_the_order_of_their_picks_and_keep_their_place, 2 },
		{ rows_of_before_the_numbers_are_numbered_when_the_column_comes, 1 },
		{ a_thousand_rows_are_one_statement, 1 },
		{ 0 },
	});
	/* clang-format on */
}
