/* SPDX-License-Identifier: MIT */
/* Suite: see suite.h. */
#include "itests/harness/suite.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_wanted(int argc, char **argv, const char *name)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return false;
}

int suite_main(int argc, char **argv, int timeout_s, const TTest *const *tests)
{
	const char *base = strrchr(argv[0], '/');
	Suite *suite = suite_create(base ? base + 1 : argv[0]);
	TCase *tcase = tcase_create("itest");
	SRunner *runner;
	int n_failed, n_wanted = 0;

	tcase_set_timeout(tcase, timeout_s);
	for (; *tests; tests++)
		if (is_wanted(argc, argv, (*tests)->name)) {
			tcase_add_test(tcase, *tests);
			n_wanted++;
		}
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	/* Each in a process of its own: programs end with it. */
	srunner_set_fork_status(runner, CK_FORK);
	/* A server that goes away is seen where it is written to. */
	(void)signal(SIGPIPE, SIG_IGN);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (!n_wanted)
		(void)fprintf(stderr, "no test of '%s' has such a name\n",
			      argv[0]);
	return n_failed || !n_wanted;
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
