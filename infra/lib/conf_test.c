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

START_TEST(what_is_not_set_has_its_fallback)
	{
		struct conf conf = { 0 };

		(void)unsetenv("TEST_NAME");
		(void)unsetenv("TEST_PLATES");
		ck_assert_int_eq(load(&conf), 0);
		ck_assert_str_eq(conf.name, "main");
		ck_assert_int_eq(conf.plates, 4);
	}
END_TEST

START_TEST(what_is_empty_counts_as_not_set)
	{
		struct conf conf = { 0 };

		(void)setenv("TEST_NAME", "", 1);
		(void)setenv("TEST_PLATES", "", 1);
		ck_assert_int_eq(load(&conf), 0);
		ck_assert_str_eq(conf.name, "main");
		ck_assert_int_eq(conf.plates, 4);
	}
END_TEST

START_TEST(what_is_set_is_taken)
	{
		struct conf conf = { 0 };

		(void)setenv("TEST_NAME", "Gita's stall", 1);
		(void)setenv("TEST_PLATES", "64", 1);
		ck_assert_int_eq(load(&conf), 0);
		ck_assert_str_eq(conf.name, "Gita's stall");
		ck_assert_int_eq(conf.plates, 64);
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

struct arguments {
	int argc;
	const char *argv[3];
	bool answered;
	int status;
};

static int give(void *arg)
{
	struct arguments *arguments = arg;

	arguments->status = -1;
	arguments->answered = conf_arguments(
		&table, "1.2.3", arguments->argc,
		(char **)(uintptr_t)arguments->argv, &arguments->status);
	return 0;
}

START_TEST(help_lists_every_setting_with_its_sentence_and_fallback)
	{
		struct arguments arguments = {
			2, { "tester", "--help" }, false, 0
		};

		(void)capture(STDOUT_FILENO, give, &arguments);
		ck_assert(arguments.answered);
		ck_assert_int_eq(arguments.status, 0);
		ck_assert_said("tester: tests settings");
		for (int i = 0; i < CHECK_N(rows); i++) {
			ck_assert_said(rows[i].name);
			ck_assert_said(rows[i].sentence);
			ck_assert_said(rows[i].fallback);
		}
	}
END_TEST

START_TEST(version_names_the_program_and_its_version)
	{
		struct arguments arguments = {
			2, { "tester", "--version" }, false, 0
		};

		(void)capture(STDOUT_FILENO, give, &arguments);
		ck_assert(arguments.answered);
		ck_assert_int_eq(arguments.status, 0);
		ck_assert_str_eq(said, "tester 1.2.3\n");
	}
END_TEST

START_TEST(any_other_argument_is_wrong_use)
	{
		struct arguments arguments = {
			2, { "tester", "--port=1" }, false, 0
		};

		(void)capture(STDERR_FILENO, give, &arguments);
		ck_assert(arguments.answered);
		ck_assert_int_eq(arguments.status, 2);
		ck_assert_said("unknown argument '--port=1'");
	}
END_TEST

START_TEST(without_arguments_the_program_runs)
	{
		struct arguments arguments = { 1, { "tester" }, true, 0 };

		(void)capture(STDOUT_FILENO, give, &arguments);
		ck_assert(!arguments.answered);
		ck_assert_str_eq(said, "");
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("conf");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, what_is_not_set_has_its_fallback);
	tcase_add_test(tcase, what_is_empty_counts_as_not_set);
	tcase_add_test(tcase, what_is_set_is_taken);
	tcase_add_loop_test(tcase, a_value_that_does_not_fit_is_named_with_what_would, 0, CHECK_N(bad));
	tcase_add_test(tcase, help_lists_every_setting_with_its_sentence_and_fallback);
	tcase_add_test(tcase, version_names_the_program_and_its_version);
	tcase_add_test(tcase, any_other_argument_is_wrong_use);
	tcase_add_test(tcase, without_arguments_the_program_runs);
	return check_run(suite);
}
