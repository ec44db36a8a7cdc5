/* SPDX-License-Identifier: MIT */
/* Which commands there are, and what they do to requests. */
#include <string.h>

#include "infra/grillsim/faults.h"
#include "infra/lib/check_fixture.h"

#define N_PLATES 8

static int parse(struct fault_command *ret, const char *line)
{
	return fault_command_parse(ret, line, strlen(line), N_PLATES);
}

static struct fault_command parsed(const char *line)
{
	struct fault_command command = { 0 };

	ck_assert_int_eq(parse(&command, line), 0);
	return command;
}

static const struct {
	const char *line;
	struct fault_command command;
} parsed_lines[] = {
	{ "plate 3 slow 500", { FAULT_SLOW, 3, 500 } },
	{ "slow 3 500", { FAULT_SLOW, 3, 500 } },
	{ " slow\t3  500ms\r", { FAULT_SLOW, 3, 500 } },
	{ "slow 3 2s", { FAULT_SLOW, 3, 2000 } },
	{ "plate all long 1s", { FAULT_LONG, FAULT_ALL_PLATES, 1000 } },
	{ "plate 2 silent-after-start", { FAULT_SILENT_AFTER_START, 2, 0 } },
	{ "silent-before-start 2 4", { FAULT_SILENT_BEFORE_START, 2, 4 } },
	{ "plate 7 silent", { FAULT_SILENT, 7, 0 } },
	{ "plate 1 exception", { FAULT_EXCEPTION, 1, 6 } },
	{ "plate 1 exception 4", { FAULT_EXCEPTION, 1, 4 } },
	{ "no-fence 2", { FAULT_NO_FENCE, 2, 0 } },
	{ "broken 0", { FAULT_BROKEN, 0, 0 } },
	{ "reset 4", { FAULT_RESET, 4, 0 } },
	{ "ok 3", { FAULT_OK, 3, 0 } },
	{ "ok all", { FAULT_OK, FAULT_ALL_PLATES, 0 } },
	{ "show 1", { FAULT_SHOW, 1, 0 } },
	{ "power-cut", { FAULT_POWER_CUT, FAULT_ALL_PLATES, 0 } },
	{ "down 1s", { FAULT_DOWN, FAULT_ALL_PLATES, 1000 } },
};

START_TEST(a_line_becomes_a_command)
	{
		struct fault_command command = parsed(parsed_lines[_i].line);

		ck_assert_int_eq(command.verb, parsed_lines[_i].command.verb);
		ck_assert_int_eq(command.plate, parsed_lines[_i].command.plate);
		ck_assert_int_eq(command.number,
				 parsed_lines[_i].command.number);
	}
END_TEST

static const struct {
	const char *line;
	int outcome;
} wrong[] = {
	{ "", FAULT_E_VERB },
	{ "   ", FAULT_E_VERB },
	{ "toast 3", FAULT_E_VERB },
	{ "plate 3", FAULT_E_VERB },
	{ "slow", FAULT_E_PLATE },
	{ "slow 8 500", FAULT_E_PLATE },
	{ "slow -1 500", FAULT_E_PLATE },
	{ "slow 3", FAULT_E_NUMBER },
	{ "slow 3 -5", FAULT_E_NUMBER },
	{ "slow 3 s", FAULT_E_NUMBER },
	{ "slow 3 700000", FAULT_E_NUMBER },
	{ "slow 3 600001ms", FAULT_E_NUMBER },
	{ "slow 3 99999999999999999999s", FAULT_E_NUMBER },
	{ "exception 1 0", FAULT_E_NUMBER },
	{ "exception 1 12", FAULT_E_NUMBER },
	{ "down", FAULT_E_NUMBER },
	{ "down 0", FAULT_E_NUMBER },
	{ "reset 4 5", FAULT_E_MORE },
	{ "power-cut 3", FAULT_E_MORE },
	{ "a b c d e", FAULT_E_MORE },
};

START_TEST(a_line_that_makes_no_sense_is_named_as_such)
	{
		struct fault_command command = { .plate = 42 };

		ck_assert_int_eq(parse(&command, wrong[_i].line),
				 wrong[_i].outcome);
		ck_assert_int_eq(command.plate, 42);
		ck_assert_str_ne(fault_complaint(wrong[_i].outcome), "");
	}
END_TEST

static struct faults faults_of(const char *line)
{
	struct faults faults = { 0 };
	struct fault_command command = parsed(line);

	faults_apply(&faults, &command);
	return faults;
}

/*
 * The requests that follow a fault command: R read, F fence, S start. What
 * becomes of each: a done and answered, d done and not answered, l lost, x
 * answered by an exception and not done.
 */
static const struct {
	const char *command;
	const char *requests;
	const char *fates;
} strikes[] = {
	{ "silent-after-start 1", "SFR", "daa" },
	{ "silent-before-start 1", "SFR", "laa" },
	{ "silent 1", "SFR", "lld" },
	{ "silent-after-start 1 2", "SFSS", "dada" },
	{ "exception 1 4", "SFR", "xxa" },
	{ "slow 1 300", "SFR", "aaa" },
	{ "ok 1", "SFR", "aaa" },
};

static char fate_letter(const struct fate *fate)
{
	if (fate->exception)
		return fate->answers && !fate->acts ? 'x' : '?';
	if (fate->acts)
		return fate->answers ? 'a' : 'd';
	return fate->answers ? '?' : 'l';
}

START_TEST(a_fault_strikes_the_requests_that_it_is_about)
	{
		struct faults faults = faults_of(strikes[_i].command);

		for (const char *p = strikes[_i].requests; *p; p++) {
			struct fate fate =
				*p == 'R' ? faults_read(&faults)
					  : faults_write(&faults, *p == 'S');

			ck_assert_msg(
				fate_letter(&fate) ==
					strikes[_i].fates[p -
							  strikes[_i].requests],
				"'%s': %s", strikes[_i].command, p);
		}
	}
END_TEST

START_TEST(slow_delays_reads_and_writes_until_ok)
	{
		struct faults faults = faults_of("slow 1 300");
		struct fault_command command = parsed("silent 1");

		ck_assert_int_eq(faults_write(&faults, true).slow_ms, 300);
		ck_assert_int_eq(faults_read(&faults).slow_ms, 300);
		faults_apply(&faults, &command);
		command = parsed("exception 1");
		faults_apply(&faults, &command);
		command = parsed("ok 1");
		faults_apply(&faults, &command);
		ck_assert(faults_write(&faults, true).acts);
		ck_assert(faults_write(&faults, true).answers);
		ck_assert_int_eq(faults_write(&faults, true).slow_ms, 0);
		ck_assert_int_eq(faults_write(&faults, true).exception, 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("faults");
	TCase *tests = check_case(suite, 60);

	tcase_add_loop_test(tests, a_line_becomes_a_command, 0,
			    CHECK_N(parsed_lines));
	tcase_add_loop_test(tests, a_line_that_makes_no_sense_is_named_as_such,
			    0, CHECK_N(wrong));
	tcase_add_loop_test(tests,
			    a_fault_strikes_the_requests_that_it_is_about, 0,
			    CHECK_N(strikes));
	tcase_add_test(tests, slow_delays_reads_and_writes_until_ok);
	return check_run(suite);
}
