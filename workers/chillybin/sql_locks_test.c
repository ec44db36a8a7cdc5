/* SPDX-License-Identifier: MIT */
/*
 * Sql locks: two workers that touch the same rows wait, and neither of them
 * for the other. Each worker is a session and a thread; the test holds rows,
 * so that both stand where they would have to meet, and lets them go.
 */
#include <pthread.h>

#include "workers/chillybin/sql_fixture.h"

#define DEADLINE_MS 10000

static const char *url;
static struct sql_worker one, other;
static pthread_t threads[2];

static void setup(void)
{
	url = postgres_database();
	sql_worker_open(&one, url);
	sql_worker_open(&other, url);
	/* Of the odd ones cheese was taken, of the others bread: the stock of
	 * one worker is not the other's. */
	postgres_exec(
		one.pg,
		"INSERT INTO stock VALUES ('main', 'cheese', 10),"
		" ('main', 'bread', 10);"
		"INSERT INTO orders (order_id, stall, items, doneness, grill,"
		" content_hash, verdict, order_version, pick_version,"
		" partition, \"offset\", decided_at) SELECT"
		" ('0' || n || repeat('0', 30))::uuid, 'main', CASE WHEN"
		" n % 2 = 1 THEN '1 cheese' ELSE '1 bread' END, 'l', true, n,"
		" 'p', 2, 2, 0, n, now()"
		" FROM generate_series(1, 6) AS n");
}

static void teardown(void)
{
	sql_worker_close(&one);
	sql_worker_close(&other);
}

static void add(struct sql_worker *worker, enum input_kind kind, uint8_t order)
{
	char event[] = { worker == &one ? 'a' : 'b', (char)('0' + order), 0 };
	struct input *input = sql_worker_add(
		worker, kind,
		kind == INPUT_RETURN ? EVENT_TOASTIE : EVENT_ORDER_CANCELLED,
		event);

	input->order_id.bytes[0] = order;
	input->position = TEXT("orders/3@2");
}

static void load(struct sql_worker *worker, enum batch_mode mode)
{
	sql_worker_decide(worker, mode);
	for (size_t i = 0; i < worker->batch->n_records; i++)
		ck_assert(input_of(&worker->batch->records[i])->is_new);
}

static void *store(void *arg)
{
	sql_worker_store(arg);
	return NULL;
}

static void begin_to_store(struct sql_worker *worker)
{
	ck_assert_int_eq(
		pthread_create(&threads[worker == &other], NULL, store, worker),
		0);
}

static void expect_stored(struct sql_worker *worker, const char *sqlstate)
{
	ck_assert_int_eq(pthread_join(threads[worker == &other], NULL), 0);
	ck_assert_str_eq(worker->sqlstate, sqlstate);
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

		add(&one, INPUT_CANCELLATION, 6);
		add(&one, INPUT_RETURN, 1);
		add(&one, INPUT_RETURN, 5);
		add(&other, INPUT_CANCELLATION, 5);
		add(&other, INPUT_RETURN, 2);
		add(&other, INPUT_RETURN, 6);
		load(&one, BATCH_CHECKED);
		load(&other, BATCH_CHECKED);
		postgres_exec(holder, "BEGIN; SELECT FROM orders WHERE"
				      " \"offset\" IN (1, 2) FOR UPDATE");
		begin_to_store(&one);
		begin_to_store(&other);
		wait_until_waiting(2);
		postgres_exec(holder, "COMMIT");
		expect_stored(&one, "");
		expect_stored(&other, "");
		ck_assert_int_eq(
			postgres_number(url,
					"SELECT sum(\"offset\")::bigint * 100"
					" + count(cancelled_at) * 10"
					" + count(returned_at)"
					" FROM orders WHERE cancelled_at"
					" IS NOT NULL OR returned_at IS"
					" NOT NULL"),
			(1 + 2 + 5 + 6) * 100 + 20 + 4);
		(void)pg_free(holder);
	}
END_TEST

START_TEST(a_worker_that_locks_before_it_decides_locks_orders_before_stock)
	{
		add(&one, INPUT_RETURN, 1);
		add(&one, INPUT_CANCELLATION, 3);
		add(&other, INPUT_RETURN, 3);
		load(&other, BATCH_CHECKED);
		load(&one, BATCH_LOCKED);
		begin_to_store(&other);
		wait_until_waiting(1);
		begin_to_store(&one);
		expect_stored(&one, "");
		/* It returns cheese, too, of which there is more now. */
		expect_stored(&other, ROWS_CHANGED);
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
	tcase_add_test(
		tcase,
		a_worker_that_locks_before_it_decides_locks_orders_before_stock);
	return postgres_run(suite);
}
