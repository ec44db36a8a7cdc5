/* SPDX-License-Identifier: MIT */
/*
 * Migrations: what is applied, what a file may say and what it finds, on a
 * throw-away Postgres. Each test has a schema and a folder of its own.
 */
#include <signal.h>

#include "infra/overlord/database_fixture.h"
#include "infra/overlord/migrations.h"

static char folder[] = "/tmp/overlord-files.XXXXXX";
static struct pg *pg, *blocker; /* @blocker holds locks */

#define VERSION(schema)                                                        \
	NUMBER("SELECT max(version) FROM " schema ".schema_migrations")
#define THERE(table)                                                           \
	NUMBER("SELECT count(*) FROM to_regclass('" table "') AS t "           \
	       "WHERE t IS NOT NULL")

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	use_server(postgres_url);
	set_env("MIGRATIONS_DIR", folder);
	pg = postgres_connect(url, NULL);
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
		set_env("DB_SCHEMA", "up_twice");
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		ck_assert_int_eq(VERSION("up_twice"), 2);
		ck_assert_int_eq(THERE("up_twice.b"), 1);
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM "
					"up_twice.migrations_applied "
					"WHERE applied_by = 'tester' "
					"AND length(checksum) = 64"),
				 2);
		CHECK_RUN(UP_EXECUTE, DONE, "nothing to do");
		CHECK_RUN(CHECK, DONE, "");
	}
END_TEST

START_TEST(without_execute_nothing_is_changed)
	{
		set_env("DB_SCHEMA", "plan_only");
		CHECK_RUN(UP_ONLY, DONE, "nothing was changed");
		CHECK_SAID("NOT_ATTEMPTED");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM pg_namespace "
					"WHERE nspname = 'plan_only'"),
				 0);
		CHECK_RUN(CHECK, FAILED, "");
	}
END_TEST

START_TEST(a_dry_run_runs_every_file_and_leaves_nothing)
	{
		set_env("DB_SCHEMA", "dry");
		use_second_file("CREATE TABLE b AS SELECT * FROM a;");
		CHECK_RUN(UP_DRY, DONE, "rolled back");
		CHECK_SAID("TRIED");
		use_second_file("CREATE TABLE b AS SELECT * FROM nowhere;");
		CHECK_RUN(UP_DRY, FAILED, "nowhere");
		CHECK_SAID("it was tried and failed, nothing was changed");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM pg_namespace "
					"WHERE nspname = 'dry'"),
				 0);
	}
END_TEST

START_TEST(a_file_that_fails_leaves_the_version_before_it)
	{
		set_env("DB_SCHEMA", "fails");
		use_second_file("CREATE TABLE b (n int); SELECT 1 / 0;");
		CHECK_RUN(UP_EXECUTE, FAILED, "2_b.up.sql: division by zero");
		ck_assert_int_eq(VERSION("fails"), 1);
		ck_assert_int_eq(THERE("fails.a"), 1);
		ck_assert_int_eq(THERE("fails.b"), 0);
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		ck_assert_int_eq(VERSION("fails"), 2);
	}
END_TEST

START_TEST(down_names_the_tables_that_go_before_it_is_done)
	{
		set_env("DB_SCHEMA", "goes");
		use_second_file("CREATE TABLE b (n int); CREATE TABLE c ();");
		write_file(folder, "2_b.down.sql",
			   "DROP TABLE b, c; "
			   "ALTER TABLE a ADD m int;");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_RUN(DOWN_TO("1"), DONE,
			  "version 1, without the tables b, c");
		CHECK_SAID("nothing was changed");
		ck_assert_int_eq(THERE("goes.b"), 1);
		CHECK_RUN(DOWN_TO("1") " --execute", DONE,
			  "version 1, without the tables b, c");
		ck_assert_int_eq(THERE("goes.b"), 0);
	}
END_TEST

START_TEST(a_file_that_changed_after_it_was_applied_is_refused)
	{
		char checksum[CHECKSUM_CHARS + 1];
		static const char changed[] = "CREATE TABLE a (n bigint);";

		set_env("DB_SCHEMA", "changed");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		write_file(folder, "1_a.up.sql", changed);
		migration_checksum(changed, sizeof(changed) - 1, checksum);
		CHECK_RUN(UP_EXECUTE, FAILED, "file '1_a.up.sql' has changed");
		CHECK_SAID(checksum);
		migration_checksum("CREATE TABLE a (n int);", 23, checksum);
		CHECK_SAID(checksum);
		CHECK_RUN(CHECK, FAILED, "");
		ck_assert_int_eq(VERSION("changed"), 1);
	}
END_TEST

START_TEST(a_dirty_mark_stops_everything)
	{
		set_env("DB_SCHEMA", "dirty");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		postgres_exec(
			pg, "UPDATE dirty.schema_migrations SET dirty = true");
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN(UP_EXECUTE, FAILED, "marked dirty at version 1");
		CHECK_SAID("HINT");
		ck_assert_int_eq(THERE("dirty.b"), 0);
	}
END_TEST

START_TEST(down_takes_back_and_up_brings_again)
	{
		set_env("DB_SCHEMA", "down");
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		CHECK_RUN("migrate down"
			  " --execute",
			  USED_WRONGLY, "");
		CHECK_RUN(DOWN_TO("1") " --execute", DONE, "");
		ck_assert_int_eq(VERSION("down"), 1);
		ck_assert_int_eq(THERE("down.b"), 0);
		ck_assert_int_eq(
			NUMBER("SELECT count(*) FROM down.migrations_applied"),
			1);
		CHECK_RUN(DOWN_TO("0") " --execute", DONE, "");
		ck_assert_int_eq(
			NUMBER("SELECT count(*) FROM down.schema_migrations"),
			0);
		CHECK_RUN(UP_EXECUTE, DONE, "");
		ck_assert_int_eq(VERSION("down"), 2);
	}
END_TEST

START_TEST(a_schema_that_is_newer_than_the_files_is_left_alone)
	{
		set_env("DB_SCHEMA", "newer");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		postgres_exec(pg,
			      "UPDATE newer.schema_migrations SET version = 9");
		CHECK_RUN(UP_EXECUTE, DONE, "newer than the files");
		ck_assert_int_eq(VERSION("newer"), 9);
		CHECK_RUN(DOWN_TO("0") " --execute", FAILED,
			  "version 2 is applied, and its files are not in");
		CHECK_SAID("HINT: the schema is newer than these files");
		CHECK_RUN(CHECK, DONE, "newer than the files");
	}
END_TEST

START_TEST(what_another_tool_applied_is_gone_on_from)
	{
		set_env("DB_SCHEMA", "other");
		postgres_exec(pg, "CREATE SCHEMA other; CREATE TABLE "
				  "other.schema_migrations "
				  "(version bigint not null primary key, dirty "
				  "boolean not "
				  "null);"
				  "INSERT INTO other.schema_migrations VALUES "
				  "(1, false)");
		use_second_file("CREATE TABLE b (n int);");
		CHECK_RUN("migrate status" SERVICE, DONE,
			  "applied by another tool");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		ck_assert_int_eq(VERSION("other"), 2);
		ck_assert_int_eq(THERE("other.a"), 0);
		ck_assert_int_eq(THERE("other.b"), 1);
	}
END_TEST

static const int kills[] = { SIGKILL, SIGINT, SIGTERM };

START_TEST(a_migrator_killed_in_the_middle_leaves_nothing_half)
	{
		pid_t child;
		int status;

		set_env("DB_SCHEMA", "killed");
		postgres_exec(pg, "DROP SCHEMA IF EXISTS killed CASCADE");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		use_second_file("CREATE TABLE b (n int); LOCK TABLE a;");
		postgres_exec(blocker, "BEGIN; LOCK TABLE killed.a");
		child = overlord_in_a_child(UP_EXECUTE);
		wait_for_waiter();
		ck_assert_int_eq(kill(child, kills[_i]), 0);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFSIGNALED(status));
		postgres_exec(blocker, "ROLLBACK");
		/* Waits for the lock of the one that was killed, if it is still
		 * there. */
		CHECK_RUN(UP_EXECUTE, DONE, "");
		ck_assert_int_eq(VERSION("killed"), 2);
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM "
					"killed.migrations_applied"),
				 2);
	}
END_TEST

START_TEST(of_two_migrators_one_waits_and_then_finds_nothing)
	{
		pid_t first, second;
		int status;

		set_env("DB_SCHEMA", "two");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		use_second_file("CREATE TABLE b (n int); LOCK TABLE a;");
		postgres_exec(blocker, "BEGIN; LOCK TABLE two.a");
		first = overlord_in_a_child(UP_EXECUTE);
		wait_for_waiter();
		second = overlord_in_a_child(UP_EXECUTE);
		CHECK_WITHIN(DEADLINE_MS,
			     NUMBER("SELECT count(*) FROM pg_locks WHERE "
				    "locktype = 'advisory' "
				    "AND NOT granted") == 1,
			     (void)0);
		postgres_exec(blocker, "ROLLBACK");
		ck_assert_int_eq(waitpid(first, &status, 0), first);
		ck_assert_int_eq(status, 0);
		ck_assert_int_eq(waitpid(second, &status, 0), second);
		ck_assert_int_eq(status, 0);
		ck_assert_int_eq(VERSION("two"), 2);
	}
END_TEST

START_TEST(a_migrator_that_waits_too_long_says_for_whom)
	{
		set_env("DB_SCHEMA", "long");
		set_env("OVERLORD_TIMEOUT_MS", "500");
		postgres_exec(blocker, "SELECT pg_advisory_lock("
				       "hashtextextended('migrations of long', "
				       "0))");
		CHECK_RUN(UP_EXECUTE, FAILED, "still being migrated by test");
	}
END_TEST

/* A role of a server that all tests share: made once. */
static void become_reader(const char *schema)
{
	char reader[sizeof(postgres_url) + 8];
	const char *at = strstr(postgres_url, "galore@");
	char sql[256];

	ck_assert_ptr_nonnull(at);
	(void)snprintf(sql, sizeof(sql),
		       "CREATE ROLE reader LOGIN; "
		       "GRANT USAGE ON SCHEMA %s TO reader; "
		       "GRANT SELECT ON ALL TABLES IN SCHEMA %s TO reader",
		       schema, schema);
	postgres_exec(pg, sql);
	(void)snprintf(reader, sizeof(reader), "%.*sreader@%s",
		       (int)(at - postgres_url), postgres_url,
		       at + strlen("galore@"));
	set_env("DATABASE_URL", reader);
}

START_TEST(a_role_without_rights_reads_and_changes_nothing)
	{
		set_env("DB_SCHEMA", "rights");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		use_second_file("CREATE TABLE b (n int);");
		become_reader("rights");
		CHECK_RUN("migrate status" SERVICE, DONE, "pending");
		CHECK_RUN(UP_EXECUTE, FAILED, "permission denied");
		CHECK_SAID("HINT: the role of DATABASE_URL may not do this");
		CHECK_SAID("FAILED");
		ck_assert_int_eq(VERSION("rights"), 1);
		set_env("DB_SCHEMA", "rights_of_nobody");
		CHECK_RUN(UP_EXECUTE, FAILED, "permission denied");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM pg_namespace "
					"WHERE nspname = 'rights_of_nobody'"),
				 0);
	}
END_TEST

/* What every version of the golang-migrate tool leaves when it stops. */
START_TEST(a_dirty_mark_without_a_version_stops_everything_too)
	{
		set_env("DB_SCHEMA", "half");
		postgres_exec(pg,
			      "CREATE SCHEMA half; CREATE TABLE "
			      "half.schema_migrations (version bigint NOT NULL "
			      "PRIMARY KEY, dirty boolean NOT NULL); INSERT "
			      "INTO half.schema_migrations VALUES (-1, true)");
		CHECK_RUN(UP_EXECUTE, FAILED, "marked dirty at version 0");
		CHECK_RUN(CHECK, FAILED, "");
		ck_assert_int_eq(THERE("half.a"), 0);
	}
END_TEST

/* Every table, column, view and function of a schema, as one number. */
#define SHAPE(schema)                                                          \
	NUMBER("SELECT hashtextextended(string_agg(line, ';' ORDER BY line), " \
	       "0) FROM (SELECT c.relname || a.attname || a.atttypid AS line " \
	       "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "    \
	       "WHERE c.relnamespace = to_regnamespace('" schema "') "         \
	       "AND a.attnum > 0 AND NOT a.attisdropped "                      \
	       "UNION ALL SELECT p.proname || p.prosrc FROM pg_proc p "        \
	       "WHERE p.pronamespace = to_regnamespace('" schema "')) lines")

START_TEST(each_file_of_this_project_goes_up_down_and_up_again)
	{
		int64_t shape_before, newest;

		char down[64], up[64];

		set_env("DB_SCHEMA", "galore_test");
		set_env("MIGRATIONS_DIR", "migrations");
		CHECK_RUN("migrate up --execute", DONE, "");
		newest = VERSION("galore_test");
		(void)snprintf(up, sizeof(up), UP_EXECUTE " --to %d",
			       (int)newest);
		for (int64_t to = newest; to >= 0; to--) {
			shape_before = SHAPE("galore_test");
			(void)snprintf(down, sizeof(down),
				       DOWN_TO("%d") " --execute", (int)to);
			CHECK_RUN(down, DONE, "");
			CHECK_RUN(up, DONE, "");
			ck_assert_int_eq(SHAPE("galore_test"), shape_before);
		}
		CHECK_RUN(DOWN_TO("0") " --execute", DONE, "");
		ck_assert_int_eq(
			NUMBER("SELECT count(*) FROM pg_class WHERE "
			       "relnamespace = to_regnamespace('galore_test') "
			       "AND relname NOT LIKE '%migrations%'"),
			0);
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
		set_env("DB_SCHEMA", "alone");
		use_second_file(up);
		CHECK_RUN(UP_EXECUTE, FAILED, alone[_i].said);
		ck_assert_int_eq(VERSION("alone"), 1);
		ck_assert_int_eq(THERE("alone.b"), 0);
		ck_assert_int_eq(
			NUMBER("SELECT count(*) FROM pg_prepared_xacts"), 0);
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
	"CREATE ON SCHEMA whole TO other_role; "
	"SET ROLE other_role; CREATE TABLE whole.b (); "
	"SELECT set_config('search_path', '', false);",
};

START_TEST(a_file_that_is_one_transaction_is_run_as_it_is)
	{
		set_env("DB_SCHEMA", "whole");
		postgres_exec(pg, "DROP SCHEMA IF EXISTS whole CASCADE");
		use_second_file(whole[_i]);
		CHECK_RUN(UP_EXECUTE, DONE, "");
		ck_assert_int_eq(VERSION("whole"), 2);
		ck_assert_int_eq(THERE("whole.b"), 1);
		ck_assert_int_eq(
			NUMBER("SELECT count(*) FROM whole.migrations_applied "
			       "WHERE applied_by = 'tester'"),
			2);
	}
END_TEST

START_TEST(a_file_without_a_statement_is_applied)
	{
		set_env("DB_SCHEMA", "none");
		use_second_file("-- nothing any more\n");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		use_second_file("");
		set_env("DB_SCHEMA", "none_either");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		ck_assert_int_eq(VERSION("none_either"), 2);
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
		set_env("DB_SCHEMA", "settings");
		write_file(folder, "1_a.up.sql",
			   "CREATE TABLE a (); " SETTINGS);
		use_second_file(PLAIN);
		CHECK_RUN(UP_DRY, DONE, "");
		CHECK_RUN(UP_EXECUTE, DONE, "");
		ck_assert_int_eq(VERSION("settings"), 2);
		ck_assert_int_eq(NUMBER("SELECT strpos(pg_get_expr(adbin, "
					"adrelid), 'cr\xc3\xa8me') "
					"FROM pg_attrdef WHERE "
					"adrelid = 'settings.b'::regclass"),
				 2);
	}
END_TEST

START_TEST(a_dry_run_says_what_it_cannot_know_and_is_no_failure)
	{
		set_env("DB_SCHEMA", "enums");
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
		ck_assert_int_eq(VERSION("enums"), 1);
		/* In one file it can be known: it will never work. */
		use_second_file("ALTER TYPE kind ADD VALUE 'b'; "
				"CREATE TABLE b (k kind DEFAULT 'b'); "
				"INSERT INTO b VALUES ('b');");
		CHECK_RUN(UP_DRY, FAILED, "");
	}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase,
		       up_applies_every_file_and_a_second_up_finds_nothing);
	tcase_add_test(tcase, without_execute_nothing_is_changed);
	tcase_add_test(tcase, a_dry_run_runs_every_file_and_leaves_nothing);
	tcase_add_test(tcase, a_file_that_fails_leaves_the_version_before_it);
	tcase_add_test(tcase, down_names_the_tables_that_go_before_it_is_done);
	tcase_add_test(tcase,
		       a_file_that_changed_after_it_was_applied_is_refused);
	tcase_add_test(tcase, a_dirty_mark_stops_everything);
	tcase_add_test(tcase, down_takes_back_and_up_brings_again);
	tcase_add_test(tcase,
		       a_schema_that_is_newer_than_the_files_is_left_alone);
	tcase_add_test(tcase, what_another_tool_applied_is_gone_on_from);
	tcase_add_loop_test(tcase,
			    a_migrator_killed_in_the_middle_leaves_nothing_half,
			    0, CHECK_N(kills));
	tcase_add_test(tcase,
		       of_two_migrators_one_waits_and_then_finds_nothing);
	tcase_add_test(tcase, a_migrator_that_waits_too_long_says_for_whom);
	tcase_add_test(tcase, a_role_without_rights_reads_and_changes_nothing);
	tcase_add_test(tcase,
		       a_dirty_mark_without_a_version_stops_everything_too);
	tcase_add_test(tcase,
		       each_file_of_this_project_goes_up_down_and_up_again);
}

static void add_files(TCase *tcase)
{
	tcase_add_loop_test(tcase,
			    a_file_that_is_not_one_transaction_leaves_nothing,
			    0, CHECK_N(alone));
	tcase_add_loop_test(tcase,
			    a_file_that_is_one_transaction_is_run_as_it_is, 0,
			    CHECK_N(whole));
	tcase_add_test(tcase, a_file_without_a_statement_is_applied);
	tcase_add_test(tcase, each_file_begins_from_the_same_settings);
	tcase_add_test(tcase,
		       a_dry_run_says_what_it_cannot_know_and_is_no_failure);
}

int main(void)
{
	Suite *suite = suite_create("migrations");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, begin, end);
	add_tests(tcase);
	add_files(tcase);
	return postgres_run(suite);
}
