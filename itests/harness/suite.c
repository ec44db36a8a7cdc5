/* SPDX-License-Identifier: MIT */
/* The linker has made a table of all tests of the program. */
#include "itests/harness/suite.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the linker's table begins and ends. */
extern const struct suite_test *const __start_suite_rows[];
extern const struct suite_test *const __stop_suite_rows[];

static bool is_wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc < 2;
}

/* Gives how many of the tests were chosen. */
static int add_tests(TCase *tcase, int argc, char **argv)
{
	const struct suite_test *const *row;
	int n = 0;

	for (row = __start_suite_rows; row < __stop_suite_rows; row++)
		if (is_wanted(argc, argv, (*row)->check.name)) {
			tcase_add_loop_test(tcase, &(*row)->check, 0,
					    (*row)->n_cases);
			n++;
		}
	return n;
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create(program_invocation_short_name);
	TCase *tcase;
	SRunner *runner;
	int n_failed, n;

	/* Seconds that a test may take; make soak says more. */
	(void)setenv("CK_DEFAULT_TIMEOUT", "600", 0);
	tcase = tcase_create("itest");
	n = add_tests(tcase, argc, argv);
	if (!n)
		(void)fprintf(stderr, "no test of '%s' has such a name\n",
			      argv[0]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	/* Each in a process of its own: programs end with it. */
	srunner_set_fork_status(runner, CK_FORK);
	/* A server that goes away is seen where it is written to. */
	(void)signal(SIGPIPE, SIG_IGN);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed || !n;
}

void suite_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)printf("note: ");
	(void)vprintf(format, args);
	(void)printf("\n");
	(void)fflush(stdout);
	va_end(args);
}
