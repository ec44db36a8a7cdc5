/* SPDX-License-Identifier: MIT */
/*
 * Plan: nothing without --execute, the first failure ends the run, and a
 * signal waits for the step that it comes in.
 */
#include <signal.h>
#include <sys/wait.h>

#include "infra/overlord/overlord_fixture.h"
#include "infra/overlord/plan.h"

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
	return check_run(suite);
}
