/* SPDX-License-Identifier: MIT */
/*
 * Session: opening, and the rescue. A blocker that hangs is a real one: a
 * client that began a COPY, holds locks, and sends nothing more.
 */
#include "workers/runtime/database/session.h"

#include <pthread.h>
#include <string.h>

#include "infra/lib/postgres/postgres_fixture.h"
#include "workers/runtime/counters.h"

#define TIMEOUT_MS POSTGRES_TIMEOUT_MS

static const char *url;
static struct session session;
static struct pg *blocker;
static struct session_params params;
static char error[BACKOFF_REASON_BYTES];

static const struct pg_statement update = {
	"update",
	"UPDATE stock SET quantity = quantity + 1",
	0,
};

static void setup(void)
{
	url = postgres_database();
	params = (struct session_params){
		.url = url,
		.schema = "galore",
		.holder = "holder",
		.schema_version = 2,
		.control_version = 2,
	};
	blocker = postgres_connect(url, "galore");
	postgres_exec(blocker,
		      "INSERT INTO stock VALUES ('main', 'cheese', 1)");
}

static void teardown(void)
{
	session_close(&session);
	blocker = pg_free(blocker);
}

static void open_it(void)
{
	int r = session_open(&session, &params, error);

	ck_assert_msg(!r, "%s", error);
}

static const char *const too_old[] = {
	"UPDATE schema_migrations SET version = 1",
	"UPDATE schema_migrations SET dirty = true",
	"DELETE FROM schema_migrations",
	"DROP TABLE schema_migrations",
	"UPDATE control.schema_migrations SET version = 1",
	"DROP TABLE control.schema_migrations",
};

START_TEST(a_schema_that_is_older_dirty_or_not_there_wants_migrating)
	{
		postgres_exec(blocker, too_old[_i]);
		ck_assert_int_eq(session_open(&session, &params, error),
				 SESSION_E_LOST);
		ck_assert_ptr_nonnull(strstr(error, "overlord migrate up"));
		ck_assert(!session.work && !session.watch);
	}
END_TEST

START_TEST(a_database_that_is_not_there_is_away)
	{
		params.url = "postgresql://nobody@127.0.0.1:1/none";
		ck_assert_int_eq(session_open(&session, &params, error),
				 SESSION_E_LOST);
		ck_assert_uint_gt(strlen(error), 0);
	}
END_TEST

START_TEST(a_newer_schema_is_accepted_and_opening_again_leaves_one_pair)
	{
		open_it();
		open_it();
		ck_assert(session.work && session.watch);
		CHECK_WITHIN(TIMEOUT_MS,
			     postgres_count(url,
					    "pg_stat_activity WHERE "
					    "application_name = 'holder'") == 2,
			     (void)0);
	}
END_TEST

/* ---- the rescue ---- */

static int run_update(void)
{
	int64_t began_ms = clock_now_ms();
	int r;

	(void)pg_add(session.work, &update, NULL);
	r = pg_run(session.work, TIMEOUT_MS);
	ck_assert_msg(!r, "%s", pg_message(session.work));
	return (int)(clock_now_ms() - began_ms);
}

static void expect_stock(int64_t quantity, int64_t n_rescues)
{
	ck_assert_int_eq(counter_get(&runtime_counters.rescues), n_rescues);
	ck_assert_int_eq(postgres_number(url, "SELECT quantity FROM stock"),
			 quantity);
}

static const char *const hangs[] = {
	"BEGIN; UPDATE stock SET quantity = 0",
	"BEGIN; UPDATE stock SET quantity = 0;"
	" COPY dead_letters FROM STDIN (FORMAT binary)",
};

START_TEST(who_hangs_in_a_transaction_or_a_copy_with_locked_rows_is_ended)
	{
		int waited_ms;

		open_it();
		if (_i)
			ck_assert(
				!pg_copy_begin(blocker, hangs[1], TIMEOUT_MS));
		else
			postgres_exec(blocker, hangs[0]);
		waited_ms = run_update();
		ck_assert_int_ge(waited_ms, 190);
		ck_assert_int_lt(waited_ms, 5000);
		ck_assert_int_ne(pg_exec(blocker, "SELECT 1", TIMEOUT_MS), 0);
		ck_assert(pg_lost(blocker));
		expect_stock(2, 1);
	}
END_TEST

static void *work(void *arg)
{
	return (void *)(intptr_t)pg_exec(
		arg,
		"BEGIN; UPDATE stock SET quantity = 10;"
		" SELECT pg_sleep(1.2); COMMIT",
		TIMEOUT_MS);
}

START_TEST(who_works_is_waited_for)
	{
		pthread_t thread;
		int waited_ms;
		void *r;

		open_it();
		ck_assert_int_eq(pthread_create(&thread, NULL, work, blocker),
				 0);
		CHECK_WITHIN(TIMEOUT_MS,
			     postgres_count(url, "pg_stat_activity WHERE "
						 "wait_event = 'PgSleep'") == 1,
			     (void)0);
		waited_ms = run_update();
		ck_assert_int_ge(waited_ms, 500);
		ck_assert_int_eq(pthread_join(thread, &r), 0);
		ck_assert_int_eq((int)(intptr_t)r, 0);
		expect_stock(11, 0);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_schema_that_is_older_dirty_or_not_there_wants_migrating, 0, CHECK_N(too_old));
	tcase_add_test(tcase, a_database_that_is_not_there_is_away);
	tcase_add_test(tcase, a_newer_schema_is_accepted_and_opening_again_leaves_one_pair);
	tcase_add_loop_test(tcase, who_hangs_in_a_transaction_or_a_copy_with_locked_rows_is_ended, 0, CHECK_N(hangs));
	tcase_add_test(tcase, who_works_is_waited_for);
	return postgres_run(suite);
}
