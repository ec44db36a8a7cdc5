/* SPDX-License-Identifier: MIT */
/* Canary, automatic: what is planned, and what is not accepted. How one goes is
 * tried with real workers, itests/455_canary_by_itself.c. */
#include "infra/overlord/database_fixture.h"

#define AUTO "canary chillybin green --auto"

START_TEST(the_plan_has_a_row_a_step_and_changes_nothing)
	{
		CHECK_RUN(AUTO, DONE, "green has 50 % for 60 s or more");
		CHECK_RUN(AUTO " --steps 0.5,1 --window 7", DONE,
			  "green has 0.5 % for 7 s or more");
		CHECK_COUNT(0, "control.audit");
		CHECK_COUNT(0, "control.lanes WHERE lane <> 'stable'");
	}
END_TEST

static const struct {
	const char *line, *text;
} refusals[] = {
	{ AUTO " --steps 5,3", "steps '5,3' are no percentages" },
	{ AUTO " --steps 5,100", "steps '5,100'" },
	{ AUTO " --steps 0", "steps '0'" },
	{ AUTO " --steps 1,2,3,4,5,6,7,8,9", "at most 8" },
	{ AUTO " --steps x", "steps 'x'" },
	{ AUTO " --percent 5", "--auto takes its shares from --steps" },
};

START_TEST(steps_that_make_no_sense_are_named)
	{
		CHECK_RUN(refusals[_i].line, USED_WRONGLY, refusals[_i].text);
	}
END_TEST

START_TEST(without_a_worker_of_the_colour_nothing_begins)
	{
		CHECK_RUN(AUTO " --execute", FAILED, "green");
		CHECK_COUNT(0, "control.lanes WHERE lane <> 'stable'");
	}
END_TEST

START_TEST(a_saved_plan_is_of_the_whole_canary)
	{
		char file[] = "/tmp/canary-test.XXXXXX", line[128];

		ck_assert_int_eq(close(mkstemp(file)), 0);
		ck_assert_int_eq(unlink(file), 0);
		(void)snprintf(line, sizeof(line), AUTO " --plan %s", file);
		CHECK_RUN(line, DONE, "step 3");
		(void)snprintf(line, sizeof(line), "apply %s", file);
		CHECK_RUN(line, DONE, "step 3");
		/* It is refused for the worker that is missing, not as stale.
		 */
		(void)snprintf(line, sizeof(line), "apply %s --execute", file);
		CHECK_RUN(line, FAILED, "gets 5 % of the customers");
		ck_assert_int_eq(unlink(file), 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("canary_auto");
	TCase *tcase = database_case(suite);
	const struct check_row rows[] = {
		{ the_plan_has_a_row_a_step_and_changes_nothing, 1 },
		{ steps_that_make_no_sense_are_named, CHECK_N(refusals) },
		{ without_a_worker_of_the_colour_nothing_begins, 1 },
		{ a_saved_plan_is_of_the_whole_canary, 1 },
		{ 0 },
	};

	check_add(tcase, rows);
	return postgres_run(suite);
}
