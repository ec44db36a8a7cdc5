/* SPDX-License-Identifier: MIT */
/*
 * Migrations: what is applied, what a file may say and what it finds, on a
 * throw-away Postgres. Each test has a schema and a folder of its own.
 */
#include <signal.h>

#include "infra/overlord/database_fixture.h"
#include "infra/overlord/migrations/migrations.h"

static char folder[] = "/tmp/overlord-files.XXXXXX";
static struct pg *pg, *blocker; /* @blocker holds locks */

/* The schema of each test. */
#define VERSION NUMBER("SELECT max(version) FROM mig.schema_migrations")
#define CHECK_VERSION(n) ck_assert_int_eq(VERSION, n)
#define CHECK_THERE(table, n)                                                  \
	CHECK_COUNT(n, "to_regclass('mig." table "') AS t WHERE t IS NOT "     \
		       "NULL")

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	use_server(postgres_url);
	set_env("MIGRATIONS_DIR", folder);
	set_env("DB_SCHEMA", "mig");
	pg = postgres_connect(url, NULL);
	postgres_exec(pg, "DROP SCHEMA IF EXISTS mig CASCADE");
	blocker = postgres_connect(url, NULL);
	write_file(folder, "1_a.up.sql", "CREATE TABLE a (n int);");
	write_file(folder, "1_a.down.sql", "DROP TABLE a;");
}

static void end(void)
{
	char line[128];

	pg = pg_free(pg);
	blocker = pg_free(blocker);
	(void)snprintf(line, sizeof(line), "rm -rf -- %s", folder);
	ck_assert_int_eq(system(line), 0); /* NOLINT: our own folder */
}

static void use_second_file(const char *up)
{
	write_file(folder, "2_b.up.sql", up);
	write_file(folder, "2_b.down.sql", "DROP TABLE IF EXISTS b;");
}

#define SERVICE " --set service"
#define UP_ONLY "migrate up" SERVICE
#define UP_EXECUTE UP_ONLY " --execute"
#define UP_DRY UP_ONLY " --dry-run"
#define CHECK "migrate check" SERVICE
#define DOWN_TO(version) "migrate down --to " version

START_TEST(up_applies_every_file_and_a_second_up_finds_nothing)
	{
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_VERSION(2);
		CHECK_THERE("b", 1);
		CHECK_COUNT(2, "mig.migrations_applied WHERE applied_by = "
			       "'tester' AND length(checksum) = 64");
		CHECK_RUN(UP_EXECUTE, DONE, "nothing to do");
		CHECK_RUN(CHECK, DONE, "");
	}
END_TEST

START_TEST(without_execute_nothing_is_changed)
	{
		CHECK_RUN(UP_ONLY, DONE, "nothing was changed");
		CHECK_SAID("NOT_ATTEMPTED");
		CHECK_COUNT(0, "pg_namespace WHERE nspname = 'mig'");
		CHECK_RUN(CHECK, FAILED, "");
	}
END_TEST

START_TEST(a_dry_run_runs_every_file_and_leaves_nothing)
	{
		use_second_file("CREATE TABLE b AS SELECT * FROM a;");
		CHECK_RUN(UP_DRY, DONE, "rolled back");
		CHECK_SAID("TRIED");
		use_second_file("CREATE TABLE b AS SELECT * FROM nowhere;");
		CHECK_RUN(UP_DRY, FAILED, "nowhere");
		CHECK_SAID("it was tried and failed, nothing was changed");
		CHECK_COUNT(0, "pg_namespace WHERE nspname = 'mig'");
	}
END_TEST

START_TEST(a_file_that_fails_leaves_the_version_before_it)
	{
		use_second_file("CREATE TABLE b (n int); SELECT 1 / 0;");
		CHECK_RUN(UP_EXECUTE, FAILED, "2_b.up.sql: division by zero");
		CHECK_VERSION(1);
		CHECK_THERE("a", 1);
		CHECK_THERE("b", 0);
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_VERSION(2);
	}
END_TEST

START_TEST(down_names_the_tables_that_go_before_it_is_done)
	{
		use_second_file("CREATE TABLE b (n int); CREATE TABLE c ();");
		write_file(folder, "2_b.down.sql",
			   "DROP TABLE b, c; "
			   "ALTER TABLE a ADD m int;");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_RUN(DOWN_TO("1"), DONE,
			  "version 1, without the tables b, c");
		CHECK_SAID("nothing was changed");
		CHECK_THERE("b", 1);
		CHECK_RUN(DOWN_TO("1") " --execute", DONE,
			  "version 1, without the tables b, c");
		CHECK_THERE("b", 0);
	}
END_TEST

START_TEST(a_file_that_changed_after_it_was_applied_is_refused)
	{
		char checksum[CHECKSUM_CHARS + 1];
		static const char changed[] = "CREATE TABLE a (n bigint);";

		CHECK_RUN(UP_EXECUTE, DONE, "");
		write_file(folder, "1_a.up.sql", changed);
		artifact_digest(changed, sizeof(changed) - 1, checksum);
		CHECK_RUN(UP_EXECUTE, FAILED, "file '1_a.up.sql' has changed");
		CHECK_SAID(checksum);
		artifact_digest("CREATE TABLE a (n int);", 23, checksum);
		CHECK_SAID(checksum);
		CHECK_RUN(CHECK, FAILED, "");
		CHECK_VERSION(1);
	}
END_TEST

/* As another tool leaves it when it stops; golang-migrate writes -1. */
static const struct {
	const char *row, *said;
} dirty[] = {
	{ "(1, true)", "marked dirty at version 1" },
	{ "(-1, true)", "marked dirty at version 0" },
};

static void make_schema(const char *row)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "CREATE SCHEMA mig; CREATE TABLE mig.schema_migrations "
		       "(version bigint NOT NULL PRIMARY KEY, dirty boolean "
		       "NOT NULL); INSERT INTO mig.schema_migrations VALUES %s",
		       row);
	postgres_exec(pg, sql);
}

START_TEST(a_dirty_mark_stops_everything)
	{
		make_schema(dirty[_i].row);
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN(UP_EXECUTE, FAILED, dirty[_i].said);
		CHECK_SAID("HINT");
		CHECK_RUN(CHECK, FAILED, "");
		CHECK_THERE("a", 0);
		CHECK_THERE("b", 0);
	}
END_TEST

START_TEST(down_takes_back_and_up_brings_again)
	{
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_RUN("migrate down"
			  " --execute",
			  USED_WRONGLY, "");
		CHECK_RUN(DOWN_TO("1") " --execute", DONE, "");
		CHECK_VERSION(1);
		CHECK_THERE("b", 0);
		CHECK_COUNT(1, "mig.migrations_applied");
		CHECK_RUN(DOWN_TO("0") " --execute", DONE, "");
		CHECK_COUNT(0, "mig.schema_migrations");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_VERSION(2);
	}
END_TEST

START_TEST(a_schema_that_is_newer_than_the_files_is_left_alone)
	{
		CHECK_RUN(UP_EXECUTE, DONE, "");
		postgres_exec(pg,
			      "UPDATE mig.schema_migrations SET version = 9");
		CHECK_RUN(UP_EXECUTE, DONE, "newer than the files");
		CHECK_VERSION(9);
		CHECK_RUN(DOWN_TO("0") " --execute", FAILED,
			  "version 2 is applied, and its files are not in");
		CHECK_SAID("HINT: the schema is newer than these files");
		CHECK_RUN(CHECK, DONE, "newer than the files");
	}
END_TEST

START_TEST(what_another_tool_applied_is_gone_on_from)
	{
		make_schema("(1, false)");
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN("migrate status" SERVICE, DONE,
			  "applied by another tool");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_VERSION(2);
		CHECK_THERE("a", 0);
		CHECK_THERE("b", 1);
	}
END_TEST

static const int kills[] = { SIGKILL, SIGINT, SIGTERM };

START_TEST(a_migrator_killed_in_the_middle_leaves_nothing_half)
	{
		pid_t child;
		int status;

		CHECK_RUN(UP_EXECUTE, DONE, "");
		use_second_file("CREATE TABLE b (n int); LOCK TABLE a;");
		postgres_exec(blocker, "BEGIN; LOCK TABLE mig.a");
		child = overlord_in_a_child(UP_EXECUTE);
		wait_for_waiter();
		ck_assert_int_eq(kill(child, kills[_i]), 0);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFSIGNALED(status));
		postgres_exec(blocker, "ROLLBACK");
		/* Waits for the lock of the one that was killed, if it is still
		 * there. */
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_VERSION(2);
		CHECK_COUNT(2, "mig.migrations_applied");
	}
END_TEST

START_TEST(of_two_migrators_one_waits_and_then_finds_nothing)
	{
		pid_t first, second;

		CHECK_RUN(UP_EXECUTE, DONE, "");
		use_second_file("CREATE TABLE b (n int); LOCK TABLE a;");
		postgres_exec(blocker, "BEGIN; LOCK TABLE mig.a");
		first = overlord_in_a_child(UP_EXECUTE);
		wait_for_waiter();
		second = overlord_in_a_child(UP_EXECUTE);
		CHECK_WITHIN(DEADLINE_MS,
			     NUMBER("SELECT count(*) FROM pg_locks WHERE "
				    "locktype = 'advisory' "
				    "AND NOT granted") == 1,
			     (void)0);
		postgres_exec(blocker, "ROLLBACK");
		ck_assert_int_eq(status_of(first), DONE);
		ck_assert_int_eq(status_of(second), DONE);
		CHECK_VERSION(2);
	}
END_TEST

START_TEST(a_migrator_that_waits_too_long_says_for_whom)
	{
		set_env("OVERLORD_TIMEOUT_MS", "500");
		postgres_exec(blocker, "SELECT pg_advisory_lock("
				       "hashtextextended('migrations of mig', "
				       "0))");
		CHECK_RUN(UP_EXECUTE, FAILED, "still being migrated by test");
	}
END_TEST

/* A role of a server that all tests share: made once. */
static void become_reader(void)
{
	char reader[sizeof(postgres_url) + 8];
	const char *at = strstr(postgres_url, "galore@");

	ck_assert_ptr_nonnull(at);
	postgres_exec(pg, "CREATE ROLE reader LOGIN; "
			  "GRANT USAGE ON SCHEMA mig TO reader; "
			  "GRANT SELECT ON ALL TABLES IN SCHEMA mig TO reader");
	(void)snprintf(reader, sizeof(reader), "%.*sreader@%s",
		       (int)(at - postgres_url), postgres_url,
		       at + strlen("galore@"));
	set_env("DATABASE_URL", reader);
}

START_TEST(a_role_without_rights_reads_and_changes_nothing)
	{
		CHECK_RUN(UP_EXECUTE, DONE, "");
		use_second_file("CREATE TABLE b (n int);");
		become_reader();
		CHECK_RUN("migrate status" SERVICE, DONE, "pending");
		CHECK_RUN(UP_EXECUTE, FAILED, "permission denied");
		CHECK_SAID("HINT: the role of DATABASE_URL may not do this");
		CHECK_SAID("FAILED");
		CHECK_VERSION(1);
		set_env("DB_SCHEMA", "mig_of_nobody");
		CHECK_RUN(UP_EXECUTE, FAILED, "permission denied");
		CHECK_COUNT(0, "pg_namespace WHERE nspname = 'mig_of_nobody'");
	}
END_TEST

/* Every table, column, view and function of the schema, as one number. */
#define SHAPE                                                                  \
	NUMBER("SELECT hashtextextended(string_agg(line, ';' ORDER BY line), " \
	       "0) FROM (SELECT c.relname || a.attname || a.atttypid AS line " \
	       "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "    \
	       "WHERE c.relnamespace = to_regnamespace('mig') "                \
	       "AND a.attnum > 0 AND NOT a.attisdropped "                      \
	       "UNION ALL SELECT p.proname || p.prosrc FROM pg_proc p "        \
	       "WHERE p.pronamespace = to_regnamespace('mig')) lines")

START_TEST(each_file_of_this_project_goes_up_down_and_up_again)
	{
		int64_t shape_before;
		char down[64];

		set_env("MIGRATIONS_DIR", "migrations");
		CHECK_RUN("migrate up --execute", DONE, "");
		for (int64_t to = VERSION; to >= 0; to--) {
			shape_before = SHAPE;
			(void)snprintf(down, sizeof(down),
				       DOWN_TO("%d") " --execute", (int)to);
			CHECK_RUN(down, DONE, "");
			CHECK_RUN(UP_EXECUTE, DONE, "");
			ck_assert_int_eq(SHAPE, shape_before);
		}
		CHECK_RUN(DOWN_TO("0") " --execute", DONE, "");
		CHECK_COUNT(
			0,
			"pg_class WHERE relnamespace = to_regnamespace('mig') "
			"AND relname NOT LIKE '%migrations%'");
		CHECK_RUN(DOWN_TO("0") " --execute --set control", DONE, "");
		CHECK_RUN("migrate up --execute", DONE, "");
		CHECK_RUN("migrate check", DONE, "");
	}
END_TEST

#define IS_ONE "HINT: a file is one transaction"

/* What comes after the file has made table b. */
static const struct {
	const char *sql, *said;
} alone[] = {
	{ "COMMIT;", IS_ONE },
	{ "END;", IS_ONE },
	{ "ABORT;", IS_ONE },
	{ "COMMIT AND CHAIN; SELECT 1 / 0;", IS_ONE },
	{ "ROLLBACK; CREATE TABLE b (n int);", IS_ONE },
	{ "ROLLBACK AND CHAIN; CREATE TABLE b (n int); COMMIT;", IS_ONE },
	{ "BEGIN;", IS_ONE },
	{ "START TRANSACTION READ WRITE;", IS_ONE },
	{ "SAVEPOINT s; ROLLBACK TO s;", IS_ONE },
	{ "PREPARE TRANSACTION 'half';", IS_ONE },
	{ "/* a /* comment */ */ cOmMiT ;", IS_ONE },
	{ "-- old line end\rCOMMIT;\nSELECT 1 / 0;", IS_ONE },
	{ "SELECT 'a\\'; COMMIT; SELECT ' ';", IS_ONE },
	{ "DO 'BEGIN COMMIT; END';", "ends a transaction" },
	{ "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'; "
	  "CALL p();",
	  "ends a transaction" },
	{ "COPY b FROM STDIN;", IS_ONE },
	{ "COPY b TO STDOUT;", IS_ONE },
	{ "COPY (SELECT generate_series(1, 100000)) TO STDOUT; SELECT 1 / 0;",
	  IS_ONE },
	{ "CREATE INDEX CONCURRENTLY b_n ON b (n);", "cannot run in a" },
	{ "VACUUM;", "cannot run in a" },
};

START_TEST(a_file_that_is_not_one_transaction_leaves_nothing)
	{
		char up[256];

		(void)snprintf(up, sizeof(up), "CREATE TABLE b (n int); %s",
			       alone[_i].sql);
		use_second_file(up);
		CHECK_RUN(UP_EXECUTE, FAILED, alone[_i].said);
		CHECK_VERSION(1);
		CHECK_THERE("b", 0);
		CHECK_COUNT(0, "pg_prepared_xacts");
	}
END_TEST

/* Each makes table b. */
static const char *const whole[] = {
	"CREATE TABLE b (n int); INSERT INTO b VALUES (1);",
	"CREATE TABLE b AS SELECT '; COMMIT;' AS commit -- COMMIT;",
	"SET standard_conforming_strings = off; CREATE TABLE b ();",
	"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; "
	"CREATE TABLE b ();",
	"DO $body$ BEGIN CREATE TABLE b (); END $body$;",
	"CREATE TABLE b (n int UNIQUE DEFERRABLE INITIALLY DEFERRED); "
	"INSERT INTO b VALUES (1); SET CONSTRAINTS ALL IMMEDIATE;",
	"SELECT n INTO b FROM a;",
	"DECLARE c CURSOR WITH HOLD FOR SELECT 1; FETCH c; LISTEN a; "
	"PREPARE s AS SELECT 1; EXECUTE s; DEALLOCATE s; CREATE TABLE b ()",
	"\xef\xbb\xbf"
	"CREATE TABLE b ();",
	"CREATE ROLE other_role; GRANT other_role TO CURRENT_USER; GRANT "
	"CREATE ON SCHEMA mig TO other_role; "
	"SET ROLE other_role; CREATE TABLE mig.b (); "
	"SELECT set_config('search_path', '', false);",
};

START_TEST(a_file_that_is_one_transaction_is_run_as_it_is)
	{
		use_second_file(whole[_i]);
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_VERSION(2);
		CHECK_THERE("b", 1);
		CHECK_COUNT(
			2,
			"mig.migrations_applied WHERE applied_by = 'tester'");
	}
END_TEST

START_TEST(a_file_without_a_statement_is_applied)
	{
		use_second_file("-- nothing any more\n");
		write_file(folder, "3_c.up.sql", "");
		write_file(folder, "3_c.down.sql", "");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_VERSION(3);
	}
END_TEST

/* What pg_dump begins its files with, and more. */
#define SETTINGS                                                               \
	"SET client_encoding = 'LATIN1'; SET statement_timeout = 7; "          \
	"SET standard_conforming_strings = off; "                              \
	"SET default_tablespace = ''; SET ROLE pg_monitor; "                   \
	"CREATE TEMP TABLE a_temp (); "                                        \
	"SELECT pg_catalog.set_config('search_path', '', false); "             \
	"SET LOCAL lock_timeout = 0;"
/* Fails where a setting of the file before it is still there. */
#define DEFAULT_OF_B "cr\xc3\xa8me"
#define PLAIN                                                                  \
	"CREATE TABLE b (t text DEFAULT '" DEFAULT_OF_B "'); DO $$ BEGIN "     \
	"ASSERT current_user = session_user; "                                 \
	"ASSERT current_user <> 'pg_monitor'; "                                \
	"ASSERT length('" DEFAULT_OF_B "') = 5; "                              \
	"ASSERT current_setting('statement_timeout') = '0'; "                  \
	"ASSERT current_setting('lock_timeout') <> '0'; "                      \
	"ASSERT current_setting('standard_conforming_strings') = 'on'; "       \
	"ASSERT to_regclass('pg_temp.a_temp') IS NULL; END $$;"

START_TEST(each_file_begins_from_the_same_settings)
	{
		write_file(folder, "1_a.up.sql",
			   "CREATE TABLE a (); " SETTINGS);
		use_second_file(PLAIN);
		CHECK_RUN(UP_DRY, DONE, "");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_VERSION(2);
		ck_assert_int_eq(NUMBER("SELECT strpos(pg_get_expr(adbin, "
					"adrelid), 'cr\xc3\xa8me') "
					"FROM pg_attrdef WHERE "
					"adrelid = 'mig.b'::regclass"),
				 2);
	}
END_TEST

START_TEST(a_dry_run_says_what_it_cannot_know_and_is_no_failure)
	{
		write_file(folder, "1_a.up.sql",
			   "CREATE TYPE kind AS ENUM ('a');");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		use_second_file("ALTER TYPE kind ADD VALUE 'b';");
		write_file(folder, "3_c.up.sql",
			   "CREATE TABLE c (k kind DEFAULT 'b');"
			   "INSERT INTO c VALUES ('b');");
		write_file(folder, "3_c.down.sql", "DROP TABLE c;");
		CHECK_RUN(UP_DRY, DONE, "3_c.up.sql: unsafe use of new value");
		CHECK_SAID("a dry run cannot know this");
		CHECK_SAID("UNKNOWN");
		CHECK_VERSION(1);
		/* In one file it can be known: it will never work. */
		use_second_file("ALTER TYPE kind ADD VALUE 'b'; "
				"CREATE TABLE b (k kind DEFAULT 'b'); "
				"INSERT INTO b VALUES ('b');");
		CHECK_RUN(UP_DRY, FAILED, "");
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ up_applies_every_file_and_a_second_up_finds_nothing, 1 },
		{ without_execute_nothing_is_changed, 1 },
		{ a_dry_run_runs_every_file_and_leaves_nothing, 1 },
		{ a_file_that_fails_leaves_the_version_before_it, 1 },
		{ down_names_the_tables_that_go_before_it_is_done, 1 },
		{ a_file_that_changed_after_it_was_applied_is_refused, 1 },
		{ a_dirty_mark_stops_everything, CHECK_N(dirty) },
		{ down_takes_back_and_up_brings_again, 1 },
		{ a_schema_that_is_newer_than_the_files_is_left_alone, 1 },
		{ what_another_tool_applied_is_gone_on_from, 1 },
		{ a_migrator_killed_in_the_middle_leaves_nothing_half,
		  CHECK_N(kills) },
		{ of_two_migrators_one_waits_and_then_finds_nothing, 1 },
		{ a_migrator_that_waits_too_long_says_for_whom, 1 },
		{ a_role_without_rights_reads_and_changes_nothing, 1 },
		{ each_file_of_this_project_goes_up_down_and_up_again, 1 },
		{ a_file_that_is_not_one_transaction_leaves_nothing,
		  CHECK_N(alone) },
		{ a_file_that_is_one_transaction_is_run_as_it_is,
		  CHECK_N(whole) },
		{ a_file_without_a_statement_is_applied, 1 },
		{ each_file_begins_from_the_same_settings, 1 },
		{ a_dry_run_says_what_it_cannot_know_and_is_no_failure, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("migrations");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, begin, end);
	check_add(tcase, rows);
	return postgres_run(suite);
}
