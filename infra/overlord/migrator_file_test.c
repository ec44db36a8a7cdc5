/* SPDX-License-Identifier: MIT */
/*
 * Migrator file: what a file may say and what not, and what it finds, on a
 * throw-away Postgres.
 */
#include "infra/overlord/migrator_fixture.h"

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
		command.schema = "alone";
		use_second_file(up);
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
		CHECK_SAID(alone[_i].said);
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
		command.schema = "whole";
		postgres_exec(pg, "DROP SCHEMA IF EXISTS whole CASCADE");
		use_second_file(whole[_i]);
		ck_assert_msg(!quiet(cmd_migrate_up), "%s", said);
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
		command.schema = "none";
		use_second_file("-- nothing any more\n");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		use_second_file("");
		command.schema = "none_either";
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
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
		command.schema = "settings";
		write_file("1_a.up.sql", "CREATE TABLE a (); " SETTINGS);
		use_second_file(PLAIN);
		command.options.execute = false;
		command.options.dry_run = true;
		ck_assert_msg(!quiet(cmd_migrate_up), "%s", said);
		command.options.execute = true;
		command.options.dry_run = false;
		ck_assert_msg(!quiet(cmd_migrate_up), "%s", said);
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
		command.schema = "enums";
		write_file("1_a.up.sql", "CREATE TYPE kind AS ENUM ('a');");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		use_second_file("ALTER TYPE kind ADD VALUE 'b';");
		write_file("3_c.up.sql", "CREATE TABLE c (k kind DEFAULT 'b');"
					 "INSERT INTO c VALUES ('b');");
		write_file("3_c.down.sql", "DROP TABLE c;");
		command.options.execute = false;
		command.options.dry_run = true;
		ck_assert_msg(!quiet(cmd_migrate_up), "%s", said);
		CHECK_SAID("3_c.up.sql: unsafe use of new value");
		CHECK_SAID("a dry run cannot know this");
		CHECK_SAID("UNKNOWN");
		ck_assert_int_eq(VERSION("enums"), 1);
		/* In one file it can be known: it will never work. */
		use_second_file("ALTER TYPE kind ADD VALUE 'b'; "
				"CREATE TABLE b (k kind DEFAULT 'b'); "
				"INSERT INTO b VALUES ('b');");
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("migrator_file");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
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
	return postgres_run(suite);
}
