/* SPDX-License-Identifier: MIT */
/* A plate starts, ends, fences and refuses jobs. */
#include <string.h>

#include "infra/grillsim/plate.h"
#include "infra/lib/check_fixture.h"

enum { STEPS_MAX = 8, HEATS_MS = 1000, BOOT = 7 };

static struct sim_plate plate; /* too large for a stack frame */

enum verb { END, START, FENCE, STEP, STOP, RESET, REPLAY, BREAK, UNFENCE };

struct step {
	enum verb verb;
	uint32_t token;
	uint32_t job;
	int64_t now_ms;
	int outcome; /* of a STEP, STOP or RESET: 1 for true */
};

static struct job job_of(uint32_t n)
{
	struct job job = { .bytes = { 1 } };

	memcpy(job.bytes + 4, &n, sizeof(n));
	return job;
}

static int do_step(const struct step *step)
{
	struct job job = job_of(step->job);

	switch (step->verb) {
	case START:
		return plate_start(&plate, step->token, &job, HEATS_MS,
				   step->now_ms);
	case FENCE:
		return plate_fence(&plate, step->token);
	case STEP:
		return plate_step(&plate, step->now_ms);
	case STOP:
		return plate_stop(&plate);
	case RESET:
		return plate_reset(&plate);
	case REPLAY:
		plate_remember(&plate, &job);
		plate.state = PLATE_HEATING;
		return 0;
	case BREAK:
		plate.broken = true;
		return 0;
	case UNFENCE:
		plate.fences = false;
		return 0;
	case END:
		break;
	}
	return 0;
}

/* clang-format off */
static const struct {
	const char *rule;
	struct step steps[STEPS_MAX];
	enum plate_state state;
	uint32_t token, boot, job;
} rules[] = {
	{ "a start heats until its time has passed",
	  { { START, 1, 1, 5000, 0 }, { STEP, 0, 0, 5999, 0 },
	    { STEP, 0, 0, 6000, 1 }, { STEP, 0, 0, 7000, 0 } },
	  PLATE_DONE, 1, BOOT, 1 },
	{ "a clock that wraps round does not lengthen a toasting",
	  { { START, 1, 1, INT64_MAX - 400, 0 }, { STEP, 0, 0, INT64_MAX, 0 },
	    { STEP, 0, 0, INT64_MIN + 598, 0 },
	    { STEP, 0, 0, INT64_MIN + 599, 1 } },
	  PLATE_DONE, 1, BOOT, 1 },
	{ "a token lower than one seen is refused and changes nothing",
	  { { FENCE, 10, 0, 0, 0 }, { START, 9, 1, 0, PLATE_E_TOKEN },
	    { FENCE, 9, 0, 0, PLATE_E_TOKEN } },
	  PLATE_IDLE, 10, BOOT, 0 },
	{ "a start raises the token as a fence does",
	  { { START, 5, 1, 0, 0 }, { FENCE, 4, 0, 0, PLATE_E_TOKEN },
	    { FENCE, 5, 0, 0, 0 }, { FENCE, UINT32_MAX, 0, 0, 0 } },
	  PLATE_HEATING, UINT32_MAX, BOOT, 1 },
	{ "a fence touches neither the job nor its time",
	  { { START, 5, 1, 300, 0 }, { FENCE, 6, 0, 0, 0 },
	    { STEP, 0, 0, 1299, 0 }, { STEP, 0, 0, 1300, 1 } },
	  PLATE_DONE, 6, BOOT, 1 },
	{ "a job that it has run is refused whatever its token",
	  { { START, 1, 1, 0, 0 }, { START, 1, 1, 0, PLATE_E_RAN },
	    { STEP, 0, 0, 1000, 1 }, { START, 2, 2, 1000, 0 },
	    { STEP, 0, 0, 2000, 1 }, { START, 3, 1, 2000, PLATE_E_RAN } },
	  PLATE_DONE, 2, BOOT, 2 },
	{ "a plate that heats starts no other job",
	  { { START, 1, 1, 0, 0 }, { START, 2, 2, 10, PLATE_E_BUSY } },
	  PLATE_HEATING, 1, BOOT, 1 },
	{ "a broken plate starts no job and can be fenced",
	  { { BREAK, 0, 0, 0, 0 }, { START, 1, 1, 0, PLATE_E_BROKEN },
	    { FENCE, 2, 0, 0, 0 } },
	  PLATE_IDLE, 2, BOOT, 0 },
	{ "a loss of power stops a job and keeps the history",
	  { { STOP, 0, 0, 0, 0 }, { START, 3, 1, 0, 0 }, { STOP, 0, 0, 0, 1 },
	    { START, 2, 2, 0, PLATE_E_TOKEN }, { START, 4, 1, 0, PLATE_E_RAN },
	    { STEP, 0, 0, 9000, 0 } },
	  PLATE_IDLE, 3, BOOT, 1 },
	{ "a reset forgets and is another boot",
	  { { START, 3, 1, 0, 0 }, { RESET, 0, 0, 0, 1 },
	    { FENCE, 0, 0, 0, 0 } },
	  PLATE_IDLE, 0, BOOT + 1, 0 },
	{ "what ran before a reset may run again",
	  { { START, 3, 1, 0, 0 }, { RESET, 0, 0, 0, 1 },
	    { START, 1, 1, 0, 0 } },
	  PLATE_HEATING, 1, BOOT + 1, 1 },
	{ "a plate that cannot fence starts whatever it is sent",
	  { { UNFENCE, 0, 0, 0, 0 }, { START, 9, 1, 0, 0 },
	    { STEP, 0, 0, 1000, 1 }, { FENCE, 5, 0, 0, 0 },
	    { START, 1, 1, 1000, 0 } },
	  PLATE_HEATING, 0, BOOT, 1 },
	{ "what it ran before this program is refused",
	  { { REPLAY, 0, 1, 0, 0 }, { STOP, 0, 0, 0, 1 }, { FENCE, 6, 0, 0, 0 },
	    { START, 5, 2, 0, PLATE_E_TOKEN }, { START, 7, 1, 0, PLATE_E_RAN } },
	  PLATE_IDLE, 6, BOOT, 1 },
};
/* clang-format on */

START_TEST(a_plate_keeps_its_rules)
	{
		static const struct job no_job = { { 0 } };
		struct job job = rules[_i].job ? job_of(rules[_i].job) : no_job;

		plate_init(&plate, BOOT);
		for (int i = 0; i < STEPS_MAX && rules[_i].steps[i].verb; i++)
			ck_assert_msg(do_step(&rules[_i].steps[i]) ==
					      rules[_i].steps[i].outcome,
				      "%s: step %d", rules[_i].rule, i);
		ck_assert_msg(plate.state == rules[_i].state &&
				      plate.token == rules[_i].token &&
				      plate.boot == rules[_i].boot &&
				      !memcmp(&plate.job, &job, sizeof(job)),
			      "%s: what it is then", rules[_i].rule);
	}
END_TEST

START_TEST(what_is_left_is_counted_while_it_heats)
	{
		struct job job = job_of(1);

		plate_init(&plate, BOOT);
		ck_assert_int_eq(plate_left_ms(&plate, 0), INT64_MAX);
		ck_assert_int_eq(plate_start(&plate, 1, &job, 1000, 5000), 0);
		ck_assert_int_eq(plate_left_ms(&plate, 5400), 600);
		ck_assert_int_eq(plate_left_ms(&plate, 6001), 0);
	}
END_TEST

START_TEST(the_history_holds_the_newest_jobs)
	{
		struct step start = { .verb = START };

		plate_init(&plate, BOOT);
		for (uint32_t i = 1; i <= HISTORY_MAX + 1; i++) {
			start.token = start.job = i;
			ck_assert_int_eq(do_step(&start), 0);
			(void)plate_step(&plate, HEATS_MS);
		}
		ck_assert_int_eq(do_step(&start), PLATE_E_RAN);
		start.job = 2;
		ck_assert_int_eq(do_step(&start), PLATE_E_RAN);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plate");
	TCase *tests = check_case(suite, 60);

	tcase_add_loop_test(tests, a_plate_keeps_its_rules, 0, CHECK_N(rules));
	tcase_add_test(tests, what_is_left_is_counted_while_it_heats);
	tcase_add_test(tests, the_history_holds_the_newest_jobs);
	return check_run(suite);
}
