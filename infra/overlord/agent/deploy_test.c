/* SPDX-License-Identifier: MIT */
/*
 * Deploy: what the verbs of deployments plan, write and refuse, on a real
 * database and without an agent. Programs are shell scripts.
 */
#include <sys/stat.h>

#include "infra/overlord/database_fixture.h"

static char dir[64], line[256];

static void write_program(const char *name, const char *text, mode_t mode)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	write_file(dir, name, text);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void setup(void)
{
	(void)str_copy(dir, sizeof(dir), "/tmp/deploy-test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	write_program("chillybin", "#!/bin/sh\necho chillybin 1.5\n", 0755);
	write_program("grillsim", "#!/bin/sh\necho 2.5\n", 0755);
	write_program("silent", "#!/bin/sh\n", 0755);
	write_program("failing", "#!/bin/sh\necho failing 1\nexit 1\n", 0755);
	write_program("plain", "#!/bin/sh\necho plain 1\n", 0644);
	write_program("garbage", "\1\2\3", 0755);
}

static void teardown(void)
{
	(void)snprintf(line, sizeof(line), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(line), 0); /* NOLINT: a path of ours */
}

/* "deploy @what --from DIR". */
static const char *deploy(const char *what)
{
	(void)snprintf(line, sizeof(line), "deploy %s --from %s", what, dir);
	return line;
}

#define DEPLOYMENT(where) "control.deployments WHERE " where

START_TEST(a_deployment_is_planned_then_written_then_as_it_should_be)
	{
		CHECK_RUN(deploy("chillybin blue"), DONE,
			  "missing 1 of version 1.5 (");
		CHECK_SAID("NOT_ATTEMPTED");
		CHECK_COUNT(0, "control.deployments");
		CHECK_RUN(deploy("chillybin blue --execute --instances 2"),
			  DONE, "CONFIRMED");
		CHECK_COUNT(1, DEPLOYMENT("version = '1.5' AND instances = 2 "
					  "AND length(digest) = 64 AND who = "
					  "'tester'"));
		CHECK_RUN(deploy("chillybin blue --execute"), DONE,
			  "UNCHANGED");
		CHECK_COUNT(1, "control.audit WHERE what->>'deployment' = "
			       "'chillybin blue' AND before IS NULL");
		CHECK_RUN("deployments", DONE, "chillybin blue   1.5");
		CHECK_RUN("instances", DONE, "there are no instances");
	}
END_TEST

static const struct {
	const char *line, *said;
	int status;
} refused[] = {
	{ "nothing blue", "there is no program '", FAILED },
	{ "plain blue", "Permission denied", FAILED },
	{ "silent blue", "does not say a version: it failed, or said nothing",
	  FAILED },
	{ "failing blue", "it failed, or said nothing", FAILED },
	{ "garbage blue", "Exec format error", FAILED },
	{ "Chillybin blue", "service 'Chillybin' is no name", USED_WRONGLY },
	{ "chillybin ../x", "colour '../x' is no name", USED_WRONGLY },
	{ "chillybin blue --settings A", "are not NAME=value", USED_WRONGLY },
	{ "chillybin blue --settings A=1,,B=2", "are not NAME=value",
	  USED_WRONGLY },
	{ "chillybin blue --instances 1000", "no whole number", USED_WRONGLY },
};

START_TEST(what_cannot_run_or_is_no_name_is_not_deployed)
	{
		CHECK_RUN(deploy(refused[_i].line), refused[_i].status,
			  refused[_i].said);
		CHECK_COUNT(0, "control.deployments");
	}
END_TEST

START_TEST(a_folder_is_wanted_and_must_be_there)
	{
		CHECK_RUN("deploy chillybin blue", USED_WRONGLY,
			  "deploy wants --from");
		CHECK_RUN("deploy chillybin blue --from /not/there", FAILED,
			  "'/not/there': No such file");
	}
END_TEST

START_TEST(a_colour_with_lanes_gets_no_new_version_unless_forced)
	{
		CHECK_RUN(deploy("chillybin blue --execute"), DONE, "CONF");
		CHECK_RUN(deploy("chillybin green --execute"), DONE, "CONF");
		write_program("chillybin", "#!/bin/sh\necho chillybin 1.6\n",
			      0755);
		CHECK_RUN(deploy("chillybin blue --execute"), FAILED,
			  "has lanes (stable): a new version goes into another "
			  "colour");
		CHECK_COUNT(2, DEPLOYMENT("version = '1.5'"));
		CHECK_RUN(deploy("chillybin green --execute"), DONE, "CONF");
		CHECK_RUN(deploy("chillybin blue --force --execute"), DONE,
			  "its instances are replaced one at a time");
		CHECK_COUNT(2, DEPLOYMENT("version = '1.6'"));
	}
END_TEST

START_TEST(settings_stay_until_others_are_said_and_others_mean_a_restart)
	{
		CHECK_RUN(deploy("grillsim blue --settings A=1,B=x=y "
				 "--execute"),
			  DONE, "CONFIRMED");
		CHECK_RUN(deploy("grillsim blue --execute"), DONE, "UNCHANGED");
		CHECK_COUNT(1, DEPLOYMENT("settings = '{\"A\": \"1\", \"B\": "
					  "\"x=y\"}' AND generation = 0"));
		CHECK_RUN(deploy("grillsim blue --settings none --execute"),
			  DONE, "CONFIRMED");
		CHECK_COUNT(1, DEPLOYMENT("settings = '{}' AND "
					  "generation = 1"));
	}
END_TEST

START_TEST(scale_restart_and_retire_change_the_colour_that_is_meant)
	{
		CHECK_RUN("scale chillybin 2 --execute", FAILED,
			  "there is no deployment of 'chillybin'");
		CHECK_RUN(deploy("chillybin blue --execute"), DONE, "CONF");
		CHECK_RUN(deploy("chillybin green --execute"), DONE, "CONF");
		CHECK_RUN("scale chillybin 2", DONE, "NOT_ATTEMPTED");
		/* Blue has the lanes. */
		CHECK_RUN("scale chillybin 2 --execute", DONE, "CONFIRMED");
		CHECK_RUN("scale chillybin 2 --execute", DONE, "UNCHANGED");
		CHECK_RUN("scale chillybin 13 --colour green --execute", DONE,
			  "12 of them get a partition of each topic");
		CHECK_COUNT(1, DEPLOYMENT("colour = 'blue' AND instances = 2"));
		CHECK_COUNT(1, DEPLOYMENT("instances = 13"));
		CHECK_RUN("restart chillybin --colour green --execute", DONE,
			  "replaced one at a time");
		CHECK_COUNT(1, DEPLOYMENT("colour = 'green' AND "
					  "generation = 1"));
		execute_sql("UPDATE control.lanes SET colour = 'red'");
		CHECK_RUN("restart chillybin", USED_WRONGLY,
			  "has 2 colours, of which 0 have lanes: --colour");
		CHECK_COUNT(5, "control.audit");
	}
END_TEST

START_TEST(a_scale_that_is_no_number_or_stops_a_colour_with_lanes_is_said)
	{
		CHECK_RUN(deploy("chillybin blue --execute"), DONE, "CONF");
		CHECK_RUN("scale chillybin many", USED_WRONGLY,
			  "'many' is no number of instances");
		CHECK_RUN("scale chillybin 0", DONE,
			  "blue has lanes (stable): nobody works them then");
	}
END_TEST

START_TEST(a_colour_that_has_lanes_is_not_retired)
	{
		CHECK_RUN(deploy("chillybin blue --execute"), DONE, "CONF");
		CHECK_RUN(deploy("chillybin green --execute"), DONE, "CONF");
		CHECK_RUN("retire-colour chillybin blue --execute", FAILED,
			  "chillybin blue has lanes (stable)");
		CHECK_RUN("retire-colour chillybin red --execute", FAILED,
			  "in the colour red");
		CHECK_RUN("retire-colour chillybin green --execute", DONE,
			  "not there CONFIRMED");
		CHECK_COUNT(1, DEPLOYMENT("retired AND instances = 0"));
		CHECK_RUN("scale chillybin 1 --colour green", FAILED,
			  "is being retired");
		CHECK_RUN(deploy("chillybin green --instances 1 --execute"),
			  DONE, "CONFIRMED");
		CHECK_COUNT(0, DEPLOYMENT("retired"));
	}
END_TEST

START_TEST(one_that_waits_without_agents_says_that_there_are_none)
	{
		set_env("AGENT_READY_MS", "100");
		set_env("AGENT_DRAIN_MS", "100");
		CHECK_RUN(deploy("chillybin blue --wait --execute"), FAILED,
			  "no agent lives");
		CHECK_COUNT(1, "control.deployments");
	}
END_TEST

/* clang-format off */
int main(void)
{
	const struct check_row tests[] = {
		{ a_deployment_is_planned_then_written_then_as_it_should_be, 1 },
		{ what_cannot_run_or_is_no_name_is_not_deployed, CHECK_N(refused) },
		{ a_folder_is_wanted_and_must_be_there, 1 },
		{ a_colour_with_lanes_gets_no_new_version_unless_forced, 1 },
		{ settings_stay_until_others_are_said_and_others_mean_a_restart, 1 },
		{ scale_restart_and_retire_change_the_colour_that_is_meant, 1 },
		{ a_scale_that_is_no_number_or_stops_a_colour_with_lanes_is_said, 1 },
		{ a_colour_that_has_lanes_is_not_retired, 1 },
		{ one_that_waits_without_agents_says_that_there_are_none, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("deploy");
	TCase *tcase = database_case(suite);

	tcase_add_checked_fixture(tcase, setup, teardown);
	check_add(tcase, tests);
	return postgres_run(suite);
}
