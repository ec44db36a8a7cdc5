/* SPDX-License-Identifier: MIT */
/*
 * Plan: nothing without --execute, the first failure ends the run, a signal
 * waits for the step that it comes in, and a saved plan must be the same.
 */
#include <signal.h>
#include <sys/wait.h>

#include "infra/overlord/overlord_fixture.h"
#include "infra/overlord/plan/plan.h"
#include "infra/overlord/plan/plan_file.h"

enum { N_STEPS = 3 };

/* What the steps come to, and what was done. */
struct run {
	enum plan_result results[N_STEPS];
	int outcomes[N_STEPS];
	int signal_at; /* the step that a SIGINT comes in; -1: none */
	int n_done;
};

static int do_step(void *arg, size_t i, enum plan_result *ret)
{
	struct run *run = arg;

	run->n_done++;
	if ((int)i == run->signal_at)
		(void)raise(SIGINT);
	*ret = run->results[i];
	return run->outcomes[i];
}

static int run_plan(struct run *run, bool execute)
{
	struct verb verb = { .options.execute = execute };
	struct plan plan = { 0 };
	int r;

	plan_add(&plan, "first", "off", "on");
	plan_add(&plan, "second", "off", "on");
	plan_add(&plan, "third", "off", "on");
	r = plan_run(&plan, &verb, do_step, run);
	plan_deinit(&plan);
	return r;
}

static int run_and_read(struct run *run, bool execute)
{
	int r;

	said_begin();
	r = run_plan(run, execute);
	said_end();
	return r;
}

START_TEST(without_execute_no_step_is_done)
	{
		struct run run = { .signal_at = -1 };

		ck_assert_int_eq(run_and_read(&run, false), 0);
		ck_assert_int_eq(run.n_done, 0);
		CHECK_SAID("NOT_ATTEMPTED");
		CHECK_SAID("nothing was changed");
	}
END_TEST

static const struct {
	enum plan_result second; /* what the second step comes to */
	int outcome, r, n_done;
	const char *said;
} rows[] = {
	{ PLAN_CONFIRMED, 0, 0, 3, "third  off on   CONFIRMED" },
	{ PLAN_FAILED, 0, VERB_E_FAILED, 2, "third  off on   NOT_ATTEMPTED" },
	{ PLAN_UNKNOWN, 0, VERB_E_FAILED, 2, "second off on   UNKNOWN" },
	{ PLAN_FAILED, VERB_E_FAILED, VERB_E_FAILED, 2,
	  "third  off on   NOT_ATTEMPTED" },
};

START_TEST(what_is_not_known_to_have_worked_ends_the_run)
	{
		struct run run = { .results = { PLAN_CONFIRMED, rows[_i].second,
						PLAN_CONFIRMED },
				   .outcomes = { 0, rows[_i].outcome, 0 },
				   .signal_at = -1 };

		ck_assert_int_eq(run_and_read(&run, true), rows[_i].r);
		ck_assert_int_eq(run.n_done, rows[_i].n_done);
		CHECK_SAID(rows[_i].said);
	}
END_TEST

/* In a process of its own, which ends by the signal. */
START_TEST(a_signal_waits_for_its_step_and_stops_those_after_it)
	{
		struct run run = { .results = { PLAN_CONFIRMED, PLAN_CONFIRMED,
						PLAN_CONFIRMED },
				   .signal_at = 1 };
		pid_t child;
		int status;

		said_begin();
		child = fork();
		ck_assert_int_ge(child, 0);
		if (child == 0) {
			(void)signal(SIGINT, SIG_DFL); /* not Check's own */
			_exit(run_plan(&run, true));
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		said_end();
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(WTERMSIG(status), SIGINT);
		CHECK_SAID("interrupted before 'third'");
		CHECK_SAID("second off on   CONFIRMED");
		CHECK_SAID("third  off on   NOT_ATTEMPTED");
	}
END_TEST

/* ---- a saved plan ---- */

#define STEP(now, fixed, then)                                                 \
	"{\"what\": \"lane\", \"now\": \"" now "\", " fixed "\"then\": "       \
	"" then "}"
#define FIXED(now) "\"fixed_now\": \"" now "\", \"fixed_then\": \"green\", "

/* What the file has, where the plan is a lane that is blue, whose 5 records
 * wait, and will be green. */
static const struct {
	const char *steps, *said;
	int r;
} saved[] = {
	{ STEP("blue, 9 wait", FIXED("blue"), "\"green, 9 wait\""), "CONFIRMED",
	  0 },
	{ STEP("grey, 5 wait", FIXED("grey"), "\"green\""),
	  "step 1 was planned as 'lane': 'grey', then 'green'; and now it "
	  "would be 'lane': 'blue', then 'green'",
	  VERB_E_FAILED },
	{ STEP("blue", FIXED("blue"), "null"),
	  "planned as 'lane': 'blue', and so it stays; and now",
	  VERB_E_FAILED },
	{ STEP("blue", "", "\"green\""), "CONFIRMED", 0 },
	{ "", "step 1 was planned as nothing; and now it would be 'lane'",
	  VERB_E_FAILED },
	{ STEP("blue", "", "\"green\"") ", " STEP("x", "", "\"y\""),
	  "step 2 was planned as 'lane': 'x', then 'y'; and now it would be "
	  "nothing",
	  VERB_E_FAILED },
};

START_TEST(a_saved_plan_is_done_only_if_its_fixed_steps_are_the_same)
	{
		struct run run = { .results = { PLAN_CONFIRMED },
				   .signal_at = -1 };
		struct plan_file file = { .path = "f" };
		struct verb verb = { .options.execute = true, .file = &file };
		struct plan plan = { 0 };
		char text[512];

		(void)snprintf(text, sizeof(text), "{\"steps\": [%s]}",
			       saved[_i].steps);
		file.json = json_loads(text, 0, NULL);
		ck_assert_ptr_nonnull(file.json);
		plan_add(&plan, "lane", "blue, 5 wait", "green, 5 wait");
		plan_compare_by(&plan, "blue", "green");
		said_begin();
		ck_assert_int_eq(plan_run(&plan, &verb, do_step, &run),
				 saved[_i].r);
		said_end();
		CHECK_SAID(saved[_i].said);
		ck_assert_int_eq(run.n_done, saved[_i].r ? 0 : 1);
		plan_deinit(&plan);
		plan_file_deinit(&file);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *tcase = check_case(suite, 20);

	tcase_add_test(tcase, without_execute_no_step_is_done);
	tcase_add_loop_test(tcase,
			    what_is_not_known_to_have_worked_ends_the_run, 0,
			    CHECK_N(rows));
	tcase_add_test(tcase,
		       a_signal_waits_for_its_step_and_stops_those_after_it);
	tcase_add_loop_test(
		tcase,
		a_saved_plan_is_done_only_if_its_fixed_steps_are_the_same, 0,
		CHECK_N(saved));
	return check_run(suite);
}
