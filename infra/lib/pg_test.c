/* SPDX-License-Identifier: MIT */
/*
 * Pg: against a real server. What counts is what the caller may conclude: a
 * refusal leaves a session that can go on, anything else leaves none.
 */
#include "infra/lib/pg.h"

#include <signal.h>
#include <string.h>

#include "infra/lib/postgres_fixture.h"

#define TIMEOUT_MS POSTGRES_TIMEOUT_MS

static struct pg *pg, *other;

static void setup(void)
{
	pg = postgres_connect(postgres_url, NULL);
	other = postgres_connect(postgres_url, NULL);
	postgres_exec(pg, "DROP TABLE IF EXISTS t; CREATE TABLE t "
			  "(k int PRIMARY KEY, v text)");
}

static void teardown(void)
{
	pg = pg_free(pg);
	other = pg_free(other);
}

static const struct pg_statement insert = {
	"insert",
	"INSERT INTO t VALUES ($1, $2)",
	2,
};
static const struct pg_statement count = { "count", "SELECT count(*) FROM t",
					   0 };
static const struct pg_statement locked = {
	"locked",
	"SELECT * FROM t WHERE k = 1 FOR UPDATE",
	0,
};
static const struct pg_statement sleeps = { "sleeps", "SELECT pg_sleep(30)",
					    0 };

static struct pg_args args[4];

static void add_insert(int which, int32_t k, const char *v)
{
	pg_args_reset(&args[which]);
	pg_put_i32(pg_arg(&args[which]), k);
	pg_put_text(pg_arg(&args[which]), v, strlen(v));
	(void)pg_add(pg, &insert, &args[which]);
}

static int64_t n_rows(void)
{
	int i = pg_add(other, &count, NULL);

	ck_assert_int_eq(pg_run(other, TIMEOUT_MS), 0);
	return pg_i64(other, i, 0, 0);
}

/* ---- a message of statements ---- */

START_TEST(a_message_of_statements_gives_each_one_its_result)
	{
		int n;

		for (int round = 0; round < 3; round++) {
			(void)pg_add(pg, &pg_begin, NULL);
			add_insert(0, round * 2, "a");
			add_insert(1, round * 2 + 1, "b");
			n = pg_add(pg, &count, NULL);
			(void)pg_add(pg, &pg_commit, NULL);
			ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
			ck_assert_int_eq(pg_n_affected(pg, 1), 1);
			ck_assert_int_eq(pg_n_rows(pg, n), 1);
			ck_assert_int_eq(pg_i64(pg, n, 0, 0), round * 2 + 2);
			ck_assert_int_eq(n_rows(), round * 2 + 2);
		}
	}
END_TEST

START_TEST(a_statement_that_fails_skips_those_after_it)
	{
		add_insert(0, 1, "a");
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		(void)pg_add(pg, &pg_begin, NULL);
		add_insert(1, 1, "again");
		add_insert(2, 2, "b");
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), "23505");
		ck_assert_ptr_nonnull(strstr(pg_message(pg), "duplicate key"));
		ck_assert_int_eq(pg_n_affected(pg, 2), 0);
		ck_assert(!pg_lost(pg));
	}
END_TEST

START_TEST(after_a_failure_the_transaction_is_rolled_back_and_another_begun)
	{
		add_insert(0, 1, "a");
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		(void)pg_add(pg, &pg_begin, NULL);
		add_insert(1, 7, "seven");
		add_insert(2, 1, "again");
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_SQL);
		(void)pg_add(pg, &count, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), "25P02");
		(void)pg_add(pg, &pg_rollback, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_str_eq(pg_sqlstate(pg), "");
		ck_assert_int_eq(n_rows(), 1);
		add_insert(0, 2, "b");
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(n_rows(), 2);
	}
END_TEST

START_TEST(a_statement_that_cannot_be_prepared_is_prepared_anew_next_time)
	{
		static const struct pg_statement later = {
			"later", "SELECT n FROM later", 0
		};
		int i;

		(void)pg_add(pg, &later, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), "42P01");
		postgres_exec(pg, "CREATE TEMP TABLE later AS SELECT 5 AS n");
		i = pg_add(pg, &later, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(pg_i64(pg, i, 0, 0), 5);
	}
END_TEST

START_TEST(a_statement_twice_in_one_message_is_prepared_once)
	{
		int a = pg_add(pg, &count, NULL), b = pg_add(pg, &count, NULL);

		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(pg_i64(pg, a, 0, 0), 0);
		ck_assert_int_eq(pg_i64(pg, b, 0, 0), 0);
	}
END_TEST

START_TEST(arguments_that_are_not_the_statements_are_our_mistake)
	{
		(void)pg_add(pg, &insert, NULL);
	}
END_TEST

/* ---- losing a session ---- */

START_TEST(a_deadline_that_passes_loses_the_session)
	{
		int64_t began_ms = clock_now_ms();

		(void)pg_add(pg, &sleeps, NULL);
		ck_assert_int_eq(pg_run(pg, 50), PG_E_LOST);
		ck_assert_int_ge(clock_now_ms() - began_ms, 45);
		ck_assert_int_lt(clock_now_ms() - began_ms, 5000);
		ck_assert(pg_lost(pg));
		ck_assert_ptr_nonnull(strstr(pg_message(pg), "deadline"));
		(void)pg_add(pg, &count, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_LOST);
		ck_assert_int_eq(pg_exec(pg, "SELECT 1", TIMEOUT_MS),
				 PG_E_LOST);
		ck_assert_int_eq(pg_copy_put(pg, "x", 1, TIMEOUT_MS),
				 PG_E_LOST);
		ck_assert(!pg_notified(pg));
	}
END_TEST

static void end_backend(int pid)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)",
		       pid);
	postgres_exec(other, sql);
}

static void end_it(void *arg, int backend_pid, int64_t waited_ms)
{
	(void)waited_ms;
	if (!(*(int *)arg)++)
		end_backend(backend_pid);
}

START_TEST(a_backend_that_is_ended_while_it_works_is_a_lost_session)
	{
		int n_looks = 0;

		pg_on_waiting(pg, 20, end_it, &n_looks);
		(void)pg_add(pg, &sleeps, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_LOST);
		ck_assert_int_gt(n_looks, 0);
		ck_assert(pg_lost(pg));
	}
END_TEST

START_TEST(a_backend_that_is_ended_between_two_messages_is_a_lost_session)
	{
		end_backend(pg_backend_pid(pg));
		(void)pg_add(pg, &pg_begin, NULL);
		(void)pg_add(pg, &count, NULL);
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_LOST);
		ck_assert(pg_lost(pg));
	}
END_TEST

START_TEST(an_idle_transaction_that_the_server_ends_is_a_lost_session)
	{
		postgres_exec(
			pg,
			"BEGIN; SET LOCAL idle_in_transaction_session_timeout"
			" = '10ms'");
		CHECK_WITHIN(TIMEOUT_MS, pg_lost(pg), (void)pg_notified(pg));
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_LOST);
	}
END_TEST

static const char *const bad_urls[] = {
	"postgresql://nobody@127.0.0.1:1/none",
	"postgresql:///galore?host=/nowhere/at/all",
	"not a connection string",
};

START_TEST(a_server_that_is_not_there_is_said_with_a_reason)
	{
		struct pg_params params = { .url = bad_urls[_i],
					    .application_name = "test",
					    .timeout_ms = 2000 };
		char error[256] = "";
		struct pg *none = NULL;

		ck_assert_int_eq(pg_connect(&none, &params, error), PG_E_LOST);
		ck_assert_ptr_null(none);
		ck_assert_uint_gt(strlen(error), 5);
		ck_assert_ptr_null(strchr(error, '\n'));
		ck_assert_int_eq(pg_connect(&none, &params, NULL), PG_E_LOST);
	}
END_TEST

START_TEST(settings_that_the_server_refuses_fail_the_connection)
	{
		struct pg_params params = { .url = postgres_url,
					    .application_name = "test",
					    .timeout_ms = TIMEOUT_MS,
					    .options =
						    "SET no_such_setting = 1" };
		char error[256] = "";
		struct pg *none = NULL;

		ck_assert_int_eq(pg_connect(&none, &params, error), PG_E_LOST);
		ck_assert_ptr_nonnull(strstr(error, "no_such_setting"));
	}
END_TEST

static const char *const schemas[] = { "plain", "with \"quotes\"; --" };

START_TEST(the_schema_is_the_search_path_whatever_its_name)
	{
		static const struct pg_statement here = {
			"here", "SELECT current_schema()", 0
		};
		const char *p;
		struct pg *mine;
		size_t n;

		postgres_exec(pg, _i ? "CREATE SCHEMA IF NOT EXISTS "
				       "\"with \"\"quotes\"\"; --\""
				     : "CREATE SCHEMA IF NOT EXISTS plain");
		mine = postgres_connect(postgres_url, schemas[_i]);
		(void)pg_add(mine, &here, NULL);
		ck_assert_int_eq(pg_run(mine, TIMEOUT_MS), 0);
		p = pg_bytes(mine, 0, 0, 0, &n);
		CHECK_BYTES(p, n, schemas[_i]);
		(void)pg_free(mine);
	}
END_TEST

/* ---- waiting for a lock ---- */

struct waiting {
	int n_looks, pid;
	int64_t waited_ms;
};

static void let_go(void *arg, int backend_pid, int64_t waited_ms)
{
	struct waiting *waiting = arg;

	waiting->pid = backend_pid;
	waiting->waited_ms = waited_ms;
	if (++waiting->n_looks == 3)
		postgres_exec(other, "ROLLBACK");
}

START_TEST(who_waits_for_a_lock_may_look_again_and_again)
	{
		struct waiting waiting = { 0 };

		add_insert(0, 1, "a");
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		postgres_exec(other,
			      "BEGIN; SELECT * FROM t WHERE k = 1 FOR UPDATE");
		pg_on_waiting(pg, 20, let_go, &waiting);
		(void)pg_add(pg, &locked, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_ge(waiting.n_looks, 3);
		ck_assert_int_eq(waiting.pid, pg_backend_pid(pg));
		ck_assert_int_ge(waiting.waited_ms, 55);
	}
END_TEST

/* ---- values ---- */

static const struct pg_statement values = {
	"values",
	"SELECT $1::bool, $2::int2, $3::int4, $4::int8, $5::text, $6::bytea,"
	" $7::uuid, $8::jsonb, $9::timestamptz, $10::text, $2::text, $3::text,"
	" $4::text, $7::text, $8::jsonb->>'a', extract(epoch FROM"
	" $9::timestamptz)::numeric::text",
	10,
};

static const uint8_t uuid[16] = { 0x01, 0x8f, 0x3a, 0x1e, 0x7c, 0x2b,
				  0x7a, 0xbc, 0x8d, 0xef, 0x01, 0x23,
				  0x45, 0x67, 0x89, 0xab };

static void put_values(struct pg_args *to)
{
	pg_args_reset(to);
	pg_put_bool(pg_arg(to), true);
	pg_put_i16(pg_arg(to), -12345);
	pg_put_i32(pg_arg(to), INT32_MIN);
	pg_put_i64(pg_arg(to), INT64_MIN);
	pg_put_text(pg_arg(to), "gr\xc3\xbc\xc3\x9f'\"\\", 9);
	pg_put_bytes(pg_arg(to), "\0\xff\n", 3);
	pg_put_uuid(pg_arg(to), uuid);
	pg_put_jsonb(pg_arg(to), "{\"a\": \"b\"}", 10);
	pg_put_wall_ms(pg_arg(to), INT64_C(951782400999));
	pg_put_text(pg_arg(to), "", 0);
}

START_TEST(values_come_back_as_they_were_sent)
	{
		const char *p;
		size_t n;

		put_values(&args[0]);
		(void)pg_add(pg, &values, &args[0]);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert(pg_bool(pg, 0, 0, 0));
		ck_assert_int_eq(pg_i64(pg, 0, 0, 1), -12345);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 2), INT32_MIN);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 3), INT64_MIN);
		p = pg_bytes(pg, 0, 0, 4, &n);
		CHECK_BYTES(p, n, "gr\xc3\xbc\xc3\x9f'\"\\");
		p = pg_bytes(pg, 0, 0, 5, &n);
		ck_assert_uint_eq(n, 3);
		ck_assert_int_eq(memcmp(p, "\0\xff\n", 3), 0);
		p = pg_bytes(pg, 0, 0, 6, &n);
		ck_assert_uint_eq(n, 16);
		ck_assert_int_eq(memcmp(p, uuid, 16), 0);
		p = pg_bytes(pg, 0, 0, 7, &n);
		CHECK_BYTES(p, n, "{\"a\": \"b\"}");
		ck_assert_int_eq(pg_wall_ms(pg, 0, 0, 8),
				 INT64_C(951782400999));
		ck_assert(pg_null(pg, 0, 0, 9));
		ck_assert(!pg_null(pg, 0, 0, 8));
	}
END_TEST

static const char *const as_text[] = {
	"-12345",
	"-2147483648",
	"-9223372036854775808",
	"018f3a1e-7c2b-7abc-8def-0123456789ab",
	"b",
	"951782400.999000",
};

START_TEST(the_server_understands_them_as_they_are_meant)
	{
		put_values(&args[0]);
		(void)pg_add(pg, &values, &args[0]);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		for (int i = 0; i < CHECK_N(as_text); i++) {
			size_t n;
			const char *p = pg_bytes(pg, 0, 0, 10 + i, &n);

			CHECK_BYTES(p, n, as_text[i]);
		}
	}
END_TEST

START_TEST(an_instant_before_2000_is_an_instant)
	{
		static const struct pg_statement instant = {
			"instant",
			"SELECT $1::timestamptz",
			1,
		};

		pg_args_reset(&args[0]);
		pg_put_wall_ms(pg_arg(&args[0]), 1);
		(void)pg_add(pg, &instant, &args[0]);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(pg_wall_ms(pg, 0, 0, 0), 1);
	}
END_TEST

static const struct pg_statement arrays = {
	"arrays",
	"SELECT $1::text[], $2::bigint[], cardinality($1::text[]),"
	" ($1::text[])[2], (SELECT sum(x)::bigint FROM unnest($2::bigint[])"
	" AS x)",
	2,
};

START_TEST(arrays_come_back_element_by_element)
	{
		struct pg_array texts = { 0 }, numbers = { 0 };
		struct pg_elements elements;
		const char *p;
		size_t n;

		pg_put_bytes(pg_element(&texts), "a", 1);
		pg_put_null(pg_element(&texts));
		pg_put_bytes(pg_element(&texts), "", 0);
		pg_put_bytes(pg_element(&texts), "NULL", 4);
		for (int64_t i = -2; i < 3; i++)
			pg_put_i64(pg_element(&numbers),
				   i * INT64_C(1000000000000));
		pg_args_reset(&args[0]);
		pg_arg_array(&args[0], PG_TEXT, &texts);
		pg_arg_array(&args[0], PG_INT8, &numbers);
		pg_array_deinit(&texts);
		pg_array_deinit(&numbers);
		(void)pg_add(pg, &arrays, &args[0]);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 2), 4);
		ck_assert(pg_null(pg, 0, 0, 3));
		ck_assert_int_eq(pg_i64(pg, 0, 0, 4), 0);

		elements = pg_elements(pg, 0, 0, 0);
		ck_assert(pg_next_element(&elements, &p, &n));
		CHECK_BYTES(p, n, "a");
		ck_assert(pg_next_element(&elements, &p, &n));
		ck_assert_ptr_null(p);
		ck_assert(pg_next_element(&elements, &p, &n));
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq(n, 0);
		ck_assert(pg_next_element(&elements, &p, &n));
		CHECK_BYTES(p, n, "NULL");
		ck_assert(!pg_next_element(&elements, &p, &n));

		elements = pg_elements(pg, 0, 0, 1);
		for (int64_t i = -2; i < 3; i++) {
			ck_assert(pg_next_element(&elements, &p, &n));
			ck_assert_int_eq(pg_i64_of(p, n),
					 i * INT64_C(1000000000000));
		}
		ck_assert(!pg_next_element(&elements, &p, &n));
	}
END_TEST

START_TEST(empty_arrays_have_no_elements)
	{
		struct pg_array none = { 0 };
		struct pg_elements elements;
		const char *p;
		size_t n;

		pg_args_reset(&args[0]);
		pg_arg_array(&args[0], PG_TEXT, &none);
		pg_arg_array(&args[0], PG_INT8, &none);
		(void)pg_add(pg, &arrays, &args[0]);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 2), 0);
		for (int column = 0; column < 2; column++) {
			elements = pg_elements(pg, 0, 0, column);
			ck_assert(!pg_next_element(&elements, &p, &n));
		}
	}
END_TEST

/* ---- COPY ---- */

static const char copy_sql[] = "BEGIN; COPY t FROM STDIN (FORMAT binary)";

static int copy_rows(int32_t from, int32_t n, const char *v)
{
	struct buf rows = { 0 };
	int r = pg_copy_begin(pg, copy_sql, TIMEOUT_MS);

	for (int32_t i = 0; !r && i < n; i++) {
		pg_copy_row(&rows, 2);
		pg_put_i32(&rows, from + i);
		pg_put_text(&rows, v, strlen(v));
		if (rows.n < 10000 && i < n - 1)
			continue;
		r = pg_copy_put(pg, rows.p, rows.n, TIMEOUT_MS);
		buf_reset(&rows);
	}
	buf_deinit(&rows);
	return r ? r : pg_copy_end(pg, TIMEOUT_MS);
}

START_TEST(copied_rows_are_there_after_the_commit)
	{
		static const struct pg_statement sum = {
			"sum",
			"SELECT count(*), sum(k), count(v) FROM t",
			0,
		};

		ck_assert_int_eq(copy_rows(0, 20000, "x"), 0);
		ck_assert_int_eq(n_rows(), 0);
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		(void)pg_add(pg, &sum, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 0), 20000);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 1), 199990000);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 2), 20000);
	}
END_TEST

START_TEST(a_copy_of_no_rows_is_fine)
	{
		ck_assert_int_eq(copy_rows(0, 0, "x"), 0);
		(void)pg_add(pg, &pg_commit, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(n_rows(), 0);
	}
END_TEST

START_TEST(a_copied_row_that_is_known_fails_all_of_them)
	{
		add_insert(0, 5, "before");
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(copy_rows(0, 20000, "x"), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), "23505");
		(void)pg_add(pg, &pg_rollback, NULL);
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), 0);
		ck_assert_int_eq(n_rows(), 1);
	}
END_TEST

START_TEST(a_copy_that_cannot_begin_says_why)
	{
		ck_assert_int_eq(
			pg_copy_begin(pg, "COPY none FROM STDIN", TIMEOUT_MS),
			PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), "42P01");
		postgres_exec(pg, "SELECT 1");
	}
END_TEST

/* ---- notifications ---- */

START_TEST(a_notification_is_reported_once)
	{
		postgres_exec(pg, "LISTEN lanes");
		ck_assert(!pg_notified(pg));
		postgres_exec(other, "NOTIFY lanes");
		CHECK_WITHIN(TIMEOUT_MS, pg_notified(pg), (void)0);
		ck_assert(!pg_notified(pg));
	}
END_TEST

START_TEST(a_commit_that_was_replicated_is_not_doubted)
	{
		postgres_exec(
			pg,
			"DO $$ BEGIN RAISE WARNING 'something else'; END $$");
		ck_assert(!pg_unreplicated(pg));
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("pg");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_message_of_statements_gives_each_one_its_result);
	tcase_add_test(tcase, a_statement_that_fails_skips_those_after_it);
	tcase_add_test(tcase, after_a_failure_the_transaction_is_rolled_back_and_another_begun);
	tcase_add_test(tcase, a_statement_that_cannot_be_prepared_is_prepared_anew_next_time);
	tcase_add_test(tcase, a_statement_twice_in_one_message_is_prepared_once);
	tcase_add_test_raise_signal(tcase, arguments_that_are_not_the_statements_are_our_mistake, SIGABRT);
	tcase_add_test(tcase, a_deadline_that_passes_loses_the_session);
	tcase_add_test(tcase, a_backend_that_is_ended_while_it_works_is_a_lost_session);
	tcase_add_test(tcase, a_backend_that_is_ended_between_two_messages_is_a_lost_session);
	tcase_add_test(tcase, an_idle_transaction_that_the_server_ends_is_a_lost_session);
	tcase_add_loop_test(tcase, a_server_that_is_not_there_is_said_with_a_reason, 0, CHECK_N(bad_urls));
	tcase_add_test(tcase, settings_that_the_server_refuses_fail_the_connection);
	tcase_add_loop_test(tcase, the_schema_is_the_search_path_whatever_its_name, 0, CHECK_N(schemas));
	tcase_add_test(tcase, who_waits_for_a_lock_may_look_again_and_again);
	tcase_add_test(tcase, values_come_back_as_they_were_sent);
	tcase_add_test(tcase, the_server_understands_them_as_they_are_meant);
	tcase_add_test(tcase, an_instant_before_2000_is_an_instant);
	tcase_add_test(tcase, arrays_come_back_element_by_element);
	tcase_add_test(tcase, empty_arrays_have_no_elements);
	tcase_add_test(tcase, copied_rows_are_there_after_the_commit);
	tcase_add_test(tcase, a_copy_of_no_rows_is_fine);
	tcase_add_test(tcase, a_copied_row_that_is_known_fails_all_of_them);
	tcase_add_test(tcase, a_copy_that_cannot_begin_says_why);
	tcase_add_test(tcase, a_notification_is_reported_once);
	tcase_add_test(tcase, a_commit_that_was_replicated_is_not_doubted);
	return postgres_run(suite);
}
