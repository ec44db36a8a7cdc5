/* SPDX-License-Identifier: MIT */
/*
 * Cli: help, wrong use and servers that are not there. Each way of using it
 * wrongly is 2 and says what and where; what could not be done is 1.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "infra/overlord/cli.h"
#include "infra/overlord/command.h"
#include "infra/overlord/said_fixture.h"

enum { WORDS_MAX = 8 };

static int run(const char *const words[WORDS_MAX])
{
	char *argv[WORDS_MAX + 1] = { NULL };
	int argc = 0, r;

	for (; argc < WORDS_MAX && words[argc]; argc++)
		argv[argc] = strdup(words[argc]);
	said_begin();
	r = cli_run(argc, argv);
	said_end();
	while (argc > 0)
		free(argv[--argc]);
	return r;
}

static const struct {
	const char *words[WORDS_MAX];
	const char *said;
} helps[] = {
	{ { "--help" }, "usage: overlord VERB" },
	{ { "-h" }, "usage: overlord VERB" },
	{ { "help" }, "usage: overlord VERB" },
	{ { "help", "migrate" }, "usage: overlord migrate VERB" },
	{ { "migrate", "--help" }, "usage: overlord migrate VERB" },
	{ { "help", "migrate", "up" }, "usage: overlord migrate up" },
	{ { "migrate", "up", "--help" }, "usage: overlord migrate up" },
	{ { "trace", "-h" }, "usage: overlord trace ORDER" },
	{ { "--version" }, "overlord " },
};

START_TEST(help_is_given_for_all_a_group_and_a_verb)
	{
		ck_assert_int_eq(run(helps[_i].words), 0);
		CHECK_SAID(helps[_i].said);
	}
END_TEST

#define HINT "HINT: "

static const struct {
	const char *words[WORDS_MAX];
	const char *said;
} wrong[] = {
	{ { NULL }, "usage: overlord VERB" },
	{ { "" }, "no verb ''" },
	{ { "nope" }, "no verb 'nope'\n" HINT "overlord --help" },
	{ { "help", "nope" }, "no verb 'nope'" },
	{ { "migrate" }, "no verb 'migrate'\n" HINT "overlord migrate status" },
	{ { "migrate", "sideways" }, "no verb 'migrate sideways'" },
	{ { "--json", "status" }, HINT "options come after the verb" },
	{ { "status", "x" }, "argument 'x' is one too many\n" HINT "usage" },
	{ { "status", "-x" }, "option '-x' is not one of this verb's" },
	{ { "status", "--execute" }, "option '--execute' is not one" },
	{ { "status", "--schema", "a b" }, "schema 'a b' is no plain name" },
	{ { "trace" }, "argument 'ORDER' is missing\n" HINT "usage" },
	{ { "restock", "main", "cheese" }, "argument 'QUANTITY' is missing" },
	{ { "restock", "main", "cheese", "-5" }, "quantity '-5' is no whole" },
	{ { "restock", "main", "cheese", "0" }, "quantity '0' is no whole" },
	{ { "restock", "", "cheese", "5" }, "'' and 'cheese' are to be names" },
	{ { "restock", "\xff", "cheese", "5" }, "are to be names" },
	{ { "toastie", "resolve", "7", "eaten" }, "'eaten' is none of done" },
	{ { "migrate", "down" }, "down wants --to" },
	{ { "migrate", "up", "--set", "x" }, "set 'x' is neither" },
	{ { "dlq", "list", "--topic", "x" }, "there is no topic 'x'" },
	{ { "grill", "set", "left" }, "set wants --address and --plates" },
	{ { "grill", "set", "a b", "--address=h:1", "--plates=1" },
	  "grill 'a b' is no name" },
	{ { "grill", "set", "left", "--address=h", "--plates=1" },
	  "address 'h' is not host:port" },
	{ { "grill", "set", "left", "--address=h h:1", "--plates=1" },
	  "address 'h h:1' is not host:port" },
	{ { "grill", "set", "left", "--address=h:0", "--plates=1" },
	  "address 'h:0' is not host:port" },
	{ { "grill", "set", "left", "--address=h:1", "--plates=1",
	    "--stalls=a,,b" },
	  "stalls 'a,,b' are no names" },
};

START_TEST(wrong_use_is_2_and_says_what_and_where)
	{
		ck_assert_int_eq(run(wrong[_i].words), COMMAND_E_USAGE);
		CHECK_SAID(wrong[_i].said);
	}
END_TEST

START_TEST(a_setting_that_does_not_fit_is_wrong_use)
	{
		ck_assert_int_eq(setenv("OVERLORD_TIMEOUT_MS", "soon", 1), 0);
		ck_assert_int_eq(run((const char *[WORDS_MAX]){ "status" }),
				 COMMAND_E_USAGE);
		CHECK_SAID("'OVERLORD_TIMEOUT_MS' is 'soon'");
	}
END_TEST

static const char *const away[][WORDS_MAX] = {
	{ "status" },
	{ "trace", "7" },
	{ "dlq", "list" },
	{ "migrate", "status" },
	{ "migrate", "check" },
	{ "migrate", "up", "--execute" },
	{ "migrate", "down", "--to=0", "--execute" },
	{ "grill", "list" },
	{ "grill", "set", "left", "--address=h:1", "--plates=1", "--execute" },
	{ "restock", "main", "cheese", "5", "--execute" },
	{ "toastie", "resolve", "7", "done", "--execute" },
};

START_TEST(without_a_database_every_verb_fails_and_says_where_it_looked)
	{
		ck_assert_int_eq(setenv("DATABASE_URL",
					"postgresql://127.0.0.1:1/galore", 1),
				 0);
		ck_assert_int_eq(run(away[_i]), COMMAND_E_FAILED);
		CHECK_SAID("no session with Postgres: ");
		CHECK_SAID("127.0.0.1");
		CHECK_SAID(HINT "DATABASE_URL");
	}
END_TEST

START_TEST(without_brokers_topics_fail_within_the_time_that_is_set)
	{
		ck_assert_int_eq(setenv("KAFKA_BROKERS", "127.0.0.1:1", 1), 0);
		ck_assert_int_eq(setenv("OVERLORD_TIMEOUT_MS", "500", 1), 0);
		ck_assert_int_eq(
			run((const char *[WORDS_MAX]){ "topics", "status" }),
			COMMAND_E_FAILED);
		CHECK_SAID("no answer from Kafka at '127.0.0.1:1'");
		CHECK_SAID(HINT "KAFKA_BROKERS");
	}
END_TEST

START_TEST(an_answer_that_nobody_can_take_is_a_failure)
	{
		char help[] = "--help";
		char *const argv[] = { help };
		int r;

		said_begin();
		ck_assert_int_ge(dup2(open("/dev/full", O_WRONLY | O_CLOEXEC),
				      STDOUT_FILENO),
				 0);
		r = cli_run(1, argv);
		clearerr(stdout);
		said_end();
		ck_assert_int_eq(r, COMMAND_E_FAILED);
		CHECK_SAID("stdout could not be written to");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli");
	TCase *tcase = check_case(suite, 30);

	tcase_add_loop_test(tcase, help_is_given_for_all_a_group_and_a_verb, 0,
			    CHECK_N(helps));
	tcase_add_loop_test(tcase, wrong_use_is_2_and_says_what_and_where, 0,
			    CHECK_N(wrong));
	tcase_add_test(tcase, a_setting_that_does_not_fit_is_wrong_use);
	tcase_add_loop_test(
		tcase,
		without_a_database_every_verb_fails_and_says_where_it_looked, 0,
		CHECK_N(away));
	tcase_add_test(tcase,
		       without_brokers_topics_fail_within_the_time_that_is_set);
	tcase_add_test(tcase, an_answer_that_nobody_can_take_is_a_failure);
	return check_run(suite);
}
