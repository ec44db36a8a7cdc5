/* SPDX-License-Identifier: MIT */
/*
 * Cli: help, wrong use and servers that are not there. Each way of using it
 * wrongly is 2 and says what and where; what could not be done is 1.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

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
#define TEN "0123456789"
#define LONG_NAME TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "1"

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
	{ { "restock", "main", "che\nese", "5" }, "are to be names" },
	{ { "status", "--suffix", "a b" }, "suffix 'a b' has what no topic" },
	{ { "status", "--who", LONG_NAME }, "is no name: 1 to 100 characters" },
	{ { "status", "--who", "a\nb" }, "is no name: 1 to 100 characters" },
	{ { "status", "--who", "\xff" }, "is no name: 1 to 100 characters" },
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
	{ { "grill", "set", "left", "--address=h:1", "--plates=257" },
	  "'257', which is no whole number from 1 to 256" },
	{ { "grill", "set", "left", "--address=h:1", "--plates=1",
	    "--unit=248" },
	  "unit 248 can be no grill's: Modbus reserves 248 to 254" },
	{ { "grill", "set", "left", "--address=h:1", "--plates=1",
	    "--unit=254" },
	  "unit 254 can be no grill's" },
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

/* A server that takes the connection and never says a word, as one does that
 * is frozen, or whose machine is. Gives "127.0.0.1:PORT". */
static const char *silent_server(void)
{
	static char address[32];
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, n), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%d",
		       ntohs(at.sin_port));
	return address;
}

static const char *const frozen[][WORDS_MAX] = {
	{ "topics", "status" },
	{ "migrate", "status" },
};

START_TEST(a_server_that_never_answers_is_away_within_5_seconds)
	{
		char url[64];
		int64_t began_at_ms = clock_now_ms();

		(void)snprintf(url, sizeof(url), "postgresql://%s/galore",
			       silent_server());
		ck_assert_int_eq(setenv("DATABASE_URL", url, 1), 0);
		ck_assert_int_eq(setenv("KAFKA_BROKERS", silent_server(), 1),
				 0);
		ck_assert_int_eq(run(frozen[_i]), COMMAND_E_FAILED);
		CHECK_SAID(HINT);
		ck_assert_int_lt(clock_now_ms() - began_at_ms, 5000);
	}
END_TEST

static void write_run_file(const char *dir, const char *text)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/run.env", dir);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(the_servers_of_a_make_run_are_taken_from_its_folder)
	{
		char dir[] = "/tmp/overlord-run.XXXXXX", path[64];
		const char *before[WORDS_MAX] = { "--run", dir, "status" };
		const char *after[WORDS_MAX] = { "status", "--run", dir };
		const char *topics[WORDS_MAX] = { "--run", dir, "topics",
						  "status" };

		ck_assert_ptr_nonnull(mkdtemp(dir));
		ck_assert_int_eq(setenv("OVERLORD_TIMEOUT_MS", "500", 1), 0);
		ck_assert_int_eq(setenv("DATABASE_URL", "postgresql:///x", 1),
				 0);
		ck_assert_int_eq(run(before), COMMAND_E_FAILED);
		CHECK_SAID("no make run can be found in '/tmp/overlord-run.");
		ck_assert_int_eq(setenv("PGSERVICE", "of-another", 1), 0);
		ck_assert_int_eq(setenv("DB_SCHEMA", "of another", 1), 0);
		ck_assert_int_eq(setenv("TOPIC_SUFFIX", ".of-another", 1), 0);
		write_run_file(dir,
			       "PATH=/nowhere\nKAFKA_BROKERS=127.0.0.1:2\n"
			       "DATABASE_URL=postgresql://127.0.0.1:1/a?b=c\n");
		ck_assert_int_eq(run(before), COMMAND_E_FAILED);
		CHECK_SAID("\"b\"");
		ck_assert_int_eq(run(after), COMMAND_E_FAILED);
		CHECK_SAID("\"b\"");
		ck_assert_int_eq(run(topics), COMMAND_E_FAILED);
		CHECK_SAID("127.0.0.1:2");
		ck_assert_str_ne(getenv("PATH"), "/nowhere");
		ck_assert_ptr_null(getenv("PGSERVICE"));
		/* What the file does not name is the default. */
		ck_assert_ptr_null(getenv("DB_SCHEMA"));
		ck_assert_ptr_null(getenv("TOPIC_SUFFIX"));
		(void)snprintf(path, sizeof(path), "%s/run.env", dir);
		ck_assert_int_eq(unlink(path), 0);
		ck_assert_int_eq(rmdir(dir), 0);
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
	tcase_add_loop_test(
		tcase, a_server_that_never_answers_is_away_within_5_seconds, 0,
		CHECK_N(frozen));
	tcase_add_test(tcase,
		       the_servers_of_a_make_run_are_taken_from_its_folder);
	tcase_add_test(tcase, an_answer_that_nobody_can_take_is_a_failure);
	return check_run(suite);
}
