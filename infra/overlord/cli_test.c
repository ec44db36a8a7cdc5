/* SPDX-License-Identifier: MIT */
/*
 * Cli: help, completion, wrong use and servers that are not there. Each way of
 * using it wrongly is 2 and says what and where; what could not be done is 1.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "infra/overlord/overlord_fixture.h"

static const struct {
	const char *line, *said;
} helps[] = {
	{ "--help", "usage: overlord VERB" },
	{ "-h", "usage: overlord VERB" },
	{ "help", "usage: overlord VERB" },
	{ "help migrate", "usage: overlord migrate VERB" },
	{ "migrate --help", "usage: overlord migrate VERB" },
	{ "help migrate up", "usage: overlord migrate up" },
	{ "migrate up --help", "usage: overlord migrate up" },
	{ "trace -h", "usage: overlord trace ORDER" },
	{ "--version", "overlord " },
};

START_TEST(help_is_given_for_all_a_group_and_a_verb)
	{
		CHECK_RUN(helps[_i].line, DONE, helps[_i].said);
	}
END_TEST

/* Runs a command of a shell with @path as $1 and @line as $2, and has what it
 * prints in said. Gives its exit status. */
static int shell(const char *command, const char *path, const char *line)
{
	pid_t child;
	int status;

	said_begin();
	child = fork();
	if (child == 0)
		_exit(execlp("bash", "bash", "-c", command, "bash", path, line,
			     (char *)NULL));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	said_end();
	return WEXITSTATUS(status);
}

/* What the script that overlord prints makes of a line, whose last word is
 * being written. */
static const struct {
	const char *line, *words;
} completions[] = {
	{ "mig", "migrate" },
	{ "migrate u", "up" },
	{ "help migrate d", "down" },
	{ "grill ", "list set enable disable remove" },
	{ "grill set left --pla", "--plan --plates" },
	{ "grill list --e", "" },
	{ "man --", "--help --json --run --who" },
	{ "--r", "--run" },
	{ "--run . mig", "migrate" },
	{ "--run . migrate up --se", "--set" },
	{ "migrate up --set ", "control service" },
	{ "migrate up --set = ser", "service" },
	{ "migrate up --set =", "control service" },
	{ "dlq list --topic pi", "picks picks.dlq" },
	{ "dlq list --limit ", "" },
	{ "toastie resolve 7 ", "done failed returned" },
	{ "toastie resolve --who x 7 f", "failed" },
	{ "toastie resolve 7 done ", "" },
	{ "toastie list --state unc", "uncertain" },
	{ "grill set x --address ", "" },
	{ "completion ", "bash" },
	{ "apply infra/overlord/over", "infra/overlord/overlord.def "
				       "infra/overlord/overlord_fixture.h" },
	{ "migrate up --dir infra/over", "infra/overlord" },
	{ "nope ", "" },
};

START_TEST(bash_completes_what_the_tables_have)
	{
		char path[] = "/tmp/overlord-bash.XXXXXX";
		int fd = mkstemp(path);
		FILE *file;

		ck_assert_int_ge(fd, 0);
		CHECK_RUN("completion bash", DONE, "complete -F _overlord");
		file = fdopen(fd, "w");
		ck_assert_int_ge(fputs(said, file), 0);
		ck_assert_int_eq(fclose(file), 0);
		ck_assert_int_eq(
			shell("set -eu; source \"$1\"; "
			      "mapfile -d ' ' -t COMP_WORDS "
			      "< <(printf 'overlord %s' \"$2\"); "
			      "[[ $2 != *' ' ]] || COMP_WORDS+=(''); "
			      "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
			      "_overlord; printf '%s' \"${COMPREPLY[*]-}\"",
			      path, completions[_i].line),
			0);
		(void)unlink(path);
		ck_assert_str_eq(said, completions[_i].words);
	}
END_TEST

static const struct {
	const char *arguments, *kinds;
} kinds[] = {
	{ "A --to N|--set on|off|--dir B,C", "--set=on|off --to=N --dir=B,C" },
	{ "[--to N] [--set a|b] [--count]", "--set=a|b --to=N --count=" },
	{ "--to P|--count|--set A", "--set=A --to=P --count=" },
};

/* Those of every verb aside. */
START_TEST(of_what_kind_an_option_is_stands_in_the_arguments)
	{
		struct option_text option;
		char found[128] = "";
		struct str str = STR_INIT(found);
		size_t at = 0;

		while (options_next(&option, &at, kinds[_i].arguments)) {
			if (!strstr(kinds[_i].arguments, option.name))
				continue;
			if (*found)
				str_add_text(&str, " ");
			str_add_text(&str, option.name);
			str_add_text(&str, "=");
			str_add_text(&str, option.kind);
		}
		ck_assert_str_eq(found, kinds[_i].kinds);
	}
END_TEST

static void without(char *text, char c)
{
	char *to = text;

	for (; *text; text++)
		if (*text != c)
			*to++ = *text;
	*to = '\0';
}

START_TEST(the_manual_page_has_every_row_and_no_warning)
	{
		static const char *const names[] = {
#define VERB(name, ...) "fB" name "fR",
#include "infra/overlord/overlord.def"
#undef VERB
#define CONF_TEXT(field, name, ...) "fB" name "fR",
#define CONF_NUMBER(field, name, ...) "fB" name "fR",
#define OPTION_FLAG(field, name, ...) "fB%" name "fR",
#define OPTION_TEXT(field, name, ...) "fB%" name "fR",
#define OPTION_NUMBER(field, name, ...) "fB%" name "fR",
#include "infra/overlord/conf.def"
#include "infra/overlord/options.def"
#undef CONF_TEXT
#undef CONF_NUMBER
#undef OPTION_FLAG
#undef OPTION_TEXT
#undef OPTION_NUMBER
		};
		char path[] = "/tmp/overlord-man.XXXXXX";
		int fd = mkstemp(path);
		FILE *file;

		ck_assert_int_ge(fd, 0);
		CHECK_RUN("man", DONE, ".TH OVERLORD 1");
		CHECK_SAID("\\fB\\%\\-\\-replication\\fR N");
		file = fdopen(fd, "w");
		ck_assert_int_ge(fputs(said, file), 0);
		ck_assert_int_eq(fclose(file), 0);
		without(said, '\\');
		for (int i = 0; i < CHECK_N(names); i++)
			CHECK_SAID(names[i]);
		if (shell("command -v groff", path, ""))
			(void)printf("note: no groff, the page's form is not "
				     "checked\n");
		else
			ck_assert_int_eq(shell("groff -ww -man -z -Tutf8 "
					       "\"$1\" 2>&1",
					       path, ""),
					 0);
		(void)unlink(path);
		CHECK_NOT_SAID("warning");
		CHECK_NOT_SAID("error");
	}
END_TEST

#define HINT "HINT: "
#define TEN "0123456789"
#define LONG_NAME TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "1"

static const struct {
	const char *line, *said;
} wrong[] = {
	{ "", "usage: overlord VERB" },
	{ " ", "no verb ' '" },
	{ "nope", "no verb 'nope'\n" HINT "overlord --help" },
	{ "help nope", "no verb 'nope'" },
	{ "migrate", "no verb 'migrate'\n" HINT "overlord migrate status" },
	{ "migrate sideways", "no verb 'migrate sideways'" },
	{ "--json status", HINT "options come after the verb" },
	{ "status x", "argument 'x' is one too many\n" HINT "usage" },
	{ "status -x", "option '-x' is not one of this verb's" },
	{ "status --execute", "option '--execute' is not one" },
	{ "status --schema a~b", "schema 'a b' is no plain name" },
	{ "trace", "argument 'ORDER' is missing\n" HINT "usage" },
	{ "restock main cheese", "argument 'QUANTITY' is missing" },
	{ "restock main cheese -5", "quantity '-5' is no whole" },
	{ "restock main cheese 0", "quantity '0' is no whole" },
	{ "restock  cheese 5", "'' and 'cheese' are to be names" },
	{ "restock \xff cheese 5", "are to be names" },
	{ "restock main che\nese 5", "are to be names" },
	{ "status --suffix a~b", "suffix 'a b' has what no topic" },
	{ "status --who " LONG_NAME, "is no name: 1 to 100 characters" },
	{ "status --who a\nb", "is no name: 1 to 100 characters" },
	{ "status --who \xff", "is no name: 1 to 100 characters" },
	{ "restock a b c d e", "argument 'e' is one too many" },
	{ "completion fish", "'fish' is no shell that is known" },
	{ "restock main --schema=s -- cheese --new", "quantity '--new' is no" },
	{ "trace -- --json --", "argument '--' is one too many" },
	{ "migrate down --to", "option '--to' wants a value" },
	{ "migrate down --to many", "'many', which is no whole number" },
	{ "migrate down --to -1", "'-1', which is no whole number from 0" },
	{ "dlq list --topic=", "option '--topic' wants a value" },
	{ "dlq list --topi=orders", "option '--topi' is not one" },
	{ "dlq list --l 3", "option '--l' is not one" },
	{ "dlq list -hx", "option '-hx' is not one" },
	{ "migrate up --execute=yes", "option '--execute' takes no value" },
	{ "migrate up --execute --dry-run", "exclude each other" },
	{ "toastie resolve 7 eaten", "'eaten' is none of done" },
	{ "migrate down", "down wants --to" },
	{ "migrate up --set x", "set 'x' is neither" },
	{ "dlq list --topic x", "there is no topic 'x'" },
	{ "grill set left", "set wants --address and --plates" },
	{ "grill set a~b --address=h:1 --plates=1", "grill 'a b' is no name" },
	{ "grill set left --address=h --plates=1",
	  "address 'h' is not host:port" },
	{ "grill set left --address=h~h:1 --plates=1",
	  "address 'h h:1' is not host:port" },
	{ "grill set left --address=h:0 --plates=1",
	  "address 'h:0' is not host:port" },
	{ "grill set left --address=h:1 --plates=257",
	  "'257', which is no whole number from 1 to 256" },
	{ "grill set left --address=h:1 --plates=1 --unit=248",
	  "unit 248 can be no grill's: Modbus reserves 248 to 254" },
	{ "grill set left --address=h:1 --plates=1 --unit=254",
	  "unit 254 can be no grill's" },
	{ "grill set left --address=h:1 --plates=1 --stalls=a,,b",
	  "stalls 'a,,b' are no names" },
};

START_TEST(wrong_use_is_2_and_says_what_and_where)
	{
		CHECK_RUN(wrong[_i].line, USED_WRONGLY, wrong[_i].said);
	}
END_TEST

START_TEST(a_setting_that_does_not_fit_is_wrong_use)
	{
		set_env("OVERLORD_TIMEOUT_MS", "soon");
		CHECK_RUN("status", USED_WRONGLY,
			  "'OVERLORD_TIMEOUT_MS' is 'soon'");
	}
END_TEST

static const char *const away[] = {
	"status",
	"trace 7",
	"dlq list",
	"migrate status",
	"migrate check",
	"migrate up --execute",
	"migrate down --to=0 --execute",
	"grill list",
	"grill set left --address=h:1 --plates=1 --execute",
	"restock main cheese 5 --execute",
	"toastie resolve 7 done --execute",
};

START_TEST(without_a_database_every_verb_fails_and_says_where_it_looked)
	{
		set_env("DATABASE_URL", "postgresql://127.0.0.1:1/galore");
		CHECK_RUN(away[_i], FAILED, "no session with Postgres: ");
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

static const char *const frozen[] = { "topics status", "migrate status" };

START_TEST(a_server_that_never_answers_is_away_within_5_seconds)
	{
		char url[64];
		int64_t began_at_ms = clock_now_ms();

		(void)snprintf(url, sizeof(url), "postgresql://%s/galore",
			       silent_server());
		set_env("DATABASE_URL", url);
		set_env("KAFKA_BROKERS", silent_server());
		CHECK_RUN(frozen[_i], FAILED, HINT);
		ck_assert_int_lt(clock_now_ms() - began_at_ms, 5000);
	}
END_TEST

static void run_in(const char *dir, const char *verb, const char *text)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "--run %s %s", dir, verb);
	CHECK_RUN(line, FAILED, text);
}

START_TEST(the_servers_of_a_make_run_are_read_from_its_folder)
	{
		char dir[] = "/tmp/overlord-run.XXXXXX", path[64];

		ck_assert_ptr_nonnull(mkdtemp(dir));
		set_env("OVERLORD_TIMEOUT_MS", "500");
		set_env("DATABASE_URL", "postgresql:///x");
		run_in(dir, "status",
		       "no make run can be found in '/tmp/overlord-run.");
		set_env("PGSERVICE", "of-another");
		set_env("DB_SCHEMA", "of another");
		set_env("TOPIC_SUFFIX", ".of-another");
		write_file(dir, "run.env",
			   "PATH=/nowhere\nKAFKA_BROKERS=127.0.0.1:2\n"
			   "DATABASE_URL=postgresql://127.0.0.1:1/a?b=c\n");
		run_in(dir, "status", "\"b\"");
		run_in(dir, "topics status", "127.0.0.1:2");
		(void)snprintf(path, sizeof(path), "status --run %s", dir);
		CHECK_RUN(path, FAILED, "\"b\"");
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
		set_env("KAFKA_BROKERS", "127.0.0.1:1");
		set_env("OVERLORD_TIMEOUT_MS", "500");
		CHECK_RUN("topics status", FAILED,
			  "no answer from Kafka at '127.0.0.1:1'");
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
		ck_assert_int_eq(r, FAILED);
		CHECK_SAID("stdout could not be written to");
	}
END_TEST

int main(void)
{
	const struct check_row rows[] = {
		{ help_is_given_for_all_a_group_and_a_verb, CHECK_N(helps) },
		{ bash_completes_what_the_tables_have, CHECK_N(completions) },
		{ of_what_kind_an_option_is_stands_in_the_arguments,
		  CHECK_N(kinds) },
		{ the_manual_page_has_every_row_and_no_warning, 1 },
		{ wrong_use_is_2_and_says_what_and_where, CHECK_N(wrong) },
		{ a_setting_that_does_not_fit_is_wrong_use, 1 },
		{ without_a_database_every_verb_fails_and_says_where_it_looked,
		  CHECK_N(away) },
		{ without_brokers_topics_fail_within_the_time_that_is_set, 1 },
		{ a_server_that_never_answers_is_away_within_5_seconds,
		  CHECK_N(frozen) },
		{ the_servers_of_a_make_run_are_read_from_its_folder, 1 },
		{ an_answer_that_nobody_can_take_is_a_failure, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("cli");
	TCase *tcase = check_case(suite, 30);

	check_add(tcase, rows);
	return check_run(suite);
}
