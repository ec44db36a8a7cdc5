/* SPDX-License-Identifier: MIT */
/*
 * Pg: against a real server. What counts is what the caller may conclude: a
 * refusal leaves a session that can go on, anything else leaves none.
 */
#include "infra/lib/postgres/pg.h"

#include <signal.h>
#include <string.h>

#include "infra/lib/postgres/postgres_fixture.h"

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

/* The statements that were added succeed. */
static void run(void)
{
	int r = pg_run(pg, TIMEOUT_MS);

	ck_assert_msg(!r, "%s", pg_message(pg));
}

static void run_one(const struct pg_statement *statement, struct pg_args *with)
{
	ck_assert_int_eq(pg_add(pg, statement, with), 0);
	run();
}

static void run_insert(int32_t k)
{
	add_insert(0, k, "v");
	run();
}

/* The server refuses one of them. */
static void run_refused(const char *sqlstate)
{
	ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_SQL);
	ck_assert_str_eq(pg_sqlstate(pg), sqlstate);
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
			run();
			ck_assert_int_eq(pg_n_rows(pg, n), 1);
			ck_assert_int_eq(pg_i64(pg, n, 0, 0), round * 2 + 2);
			ck_assert_int_eq(n_rows(), round * 2 + 2);
		}
	}
END_TEST

START_TEST(a_failure_skips_the_rest_until_the_transaction_is_rolled_back)
	{
		run_insert(1);
		(void)pg_add(pg, &pg_begin, NULL);
		add_insert(1, 7, "seven");
		add_insert(2, 1, "again");
		add_insert(3, 2, "b");
		(void)pg_add(pg, &pg_commit, NULL);
		run_refused("23505");
		ck_assert_ptr_nonnull(strstr(pg_message(pg), "duplicate key"));
		ck_assert(!pg_lost(pg));
		(void)pg_add(pg, &count, NULL);
		run_refused("25P02");
		run_one(&pg_rollback, NULL);
		ck_assert_str_eq(pg_sqlstate(pg), "");
		ck_assert_int_eq(n_rows(), 1);
		run_insert(2);
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
		run_refused("42P01");
		postgres_exec(pg, "CREATE TEMP TABLE later AS SELECT 5 AS n");
		i = pg_add(pg, &later, NULL);
		run();
		ck_assert_int_eq(pg_i64(pg, i, 0, 0), 5);
	}
END_TEST

START_TEST(a_statement_twice_in_one_message_is_prepared_once)
	{
		int a = pg_add(pg, &count, NULL), b = pg_add(pg, &count, NULL);

		run();
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

static void end_backend(void *arg, int backend_pid, int64_t waited_ms)
{
	char sql[64];

	(void)waited_ms;
	(void)snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)",
		       backend_pid);
	if (!(*(int *)arg)++)
		postgres_exec(other, sql);
}

static int n_looks;

static void end_while_it_works(void)
{
	pg_on_waiting(pg, 20, end_backend, &n_looks);
	(void)pg_add(pg, &sleeps, NULL);
}

static void end_between_two_messages(void)
{
	end_backend(&n_looks, pg_backend_pid(pg), 0);
	(void)pg_add(pg, &pg_begin, NULL);
	(void)pg_add(pg, &count, NULL);
	(void)pg_add(pg, &pg_commit, NULL);
}

static void idle_for_too_long(void)
{
	postgres_exec(pg, "BEGIN; SET LOCAL idle_in_transaction_session_timeout"
			  " = '10ms'");
	CHECK_WITHIN(TIMEOUT_MS, pg_lost(pg), (void)pg_notified(pg));
	(void)pg_add(pg, &pg_commit, NULL);
}

static void (*const ends[])(void) = {
	end_while_it_works,
	end_between_two_messages,
	idle_for_too_long,
};

START_TEST(a_session_that_the_server_ends_is_lost)
	{
		ends[_i]();
		ck_assert_int_eq(pg_run(pg, TIMEOUT_MS), PG_E_LOST);
		ck_assert(pg_lost(pg));
		ck_assert(_i == 2 || n_looks > 0);
	}
END_TEST

/* NULL: that of the server. */
static const struct {
	const char *url, *options, *error;
} refused[] = {
	{ "postgresql://nobody@127.0.0.1:1/none", NULL, "refused" },
	{ "postgresql:///galore?host=/nowhere/at/all", NULL, "/nowhere" },
	{ "not a connection string", NULL, "failed" },
	{ NULL, "SET no_such_setting = 1", "no_such_setting" },
};

START_TEST(a_connection_that_cannot_be_made_is_lost_and_says_why)
	{
		struct pg_params params = { .url = refused[_i].url
							   ? refused[_i].url
							   : postgres_url,
					    .application_name = "test",
					    .timeout_ms = 2000,
					    .options = refused[_i].options };
		char error[256] = "";
		struct pg *none = NULL;

		ck_assert_int_eq(pg_connect(&none, &params, error), PG_E_LOST);
		ck_assert_ptr_null(none);
		ck_assert_msg(strstr(error, refused[_i].error), "%s", error);
		ck_assert_ptr_null(strchr(error, '\n'));
		ck_assert_int_eq(pg_connect(&none, &params, NULL), PG_E_LOST);
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

		run_insert(1);
		postgres_exec(other,
			      "BEGIN; SELECT * FROM t WHERE k = 1 FOR UPDATE");
		pg_on_waiting(pg, 20, let_go, &waiting);
		run_one(&locked, NULL);
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

/* After and before Postgres' own beginning, the year 2000. */
static const struct {
	int64_t wall_ms;
	const char *seconds;
} instants[] = {
	{ INT64_C(951782400999), "951782400.999000" },
	{ 1, "0.001000" },
};

static void put_values(struct pg_args *to, int64_t wall_ms)
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
	pg_put_wall_ms(pg_arg(to), wall_ms);
	pg_put_text(pg_arg(to), "", 0);
}

/* What came back in a column. */
static void expect_bytes(int column, const void *expected, size_t n_expected)
{
	size_t n;
	const char *p = pg_bytes(pg, 0, 0, column, &n);

	ck_assert_uint_eq(n, n_expected);
	ck_assert_mem_eq(p, expected, n);
}

static const char *const as_text[] = {
	"-12345",
	"-2147483648",
	"-9223372036854775808",
	"018f3a1e-7c2b-7abc-8def-0123456789ab",
	"b",
};

START_TEST(values_come_back_as_sent_and_the_server_reads_them_so)
	{
		put_values(&args[0], instants[_i].wall_ms);
		run_one(&values, &args[0]);
		ck_assert(pg_bool(pg, 0, 0, 0));
		ck_assert_int_eq(pg_i64(pg, 0, 0, 1), -12345);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 2), INT32_MIN);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 3), INT64_MIN);
		expect_bytes(4, "gr\xc3\xbc\xc3\x9f'\"\\", 9);
		expect_bytes(5, "\0\xff\n", 3);
		expect_bytes(6, uuid, 16);
		expect_bytes(7, "{\"a\": \"b\"}", 10);
		ck_assert_int_eq(pg_wall_ms(pg, 0, 0, 8), instants[_i].wall_ms);
		ck_assert(pg_null(pg, 0, 0, 9));
		ck_assert(!pg_null(pg, 0, 0, 8));
		for (int i = 0; i < CHECK_N(as_text); i++)
			expect_bytes(10 + i, as_text[i], strlen(as_text[i]));
		expect_bytes(15, instants[_i].seconds,
			     strlen(instants[_i].seconds));
	}
END_TEST

static const struct pg_statement arrays = {
	"arrays",
	"SELECT $1::text[], $2::bigint[], cardinality($1::text[]),"
	" ($1::text[])[2], (SELECT sum(x)::bigint FROM unnest($2::bigint[])"
	" AS x)",
	2,
};

/* With elements, and without any. */
START_TEST(arrays_come_back_element_by_element)
	{
		static const char *const sent[] = { "a", NULL, "", "NULL" };
		struct pg_array texts = { 0 }, numbers = { 0 };
		int n_texts = _i ? 0 : CHECK_N(sent), n_numbers = _i ? 0 : 5;
		struct pg_elements elements;
		const char *p;
		size_t n;

		for (int i = 0; i < n_texts; i++)
			if (sent[i])
				pg_put_bytes(pg_element(&texts), sent[i],
					     strlen(sent[i]));
			else
				pg_put_null(pg_element(&texts));
		for (int i = 0; i < n_numbers; i++)
			pg_put_i64(pg_element(&numbers),
				   (i - 2) * INT64_C(1000000000000));
		pg_args_reset(&args[0]);
		pg_arg_array(&args[0], PG_TEXT, &texts);
		pg_arg_array(&args[0], PG_INT8, &numbers);
		pg_array_deinit(&texts);
		pg_array_deinit(&numbers);
		run_one(&arrays, &args[0]);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 2), n_texts);
		ck_assert(pg_null(pg, 0, 0, 3));
		ck_assert_int_eq(pg_i64(pg, 0, 0, 4), 0);

		elements = pg_elements(pg, 0, 0, 0);
		for (int i = 0; i < n_texts; i++) {
			ck_assert(pg_next_element(&elements, &p, &n));
			ck_assert_int_eq(p != NULL, sent[i] != NULL);
			if (p)
				CHECK_BYTES(p, n, sent[i]);
		}
		ck_assert(!pg_next_element(&elements, &p, &n));

		elements = pg_elements(pg, 0, 0, 1);
		for (int i = 0; i < n_numbers; i++) {
			ck_assert(pg_next_element(&elements, &p, &n));
			ck_assert_int_eq(pg_i64_of(p, n),
					 (i - 2) * INT64_C(1000000000000));
		}
		ck_assert(!pg_next_element(&elements, &p, &n));
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
			"SELECT count(*), coalesce(sum(k), 0), count(v) FROM t",
			0,
		};
		const int32_t n = _i ? 0 : 20000;

		ck_assert_int_eq(copy_rows(0, n, "x"), 0);
		ck_assert_int_eq(n_rows(), 0);
		run_one(&pg_commit, NULL);
		run_one(&sum, NULL);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 0), n);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 1), _i ? 0 : 199990000);
		ck_assert_int_eq(pg_i64(pg, 0, 0, 2), n);
	}
END_TEST

START_TEST(a_copied_row_that_is_known_fails_all_of_them)
	{
		run_insert(5);
		ck_assert_int_eq(copy_rows(0, 20000, "x"), PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(pg), "23505");
		run_one(&pg_rollback, NULL);
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
	tcase_add_test(tcase, a_failure_skips_the_rest_until_the_transaction_is_rolled_back);
	tcase_add_test(tcase, a_statement_that_cannot_be_prepared_is_prepared_anew_next_time);
	tcase_add_test(tcase, a_statement_twice_in_one_message_is_prepared_once);
	tcase_add_test_raise_signal(tcase, arguments_that_are_not_the_statements_are_our_mistake, SIGABRT);
	tcase_add_test(tcase, a_deadline_that_passes_loses_the_session);
	tcase_add_loop_test(tcase, a_session_that_the_server_ends_is_lost, 0, CHECK_N(ends));
	tcase_add_loop_test(tcase, a_connection_that_cannot_be_made_is_lost_and_says_why, 0, CHECK_N(refused));
	tcase_add_loop_test(tcase, the_schema_is_the_search_path_whatever_its_name, 0, CHECK_N(schemas));
	tcase_add_test(tcase, who_waits_for_a_lock_may_look_again_and_again);
	tcase_add_loop_test(tcase, values_come_back_as_sent_and_the_server_reads_them_so, 0, CHECK_N(instants));
	tcase_add_loop_test(tcase, arrays_come_back_element_by_element, 0, 2);
	tcase_add_loop_test(tcase, copied_rows_are_there_after_the_commit, 0, 2);
	tcase_add_test(tcase, a_copied_row_that_is_known_fails_all_of_them);
	tcase_add_test(tcase, a_copy_that_cannot_begin_says_why);
	tcase_add_test(tcase, a_notification_is_reported_once);
	tcase_add_test(tcase, a_commit_that_was_replicated_is_not_doubted);
	return postgres_run(suite);
}
