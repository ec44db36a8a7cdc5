/* SPDX-License-Identifier: MIT */
/* Conf: settings from the environment, and what is said of bad ones. */
#include "infra/lib/conf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"

struct conf {
	const char *name;
	int64_t plates;
};

static const struct conf_row rows[] = {
	{ "TEST_NAME", CONF_KIND_TEXT, offsetof(struct conf, name), "main", 0,
	  0, "the stall's name" },
	{ "TEST_PLATES", CONF_KIND_NUMBER, offsetof(struct conf, plates), "4",
	  1, 64, "how many plates" },
};

static const struct conf_table table = {
	.program = "tester",
	.sentence = "tests settings",
	.rows = rows,
	.n_rows = CHECK_N(rows),
};

/* What @fn says on @stream, which is a descriptor of the process. */
static char said[2048];

static int capture(int fd, int (*fn)(void *arg), void *arg)
{
	FILE *file = tmpfile();
	int old = dup(fd), r;
	ssize_t n;

	ck_assert_ptr_nonnull(file);
	(void)fflush(NULL);
	ck_assert_int_eq(dup2(fileno(file), fd), fd);
	r = fn(arg);
	(void)fflush(NULL);
	ck_assert_int_eq(dup2(old, fd), fd);
	n = pread(fileno(file), said, sizeof(said) - 1, 0);
	ck_assert_int_ge(n, 0);
	said[n] = '\0';
	(void)close(old);
	(void)fclose(file);
	return r;
}

static int load(void *conf)
{
	return conf_load(&table, conf);
}

#define ck_assert_said(text) ck_assert_msg(strstr(said, text), "%s", said)

/* What is set, and what comes of it; NULL: it is not set. */
static const struct {
	const char *name, *plates, *name_is;
	int64_t plates_are;
} settings[] = {
	{ NULL, NULL, "main", 4 },
	{ "", "", "main", 4 },
	{ "Gita's stall", "64", "Gita's stall", 64 },
};

static void set(const char *name, const char *value)
{
	(void)unsetenv(name);
	if (value)
		(void)setenv(name, value, 1);
}

START_TEST(a_setting_that_is_absent_or_empty_has_its_fallback)
	{
		struct conf conf = { 0 };

		set("TEST_NAME", settings[_i].name);
		set("TEST_PLATES", settings[_i].plates);
		ck_assert_int_eq(load(&conf), 0);
		ck_assert_str_eq(conf.name, settings[_i].name_is);
		ck_assert_int_eq(conf.plates, settings[_i].plates_are);
	}
END_TEST

static const char *const bad[] = { "0", "65", "four", "4 ", "-1", "4.0" };

START_TEST(a_value_that_does_not_fit_is_named_with_what_would)
	{
		struct conf conf = { 0 };
		char quoted[32];

		(void)setenv("TEST_PLATES", bad[_i], 1);
		ck_assert_int_eq(capture(STDERR_FILENO, load, &conf),
				 CONF_E_BAD);
		(void)snprintf(quoted, sizeof(quoted), "is '%s'", bad[_i]);
		ck_assert_said("tester: setting 'TEST_PLATES'");
		ck_assert_said(quoted);
		ck_assert_said("from 1 to 64");
		ck_assert_said("HINT: tester --help");
		ck_assert_int_eq(conf.plates, 0);
	}
END_TEST

/* The only argument, where the answer is written, and what it says. */
static const struct {
	const char *argument;
	int fd, status; /* -1: there is no answer, the program runs */
	const char *answer;
} arguments[] = {
	{ "--help", STDOUT_FILENO, 0, "tester: tests settings" },
	{ "--version", STDOUT_FILENO, 0, "tester " },
	{ "--port=1", STDERR_FILENO, 2, "unknown argument '--port=1'" },
	{ NULL, STDOUT_FILENO, -1, "" },
};

static int answer(void *argument)
{
	char *argv[] = { (char[]){ "tester" }, argument, NULL };
	int status = -1;
	bool answered = conf_arguments(&table, argument ? 2 : 1, argv, &status);

	ck_assert_int_eq(answered, status != -1);
	return status;
}

START_TEST(an_argument_is_answered_and_without_one_the_program_runs)
	{
		ck_assert_int_eq(
			capture(arguments[_i].fd, answer,
				(void *)(uintptr_t)arguments[_i].argument),
			arguments[_i].status);
		ck_assert_said(arguments[_i].answer);
		if (_i == 1)
			ck_assert_said(version_of_build);
		if (!arguments[_i].argument)
			ck_assert_str_eq(said, "");
	}
END_TEST

START_TEST(help_lists_every_setting_with_its_sentence_and_fallback)
	{
		(void)capture(STDOUT_FILENO, answer, (char[]){ "--help" });
		for (int i = 0; i < CHECK_N(rows); i++) {
			ck_assert_said(rows[i].name);
			ck_assert_said(rows[i].sentence);
			ck_assert_said(rows[i].fallback);
		}
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("conf");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase, a_setting_that_is_absent_or_empty_has_its_fallback, 0, CHECK_N(settings));
	tcase_add_loop_test(tcase, a_value_that_does_not_fit_is_named_with_what_would, 0, CHECK_N(bad));
	tcase_add_loop_test(tcase, an_argument_is_answered_and_without_one_the_program_runs, 0, CHECK_N(arguments));
	tcase_add_test(tcase, help_lists_every_setting_with_its_sentence_and_fallback);
	return check_run(suite);
}
