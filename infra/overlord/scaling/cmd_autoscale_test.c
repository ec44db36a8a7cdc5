/* SPDX-License-Identifier: MIT */
/* Autoscale: what is said of it, and what is not accepted. */
#include "infra/overlord/database_fixture.h"

#define ON "on --least 2 --most 6 --target 5"

START_TEST(it_is_planned_then_on_then_as_it_should_be_then_off)
	{
		CHECK_RUN("autoscale chillybin " ON, DONE, "NOT_ATTEMPTED");
		CHECK_COUNT(0, "control.autoscale");
		CHECK_RUN("autoscale chillybin " ON " --execute", DONE,
			  "CONFIRMED");
		CHECK_COUNT(1, "control.autoscale WHERE service = 'chillybin' "
			       "AND least = 2 AND most = 6 AND target_s = 5");
		CHECK_RUN("autoscale chillybin " ON " --execute", DONE,
			  "UNCHANGED");
		CHECK_RUN("autoscale chillybin off --execute", DONE,
			  "2 to 6 workers, records may wait for 5 s");
		CHECK_COUNT(0, "control.autoscale");
		CHECK_COUNT(2, "control.audit WHERE verb = 'autoscale'");
	}
END_TEST

static const struct {
	const char *line;
	int status;
	const char *text;
} refusals[] = {
	{ "autoscale chillybin maybe", USED_WRONGLY,
	  "'maybe' is neither 'on' nor 'off'" },
	{ "autoscale chillybin on --least 6 --most 2", USED_WRONGLY,
	  "at least 6 and at most 2" },
	{ "autoscale chillybin on --most 13", USED_WRONGLY,
	  "'--most' is '13'" },
	{ "autoscale fridge on --execute", FAILED,
	  "there is no service 'fridge'" },
	{ "autoscale chillybin", USED_WRONGLY, "is missing" },
};

START_TEST(what_cannot_be_is_refused)
	{
		CHECK_RUN(refusals[_i].line, refusals[_i].status,
			  refusals[_i].text);
		CHECK_COUNT(0, "control.autoscale");
		CHECK_COUNT(0, "control.audit");
	}
END_TEST

START_TEST(lag_without_kafka_says_so)
	{
		CHECK_RUN("lag --window 1", FAILED, "no answer from Kafka");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_autoscale");
	TCase *tcase = database_case(suite);
	const struct check_row rows[] = {
		{ it_is_planned_then_on_then_as_it_should_be_then_off, 1 },
		{ what_cannot_be_is_refused, CHECK_N(refusals) },
		{ lag_without_kafka_says_so, 1 },
		{ 0 },
	};

	check_add(tcase, rows);
	return postgres_run(suite);
}
