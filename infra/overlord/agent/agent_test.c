/* SPDX-License-Identifier: MIT */
/*
 * Agent: real processes, which are shell scripts, and a real database. A
 * script is a `grillsim`, which is ready as soon as it has written its
 * address; or a `chillybin`, which has lanes.
 */
#include <glob.h>
#include <signal.h>

#include "infra/overlord/agent/process.h"
#include "infra/overlord/database_fixture.h"

#define DIR_A "/a"
#define DIR_B "/b"

static char dir[64]; /* versions in a/ and b/, agents' files in agent*/

/* ---- scripts ---- */

#define SAYS_VERSION(version)                                                  \
	"#!/bin/sh\n"                                                          \
	"[ \"$1\" = --version ] && echo grillsim " version " && exit\n"
/* It says when it has started, which takes a moment, and when it leaves. */
#define LIVES                                                                  \
	"trap 'echo left $INSTANCE_ID >>\"$STORY\"; exit 0' TERM INT\n"        \
	"sleep 0.2\n"                                                          \
	"echo started $INSTANCE_ID >>\"$STORY\"\n"                             \
	"echo 127.0.0.1:9 >\"$ADDR_FILE.new\"\n"                               \
	"mv \"$ADDR_FILE.new\" \"$ADDR_FILE\"\n"                               \
	"while :; do sleep 0.02; done\n"
#define GOOD(version) SAYS_VERSION(version) LIVES
#define CRASHES(version) SAYS_VERSION(version) "exit 3\n"
#define STAYS(version) SAYS_VERSION(version) "trap '' TERM INT\n" LIVES_ON
#define LIVES_ON                                                               \
	"echo 127.0.0.1:9 >\"$ADDR_FILE\"\n"                                   \
	"while :; do sleep 0.02; done\n"

static void write_program(const char *folder, const char *service,
			  const char *text)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s%s", dir, folder);
	(void)mkdir(path, 0755);
	/* A process of the old one keeps it. */
	(void)snprintf(path, sizeof(path), "%s%s/%s", dir, folder, service);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s%s", dir, folder);
	write_file(path, service, text);
	(void)snprintf(path, sizeof(path), "%s%s/%s", dir, folder, service);
	ck_assert_int_eq(chmod(path, 0755), 0);
}

/* "@" in a line is the folder. */
static int overlord_at(const char *line)
{
	char full[640], *at;

	(void)snprintf(full, sizeof(full), "%.*s", (int)strcspn(line, "@"),
		       line);
	at = strchr(line, '@');
	if (at)
		(void)snprintf(full + strlen(full), sizeof(full) - strlen(full),
			       "%s%s", dir, at + 1);
	return overlord(full);
}

#define RUN_AT(line, status, text)                                             \
	do {                                                                   \
		int at_ = overlord_at(line);                                   \
		ck_assert_msg(at_ == (status) && strstr(said, text),           \
			      "'%s' came to %d: %s", line, at_, said);         \
	} while (0)
#define DEPLOY(line) RUN_AT("deploy " line " --execute", DONE, "")

/* ---- agents ---- */

static pid_t agents[3];

/* As the one of another host: it has files of its own. */
static pid_t start_agent(int i, const char *line)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/agent%d", dir, i);
	set_env("AGENT_DIR", path);
	agents[i] = overlord_in_a_child(line);
	return agents[i];
}

static void kill_agent(int i)
{
	ck_assert_int_eq(kill(agents[i], SIGKILL), 0);
	(void)waitpid(agents[i], NULL, 0);
	agents[i] = 0;
}

static int stop_agent(int i)
{
	ck_assert_int_eq(kill(agents[i], SIGTERM), 0);
	i = status_of(agents[i]);
	return i;
}

/* Also what an agent left. */
static void kill_all(void)
{
	char pattern[128];
	glob_t found;

	for (int i = 0; i < 3; i++)
		if (agents[i] && !kill(agents[i], SIGKILL))
			(void)waitpid(agents[i], NULL, 0);
	(void)snprintf(pattern, sizeof(pattern), "%s/agent*/pid/*", dir);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct process process;
		char note[256];

		if (process_adopt(&process, found.gl_pathv[i], note,
				  sizeof(note)))
			process_signal(&process, SIGKILL);
	}
	globfree(&found);
}

static void setup(void)
{
	char story[96];

	(void)str_copy(dir, sizeof(dir), "/tmp/agent-test.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(story, sizeof(story), "%s/story", dir);
	set_env("STORY", story);
	set_env("AGENT_READY_MS", "20000");
	set_env("AGENT_STEADY_MS", "300");
	set_env("AGENT_DRAIN_MS", "2000");
	set_env("AGENT_CRASHES", "3");
	memset(agents, 0, sizeof(agents));
	write_program(DIR_A, "grillsim", GOOD("1"));
	write_program(DIR_B, "grillsim", GOOD("2"));
	write_program(DIR_A, "chillybin", GOOD("1"));
	write_program(DIR_B, "chillybin", CRASHES("2"));
}

static void teardown(void)
{
	char line[96];

	kill_all();
	(void)snprintf(line, sizeof(line), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(line), 0); /* NOLINT: a path of ours */
}

/* ---- what the tables say ---- */

#define WAIT(condition) CHECK_WITHIN(DEADLINE_MS, condition, (void)0)
#define COUNT(from) postgres_count(url, from)
#define WAIT_COUNT(n, from) WAIT(COUNT(from) == (n))
#define READY(n) WAIT_COUNT(n, "control.instances WHERE state = 'ready'")

static pid_t pid_of_slot(int slot)
{
	char sql[160];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT coalesce(max(pid), 0) FROM control.instances "
		       "WHERE slot = %d",
		       slot);
	return (pid_t)NUMBER(sql);
}

/* ---- one agent ---- */

START_TEST(what_is_deployed_runs_and_what_is_killed_runs_again)
	{
		pid_t first;

		DEPLOY("grillsim blue --instances 2 --from @/a");
		(void)start_agent(0, "agent --name one");
		READY(2);
		first = pid_of_slot(1);
		ck_assert_int_eq(kill(first, SIGKILL), 0);
		WAIT_COUNT(1, "control.instances WHERE slot = 1 AND "
			      "restarts = 1 AND state = 'ready'");
		ck_assert_int_ne(pid_of_slot(1), first);
		CHECK_RUN("instances", DONE, "grillsim.blue-2 one");
		CHECK_RUN("deployments", DONE, "grillsim blue   1");
	}
END_TEST

START_TEST(scaling_starts_and_stops_the_highest_and_retiring_all)
	{
		(void)start_agent(0, "agent --name one");
		RUN_AT("deploy grillsim blue --wait --execute --from @/a", DONE,
		       "CONFIRMED");
		CHECK_RUN("scale grillsim 3 --wait --execute", DONE,
			  "CONFIRMED");
		CHECK_COUNT(3, "control.instances WHERE state = 'ready'");
		CHECK_RUN("scale grillsim 1 --wait --execute", DONE,
			  "CONFIRMED");
		CHECK_COUNT(1, "control.instances WHERE slot = 1");
		CHECK_COUNT(1, "control.instances");
		CHECK_RUN("retire-colour grillsim blue --wait --execute", DONE,
			  "CONFIRMED");
		CHECK_COUNT(0, "control.deployments");
		CHECK_COUNT(4, "control.audit WHERE who = 'tester'");
	}
END_TEST

/* What one agent left the next one finds, by the same name. */
static const bool killed[] = { true, false };

START_TEST(an_agent_that_ends_leaves_its_processes_and_the_next_adopts_them)
	{
		pid_t pids[2];

		DEPLOY("grillsim blue --instances 2 --from @/a");
		(void)start_agent(0, "agent --name one");
		READY(2);
		for (int i = 0; i < 2; i++)
			pids[i] = pid_of_slot(i + 1);
		if (killed[_i])
			kill_agent(0);
		else
			ck_assert_int_eq(stop_agent(0), 0);
		/* This one ends while nobody looks. */
		ck_assert_int_eq(kill(pids[1], SIGKILL), 0);
		WAIT(!process_born(pids[1]));
		(void)start_agent(0, "agent --name one");
		WAIT(pid_of_slot(2) != pids[1]);
		READY(2);
		ck_assert_int_eq(pid_of_slot(1), pids[0]);
		ck_assert_int_eq(kill(pids[0], SIGKILL), 0);
		WAIT(pid_of_slot(1) != pids[0]);
		READY(2);
	}
END_TEST

START_TEST(a_second_agent_of_the_name_is_refused_while_the_first_lives)
	{
		DEPLOY("grillsim blue --from @/a");
		(void)start_agent(0, "agent --name one");
		READY(1);
		CHECK_RUN("agent --name one", FAILED, "the agent 'one' lives");
	}
END_TEST

START_TEST(a_second_agent_of_the_folder_is_refused_while_the_first_lives)
	{
		DEPLOY("grillsim blue --from @/a");
		(void)start_agent(0, "agent --name one");
		READY(1);
		CHECK_RUN("agent --name two", FAILED, "another agent keeps '");
		kill_agent(0);
		(void)start_agent(0, "agent --name two --drain");
		WAIT_COUNT(1, "control.agents WHERE agent = 'two'");
	}
END_TEST

START_TEST(an_agent_whose_name_another_has_leaves_everything_to_it)
	{
		pid_t pid;

		DEPLOY("grillsim blue --from @/a");
		(void)start_agent(0, "agent --name one");
		READY(1);
		pid = pid_of_slot(1);
		execute_sql("UPDATE control.agents SET epoch = epoch + 1");
		ck_assert_int_eq(status_of(agents[0]), FAILED);
		agents[0] = 0;
		ck_assert_int_gt(process_born(pid), 0);
	}
END_TEST

START_TEST(an_agent_that_drains_leaves_nothing_not_even_what_will_not_leave)
	{
		pid_t pid;

		write_program(DIR_A, "grillsim", STAYS("1"));
		DEPLOY("grillsim blue --from @/a");
		(void)start_agent(0, "agent --name one --drain");
		READY(1);
		pid = pid_of_slot(1);
		ck_assert_int_eq(stop_agent(0), 0);
		ck_assert_int_eq(process_born(pid), 0);
		CHECK_COUNT(0, "control.agents");
		CHECK_COUNT(1, "control.instances WHERE agent IS NULL");
	}
END_TEST

START_TEST(what_is_bound_does_not_outlive_its_agent)
	{
		pid_t pid;

		DEPLOY("grillsim blue --from @/a");
		(void)start_agent(0, "agent --name one --bound");
		READY(1);
		pid = pid_of_slot(1);
		kill_agent(0);
		WAIT(!process_born(pid));
	}
END_TEST

/* ---- versions ---- */

START_TEST(a_new_version_replaces_one_at_a_time_when_the_former_is_ready)
	{
		char path[96];
		struct buf story = { 0 };
		FILE *file;

		DEPLOY("grillsim blue --instances 2 --from @/a");
		(void)start_agent(0, "agent --name one");
		READY(2);
		(void)snprintf(path, sizeof(path), "%s/story", dir);
		(void)unlink(path);
		RUN_AT("deploy grillsim blue --wait --execute --from @/b", DONE,
		       "CONFIRMED");
		CHECK_RUN("restart grillsim --wait --execute", DONE,
			  "CONFIRMED");
		file = fopen(path, "re");
		ck_assert_ptr_nonnull(file);
		story.n = fread(buf_reserve(&story, 4096), 1, 4096, file);
		(void)fclose(file);
		buf_add(&story, "", 1);
#define REPLACED(slot)                                                         \
	"left grillsim.blue-" slot "\nstarted grillsim.blue-" slot "\n"
		ck_assert_str_eq(story.p, REPLACED("1") REPLACED("2")
						  REPLACED("1") REPLACED("2"));
		buf_deinit(&story);
		CHECK_RUN("deployments", DONE, "grillsim blue   2");
	}
END_TEST

START_TEST(a_version_that_crashes_again_and_again_goes_back_by_itself)
	{
		DEPLOY("grillsim blue --instances 2 --from @/a");
		(void)start_agent(0, "agent --name one");
		WAIT_COUNT(1, "control.deployments WHERE good IS NOT NULL");
		write_program(DIR_B, "grillsim", CRASHES("2"));
		RUN_AT("deploy grillsim blue --wait --execute --from @/b",
		       FAILED,
		       "version 2: it crashed 3 times before it was steady; it "
		       "is back at version 1");
		WAIT_COUNT(2, "control.instances i JOIN control.deployments d "
			      "USING (service, colour) WHERE state = 'ready' "
			      "AND i.digest = d.digest AND version = '1'");
		CHECK_COUNT(1, "control.audit WHERE who = 'agent' AND "
			       "before->>'version' = '2' AND "
			       "after->>'version' = '1'");
	}
END_TEST

START_TEST(lanes_of_a_colour_that_never_was_good_go_back_to_the_other)
	{
		DEPLOY("chillybin blue --from @/a");
		DEPLOY("chillybin green --instances 2 --from @/b");
		execute_sql("SELECT lane_split('chillybin', 'some', 'stable', "
			    "'buckets', 0, 9, NULL, 'green')");
		(void)start_agent(0, "agent --name one");
		WAIT_COUNT(1, "control.deployments WHERE colour = 'green' AND "
			      "instances = 0 AND trouble LIKE '%its lanes are "
			      "blue again and it is stopped'");
		CHECK_COUNT(0, "control.lanes WHERE colour = 'green'");
		CHECK_COUNT(0, "positions WHERE colour = 'green'");
		CHECK_COUNT(1, "control.switches s JOIN control.audit a "
			       "USING (id) WHERE who = 'agent' AND "
			       "jsonb_array_length(moved) = 72");
		WAIT_COUNT(0, "control.instances WHERE colour = 'green'");
	}
END_TEST

/* Its lanes have nowhere to go: it is tried again, and said once. */
START_TEST(the_only_colour_is_tried_again_and_again)
	{
		DEPLOY("chillybin blue --from @/b");
		(void)start_agent(0, "agent --name one");
		WAIT_COUNT(1, "control.deployments WHERE instances = 1 AND "
			      "trouble LIKE '%nothing to go back to'");
		WAIT_COUNT(1, "control.instances WHERE restarts > 5");
		CHECK_COUNT(1, "control.audit WHERE who = 'agent'");
	}
END_TEST

START_TEST(a_program_that_changed_on_disk_is_not_started_and_that_is_said)
	{
		DEPLOY("grillsim blue --from @/a");
		(void)start_agent(0, "agent --name one");
		READY(1);
		write_program(DIR_A, "grillsim", GOOD("3"));
		ck_assert_int_eq(kill(pid_of_slot(1), SIGKILL), 0);
		WAIT_COUNT(1, "control.instances WHERE state = 'backoff' AND "
			      "detail LIKE '%has changed since it was "
			      "deployed%'");
		RUN_AT("deploy grillsim blue --wait --execute --from @/a", DONE,
		       "CONFIRMED");
	}
END_TEST

/* ---- two agents, and none of Postgres ---- */

START_TEST(two_agents_share_the_work_and_one_takes_what_a_dead_one_had)
	{
		DEPLOY("grillsim blue --instances 4 --from @/a");
		(void)start_agent(0, "agent --name one");
		(void)start_agent(1, "agent --name two");
		WAIT_COUNT(2, "control.instances WHERE agent = 'one' AND "
			      "state = 'ready'");
		WAIT_COUNT(2, "control.instances WHERE agent = 'two' AND "
			      "state = 'ready'");
		kill_agent(1);
		/* One of its workers lives, and says so. */
		execute_sql("INSERT INTO control.heartbeats (holder, service, "
			    "colour, version, schema, started_at, at, ready, "
			    "instance) SELECT 'h', service, colour, '1', "
			    "'galore', now(), now() + interval '1 min', true, "
			    "control.instance_name(service, colour, slot) FROM "
			    "control.instances WHERE agent = 'two' LIMIT 1; "
			    "UPDATE control.agents SET at = at - interval '1 "
			    "min' WHERE agent = 'two'");
		WAIT_COUNT(3, "control.instances WHERE agent = 'one' AND "
			      "state = 'ready'");
		CHECK_COUNT(1, "control.instances WHERE agent = 'two'");
		execute_sql("DELETE FROM control.heartbeats");
		WAIT_COUNT(4, "control.instances WHERE agent = 'one' AND "
			      "state = 'ready'");
	}
END_TEST

#define SESSIONS                                                               \
	"pg_stat_activity WHERE datname = current_database() AND "             \
	"application_name = 'overlord agent'"

START_TEST(while_postgres_is_away_what_runs_goes_on_and_what_crashes_comes_back)
	{
		pid_t pids[2], first;
		char path[128], note[256];
		struct process process = { .fd = -1 };

		DEPLOY("grillsim blue --instances 2 --from @/a");
		(void)start_agent(0, "agent --name one");
		READY(2);
		for (int i = 0; i < 2; i++)
			pids[i] = pid_of_slot(i + 1);
		first = pids[0];
		/* Its session ends, and no look comes to anything. */
		execute_sql("ALTER TABLE control.agents RENAME TO away; SELECT "
			    "pg_terminate_backend(pid) FROM " SESSIONS);
		ck_assert_int_eq(kill(first, SIGKILL), 0);
		(void)snprintf(path, sizeof(path),
			       "%s/agent0/pid/grillsim.blue-1", dir);
		CHECK_WITHIN(
			DEADLINE_MS,
			process_adopt(&process, path, note, sizeof(note)) &&
				process.pid != first,
			process_leave(&process));
		process_leave(&process);
		ck_assert_int_gt(process_born(pids[1]), 0);
		execute_sql("ALTER TABLE control.away RENAME TO agents");
		WAIT_COUNT(1, "control.instances WHERE slot = 1 AND "
			      "restarts = 1 AND state = 'ready'");
		ck_assert_int_eq(pid_of_slot(2), pids[1]);
	}
END_TEST

int main(void)
{
	const struct check_row tests[] = {
		{ what_is_deployed_runs_and_what_is_killed_runs_again, 1 },
		{ scaling_starts_and_stops_the_highest_and_retiring_all, 1 },
		{ an_agent_that_ends_leaves_its_processes_and_the_next_adopts_them,
		  CHECK_N(killed) },
		{ a_second_agent_of_the_name_is_refused_while_the_first_lives,
		  1 },
		{ a_second_agent_of_the_folder_is_refused_while_the_first_lives,
		  1 },
		{ an_agent_whose_name_another_has_leaves_everything_to_it, 1 },
		{ an_agent_that_drains_leaves_nothing_not_even_what_will_not_leave,
		  1 },
		{ what_is_bound_does_not_outlive_its_agent, 1 },
		{ a_new_version_replaces_one_at_a_time_when_the_former_is_ready,
		  1 },
		{ a_version_that_crashes_again_and_again_goes_back_by_itself,
		  1 },
		{ lanes_of_a_colour_that_never_was_good_go_back_to_the_other,
		  1 },
		{ the_only_colour_is_tried_again_and_again, 1 },
		{ a_program_that_changed_on_disk_is_not_started_and_that_is_said,
		  1 },
		{ two_agents_share_the_work_and_one_takes_what_a_dead_one_had,
		  1 },
		{ while_postgres_is_away_what_runs_goes_on_and_what_crashes_comes_back,
		  1 },
		{ 0 },
	};
	Suite *suite = suite_create("agent");
	TCase *tcase = database_case(suite);

	tcase_add_checked_fixture(tcase, setup, teardown);
	check_add(tcase, tests);
	return postgres_run(suite);
}
