/* SPDX-License-Identifier: MIT */
/*
 * Sql locks: two workers that touch the same rows wait, and neither of them
 * for the other. Each worker is a session and a thread; the test holds rows,
 * so that both stand where they would have to meet, and lets them go.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/postgres_fixture.h"
#include "workers/chillybin/sql.h"
#include "workers/runtime/positions.h"

#define DEADLINE_MS 10000

static const char *url;

struct worker {
	struct pg *pg;
	struct batch *batch;
	struct known known;
	struct shelf shelf;
	struct sql sql;
	pthread_t thread;
	char state[6]; /* SQLSTATE of what it stored; "" for none */
};

static struct worker one, other;

static void begin(struct worker *worker)
{
	worker->pg = postgres_connect(url, "galore");
	worker->batch = batch_new();
	worker->batch->decided_at_ms = INT64_C(1700000000123);
}

static void end(struct worker *worker)
{
	worker->pg = pg_free(worker->pg);
	worker->batch = batch_free(worker->batch);
	known_deinit(&worker->known);
	shelf_deinit(&worker->shelf);
	sql_deinit(&worker->sql);
}

static void setup(void)
{
	url = postgres_database();
	begin(&one);
	begin(&other);
	/* Of the odd ones cheese was taken, of the others bread: the stock of
	 * one worker is not the other's. */
	postgres_exec(
		one.pg,
		"INSERT INTO stock VALUES ('main', 'cheese', 10),"
		" ('main', 'bread', 10);"
		"INSERT INTO orders (order_id, number, stall, items, doneness,"
		" grill, content_hash, verdict, order_version, pick_version,"
		" partition, \"offset\", decided_at) SELECT"
		" ('0' || n || repeat('0', 30))::uuid, n, 'main',"
		" jsonb_build_array(jsonb_build_object('ingredient', CASE WHEN"
		" n % 2 = 1 THEN 'cheese' ELSE 'bread' END, 'quantity', 1)),"
		" 'light', true, n, 'picked', 2, 2, 0, n, now()"
		" FROM generate_series(1, 6) AS n");
}

static void teardown(void)
{
	end(&one);
	end(&other);
}

static void add(struct worker *worker, enum command_kind kind, uint8_t order)
{
	struct batch *batch = worker->batch;
	struct kafka_record kafka = { .offset = (int64_t)batch->n_records };
	struct record *record = batch_add(batch, NULL, &kafka);
	struct command *command = arena_alloc(&batch->arena, sizeof(*command));

	*command = (struct command){
		.kind = kind,
		.source = worker == &one ? TEXT("/one") : TEXT("/other"),
		.event_id = text_of(
			arena_copy(&batch->arena,
				   (char[]){ (char)('0' + order), '\0' }, 2)),
		.order_id = { { order } },
		.position = TEXT("orders/3@2"),
	};
	envelope_init(&record->envelope);
	record->envelope.type =
		kind == COMMAND_RETURN ? EVENT_TOASTIE : EVENT_ORDER_CANCELLED;
	record->item = command;
}

static void load(struct worker *worker, enum batch_mode mode)
{
	int r;

	worker->batch->mode = mode;
	if (mode == BATCH_LOCKED)
		postgres_exec(worker->pg, "BEGIN");
	r = sql_load(&worker->sql, worker->pg, worker->batch, &worker->known,
		     &worker->shelf);
	ck_assert_msg(!r, "%s", pg_message(worker->pg));
	decide(worker->batch, &worker->known, &worker->shelf);
	for (size_t i = 0; i < worker->batch->n_records; i++)
		ck_assert(command_of(&worker->batch->records[i])->is_new);
}

static void *store(void *arg)
{
	struct worker *worker = arg;

	if (worker->batch->mode != BATCH_LOCKED)
		(void)pg_add(worker->pg, &pg_begin, NULL);
	sql_store(&worker->sql, worker->pg, worker->batch, &worker->shelf,
		  false);
	(void)pg_add(worker->pg, &pg_commit, NULL);
	if (pg_run(worker->pg, DEADLINE_MS))
		(void)snprintf(worker->state, sizeof(worker->state), "%s",
			       pg_sqlstate(worker->pg));
	return NULL;
}

static void begin_to_store(struct worker *worker)
{
	ck_assert_int_eq(pthread_create(&worker->thread, NULL, store, worker),
			 0);
}

static void expect_stored(struct worker *worker)
{
	ck_assert_int_eq(pthread_join(worker->thread, NULL), 0);
	ck_assert_msg(!*worker->state, "%s", worker->state);
}

static void wait_until_waiting(int64_t n_sessions)
{
	CHECK_WITHIN(DEADLINE_MS,
		     postgres_number(url, "SELECT count(*) FROM"
					  " pg_stat_activity"
					  " WHERE datname = current_database()"
					  " AND wait_event_type = 'Lock'") ==
			     n_sessions,
		     {});
}

START_TEST(cancellations_and_returns_that_cross_do_not_wait_for_each_other)
	{
		struct pg *holder = postgres_connect(url, "galore");

		add(&one, COMMAND_CANCEL, 6);
		add(&one, COMMAND_RETURN, 1);
		add(&one, COMMAND_RETURN, 5);
		add(&other, COMMAND_CANCEL, 5);
		add(&other, COMMAND_RETURN, 2);
		add(&other, COMMAND_RETURN, 6);
		load(&one, BATCH_CHECKED);
		load(&other, BATCH_CHECKED);
		postgres_exec(holder, "BEGIN; SELECT FROM orders WHERE number"
				      " IN (1, 2) FOR UPDATE");
		begin_to_store(&one);
		begin_to_store(&other);
		wait_until_waiting(2);
		postgres_exec(holder, "COMMIT");
		expect_stored(&one);
		expect_stored(&other);
		ck_assert_int_eq(
			postgres_number(url, "SELECT sum(number)::bigint * 100"
					     " + count(cancelled_at) * 10"
					     " + count(returned_at)"
					     " FROM orders WHERE cancelled_at"
					     " IS NOT NULL OR returned_at IS"
					     " NOT NULL"),
			(1 + 2 + 5 + 6) * 100 + 20 + 4);
		(void)pg_free(holder);
	}
END_TEST

START_TEST(who_locks_before_it_decides_locks_orders_before_stock)
	{
		add(&one, COMMAND_RETURN, 1);
		add(&one, COMMAND_CANCEL, 3);
		add(&other, COMMAND_RETURN, 3);
		load(&other, BATCH_CHECKED);
		load(&one, BATCH_LOCKED);
		begin_to_store(&other);
		wait_until_waiting(1);
		begin_to_store(&one);
		expect_stored(&one);
		/* It gives back cheese, too, of which there is more now. */
		ck_assert_int_eq(pthread_join(other.thread, NULL), 0);
		ck_assert_str_eq(other.state, ROWS_CHANGED);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sql_locks");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(
		tcase,
		cancellations_and_returns_that_cross_do_not_wait_for_each_other);
	tcase_add_test(tcase,
		       who_locks_before_it_decides_locks_orders_before_stock);
	return postgres_run(suite);
}
