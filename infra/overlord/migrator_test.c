/* SPDX-License-Identifier: MIT */
/*
 * Migrator: on a throw-away Postgres, which postgres.sh starts and which goes
 * when this process does. Each test has a schema and a folder of its own.
 */
#include <signal.h>
#include <sys/wait.h>

#include "infra/overlord/migrator_fixture.h"

#define DEADLINE_MS MIGRATOR_DEADLINE_MS

static struct pg *blocker; /* holds locks */

static void begin(void)
{
	setup();
	blocker = postgres_connect(postgres_url, NULL);
}

static void end(void)
{
	blocker = pg_free(blocker);
	teardown();
}

START_TEST(up_applies_every_file_and_a_second_up_finds_nothing)
	{
		command.schema = "up_twice";
		use_second_file("CREATE TABLE b (n int);");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		ck_assert_int_eq(VERSION("up_twice"), 2);
		ck_assert_int_eq(THERE("up_twice.b"), 1);
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM "
					"up_twice.migrations_applied "
					"WHERE applied_by = 'tester' "
					"AND length(checksum) = 64"),
				 2);
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		CHECK_SAID("nothing to do");
		ck_assert_int_eq(quiet(cmd_migrate_check), 0);
	}
END_TEST

START_TEST(without_execute_nothing_is_changed)
	{
		command.schema = "plan_only";
		command.options.execute = false;
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		CHECK_SAID("nothing was changed");
		CHECK_SAID("NOT_ATTEMPTED");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM pg_namespace "
					"WHERE nspname = 'plan_only'"),
				 0);
		ck_assert_int_eq(quiet(cmd_migrate_check), COMMAND_E_FAILED);
	}
END_TEST

START_TEST(a_dry_run_runs_every_file_and_leaves_nothing)
	{
		command.schema = "dry";
		command.options.execute = false;
		command.options.dry_run = true;
		use_second_file("CREATE TABLE b AS SELECT * FROM a;");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		CHECK_SAID("rolled back");
		CHECK_SAID("TRIED");
		use_second_file("CREATE TABLE b AS SELECT * FROM nowhere;");
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
		CHECK_SAID("nowhere");
		CHECK_SAID("it was tried and failed, nothing was changed");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM pg_namespace "
					"WHERE nspname = 'dry'"),
				 0);
	}
END_TEST

START_TEST(a_file_that_fails_leaves_the_version_before_it)
	{
		command.schema = "fails";
		use_second_file("CREATE TABLE b (n int); SELECT 1 / 0;");
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
		CHECK_SAID("2_b.up.sql: division by zero");
		ck_assert_int_eq(VERSION("fails"), 1);
		ck_assert_int_eq(THERE("fails.a"), 1);
		ck_assert_int_eq(THERE("fails.b"), 0);
		use_second_file("CREATE TABLE b (n int);");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		ck_assert_int_eq(VERSION("fails"), 2);
	}
END_TEST

START_TEST(down_names_the_tables_that_go_before_it_is_done)
	{
		command.schema = "goes";
		use_second_file("CREATE TABLE b (n int); CREATE TABLE c ();");
		write_file("2_b.down.sql", "DROP TABLE b, c; "
					   "ALTER TABLE a ADD m int;");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		command.options.to = 1;
		command.options.execute = false;
		ck_assert_int_eq(quiet(cmd_migrate_down), 0);
		CHECK_SAID("version 1, without the tables b, c");
		CHECK_SAID("nothing was changed");
		ck_assert_int_eq(THERE("goes.b"), 1);
		command.options.execute = true;
		ck_assert_int_eq(quiet(cmd_migrate_down), 0);
		CHECK_SAID("version 1, without the tables b, c");
		ck_assert_int_eq(THERE("goes.b"), 0);
	}
END_TEST

START_TEST(a_file_that_changed_after_it_was_applied_is_refused)
	{
		char checksum[CHECKSUM_CHARS + 1];
		static const char changed[] = "CREATE TABLE a (n bigint);";

		command.schema = "changed";
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		write_file("1_a.up.sql", changed);
		migration_checksum(changed, sizeof(changed) - 1, checksum);
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
		CHECK_SAID("file '1_a.up.sql' has changed");
		CHECK_SAID(checksum);
		migration_checksum("CREATE TABLE a (n int);", 23, checksum);
		CHECK_SAID(checksum);
		ck_assert_int_eq(quiet(cmd_migrate_check), COMMAND_E_FAILED);
		ck_assert_int_eq(VERSION("changed"), 1);
	}
END_TEST

START_TEST(a_dirty_mark_stops_everything)
	{
		command.schema = "dirty";
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		postgres_exec(
			pg, "UPDATE dirty.schema_migrations SET dirty = true");
		use_second_file("CREATE TABLE b (n int);");
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
		CHECK_SAID("marked dirty at version 1");
		CHECK_SAID("HINT");
		ck_assert_int_eq(THERE("dirty.b"), 0);
	}
END_TEST

START_TEST(down_takes_back_and_up_brings_again)
	{
		command.schema = "down";
		use_second_file("CREATE TABLE b (n int);");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		ck_assert_int_eq(quiet(cmd_migrate_down), COMMAND_E_USAGE);
		command.options.to = 1;
		ck_assert_int_eq(quiet(cmd_migrate_down), 0);
		ck_assert_int_eq(VERSION("down"), 1);
		ck_assert_int_eq(THERE("down.b"), 0);
		ck_assert_int_eq(
			NUMBER("SELECT count(*) FROM down.migrations_applied"),
			1);
		command.options.to = 0;
		ck_assert_int_eq(quiet(cmd_migrate_down), 0);
		ck_assert_int_eq(
			NUMBER("SELECT count(*) FROM down.schema_migrations"),
			0);
		command.options.to = -1;
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		ck_assert_int_eq(VERSION("down"), 2);
	}
END_TEST

START_TEST(a_schema_that_is_newer_than_the_files_is_left_alone)
	{
		command.schema = "newer";
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		postgres_exec(pg,
			      "UPDATE newer.schema_migrations SET version = 9");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		CHECK_SAID("newer than the files");
		ck_assert_int_eq(VERSION("newer"), 9);
		command.options.to = 0;
		ck_assert_int_eq(quiet(cmd_migrate_down), COMMAND_E_FAILED);
		CHECK_SAID("version 2 is applied, and its files are not in");
		CHECK_SAID("HINT: the schema is newer than these files");
		ck_assert_int_eq(quiet(cmd_migrate_check), 0);
		CHECK_SAID("newer than the files");
	}
END_TEST

START_TEST(what_another_tool_applied_is_gone_on_from)
	{
		command.schema = "other";
		postgres_exec(pg, "CREATE SCHEMA other; CREATE TABLE "
				  "other.schema_migrations "
				  "(version bigint not null primary key, dirty "
				  "boolean not "
				  "null);"
				  "INSERT INTO other.schema_migrations VALUES "
				  "(1, false)");
		use_second_file("CREATE TABLE b (n int);");
		ck_assert_int_eq(quiet(cmd_migrate_status), 0);
		CHECK_SAID("applied by another tool");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		ck_assert_int_eq(VERSION("other"), 2);
		ck_assert_int_eq(THERE("other.a"), 0);
		ck_assert_int_eq(THERE("other.b"), 1);
	}
END_TEST

/* Until a session of overlord's waits for a lock in the middle of a file. */
static void wait_for_waiter(void)
{
	CHECK_WITHIN(DEADLINE_MS,
		     NUMBER("SELECT count(*) FROM pg_stat_activity "
			    "WHERE application_name LIKE 'overlord%' "
			    "AND wait_event_type = 'Lock'"),
		     (void)0);
}

static pid_t up_in_a_child(void)
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)signal(SIGINT, SIG_DFL); /* not Check's own */
		(void)signal(SIGTERM, SIG_DFL);
		_exit(quiet(cmd_migrate_up));
	}
	return child;
}

static const int kills[] = { SIGKILL, SIGINT, SIGTERM };

START_TEST(a_migrator_killed_in_the_middle_leaves_nothing_half)
	{
		pid_t child;
		int status;

		command.schema = "killed";
		postgres_exec(pg, "DROP SCHEMA IF EXISTS killed CASCADE");
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		use_second_file("CREATE TABLE b (n int); LOCK TABLE a;");
		postgres_exec(blocker, "BEGIN; LOCK TABLE killed.a");
		child = up_in_a_child();
		wait_for_waiter();
		ck_assert_int_eq(kill(child, kills[_i]), 0);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFSIGNALED(status));
		postgres_exec(blocker, "ROLLBACK");
		/* Waits for the lock of the one that was killed, if it is still
		 * there. */
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
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

		command.schema = "two";
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		use_second_file("CREATE TABLE b (n int); LOCK TABLE a;");
		postgres_exec(blocker, "BEGIN; LOCK TABLE two.a");
		first = up_in_a_child();
		wait_for_waiter();
		second = up_in_a_child();
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
		struct migration_set set = { .dir = folder };
		struct migrator migrator = {
			.pg = pg,
			.command = &command,
			.schema = "long",
			.set = &set,
			.lock_timeout_ms = 100,
		};
		struct migrator before = migrator;

		before.pg = blocker;
		ck_assert_int_eq(migrator_lock(&before), 0);
		said_begin();
		ck_assert_int_eq(migrator_lock(&migrator), COMMAND_E_FAILED);
		said_end();
		CHECK_SAID("still being migrated by test");
	}
END_TEST

/* A role of a server that all tests share: made once. */
static void become_reader(const char *schema)
{
	static char url[sizeof(postgres_url) + 8];
	const char *at = strstr(postgres_url, "galore@");
	char sql[256];

	ck_assert_ptr_nonnull(at);
	(void)snprintf(sql, sizeof(sql),
		       "CREATE ROLE reader LOGIN; "
		       "GRANT USAGE ON SCHEMA %s TO reader; "
		       "GRANT SELECT ON ALL TABLES IN SCHEMA %s TO reader",
		       schema, schema);
	postgres_exec(pg, sql);
	(void)snprintf(url, sizeof(url), "%.*sreader@%s",
		       (int)(at - postgres_url), postgres_url,
		       at + strlen("galore@"));
	command.conf.database_url = url;
}

START_TEST(a_role_without_rights_reads_and_changes_nothing)
	{
		command.schema = "rights";
		ck_assert_int_eq(quiet(cmd_migrate_up), 0);
		use_second_file("CREATE TABLE b (n int);");
		become_reader("rights");
		ck_assert_int_eq(quiet(cmd_migrate_status), 0);
		CHECK_SAID("pending");
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
		CHECK_SAID("permission denied");
		CHECK_SAID("HINT: the role of DATABASE_URL may not do this");
		CHECK_SAID("FAILED");
		ck_assert_int_eq(VERSION("rights"), 1);
		command.schema = "rights_of_nobody";
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
		CHECK_SAID("permission denied");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM pg_namespace "
					"WHERE nspname = 'rights_of_nobody'"),
				 0);
	}
END_TEST

/* What every version of the golang-migrate tool leaves when it stops. */
START_TEST(a_dirty_mark_without_a_version_stops_everything_too)
	{
		command.schema = "half";
		postgres_exec(pg,
			      "CREATE SCHEMA half; CREATE TABLE "
			      "half.schema_migrations (version bigint NOT NULL "
			      "PRIMARY KEY, dirty boolean NOT NULL); INSERT "
			      "INTO half.schema_migrations VALUES (-1, true)");
		ck_assert_int_eq(quiet(cmd_migrate_up), COMMAND_E_FAILED);
		CHECK_SAID("marked dirty at version 0");
		ck_assert_int_eq(quiet(cmd_migrate_check), COMMAND_E_FAILED);
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

		command.schema = "galore_test";
		command.options.dir = "migrations";
		command.options.set = NULL;
		ck_assert_msg(!quiet(cmd_migrate_up), "%s", said);
		newest = VERSION("galore_test");
		for (int64_t to = newest; to >= 0; to--) {
			shape_before = SHAPE("galore_test");
			command.options.set = "service";
			command.options.to = to;
			ck_assert_msg(!quiet(cmd_migrate_down), "%s", said);
			command.options.to = newest;
			ck_assert_msg(!quiet(cmd_migrate_up), "%s", said);
			ck_assert_int_eq(SHAPE("galore_test"), shape_before);
		}
		command.options.to = 0;
		ck_assert_msg(!quiet(cmd_migrate_down), "%s", said);
		ck_assert_int_eq(
			NUMBER("SELECT count(*) FROM pg_class WHERE "
			       "relnamespace = to_regnamespace('galore_test') "
			       "AND relname NOT LIKE '%migrations%'"),
			0);
		command.options.set = "control";
		ck_assert_msg(!quiet(cmd_migrate_down), "%s", said);
		command.options.to = -1;
		command.options.set = NULL;
		ck_assert_msg(!quiet(cmd_migrate_up), "%s", said);
		ck_assert_msg(!quiet(cmd_migrate_check), "%s", said);
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

int main(void)
{
	Suite *suite = suite_create("migrator");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, begin, end);
	add_tests(tcase);
	return postgres_run(suite);
}
