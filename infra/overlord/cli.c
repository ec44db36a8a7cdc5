/* SPDX-License-Identifier: MIT */
/*
 * Cli: from words to a verb's function; see cli.h. A verb is a row of
 * overlord.def, and its help is made of the same row. Main thread.
 */
#include "infra/overlord/cli.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/conf.h"
#include "infra/lib/err.h"
#include "infra/overlord/plan/plan_file.h"
#include "infra/overlord/verb.h"

/* ---- settings ---- */

static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct conf
#define CONF_DEF "infra/overlord/conf.def"
#include "infra/lib/conf_def.h"
};

static const struct conf_table conf_table = {
	.program = "overlord",
	.sentence = "operate Toasties Galore",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(conf_rows[0]),
};

/* The settings that say where things are. */
static const char *const places[] = { "KAFKA_BROKERS", "DATABASE_URL",
				      "DB_SCHEMA", "TOPIC_SUFFIX" };

enum { N_PLACES = sizeof(places) / sizeof(places[0]) };

/* "NAME=value" and a line feed. */
static void read_line(char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return;
	*value++ = '\0';
	value[strcspn(value, "\n")] = '\0';
	for (size_t i = 0; i < N_PLACES; i++)
		if (!strcmp(line, places[i]) && setenv(line, value, 1))
			abort();
}

/* What the environment said is of other servers, also what libpq reads. */
static void forget_places(void)
{
	for (size_t i = 0; i < N_PLACES; i++)
		if (unsetenv(places[i]))
			abort();
	for (char **entry = environ; *entry;) {
		char name[64];

		if (!strncmp(*entry, "PG", 2) &&
		    str_n_copy(name, sizeof(name), *entry,
			       strcspn(*entry, "=")) &&
		    !unsetenv(name))
			entry = environ; /* it has moved */
		else
			entry++;
	}
}

/*
 * Lets the environment say where the servers of the make run in folder @dir
 * are, whatever it said before.
 */
static int read_run(const char *dir)
{
	char path[4096], line[4096];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/run.env", dir);
	file = fopen(path, "re");
	if (!file)
		return verb_failed(
			"--run takes the RUN_DIR of a make run that is under "
			"way; it is '.run' when nobody says another",
			"no make run can be found in '%.200s': '%.200s': %s",
			dir, path, strerrordesc_np(errno));
	forget_places();
	while (fgets(line, sizeof(line), file))
		read_line(line);
	(void)fclose(file);
	return 0;
}

/* ---- help ---- */

struct row {
	const char *name; /* one word or two */
	int (*run)(struct verb *verb);
	const char *arguments;
	const char *sentence;
};

static const struct row rows[] = {
#define VERB(name, function, arguments, sentence)                              \
	{ name, cmd_##function, arguments, sentence },
#include "infra/overlord/overlord.def"
#undef VERB
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static void help(FILE *out)
{
	(void)fprintf(out, "usage: overlord VERB [ARGUMENT]...\n\n"
			   "Verbs:\n");
	for (size_t i = 0; i < N_ROWS; i++)
		(void)fprintf(out, "  %-16s %s\n", rows[i].name,
			      rows[i].sentence);
	(void)fprintf(out,
		      "\nA verb that writes shows a plan, and changes "
		      "nothing until --execute.\n\n"
		      "Options (overlord VERB --help has a verb's own):\n");
	options_help("", out);
	(void)fputc('\n', out);
	conf_help(&conf_table, out);
}

static void help_verb(const struct row *row)
{
	(void)printf("usage: overlord %s %s\n\n%s\n\nOptions:\n", row->name,
		     row->arguments, row->sentence);
	options_help(row->arguments, stdout);
}

/* "migrate" is the first word of some verbs, and so their group. False when
 * there is no such group. */
static bool help_group(const char *word)
{
	size_t n = strlen(word);
	bool found = false;

	for (size_t i = 0; i < N_ROWS; i++) {
		if (strncmp(rows[i].name, word, n) || rows[i].name[n] != ' ')
			continue;
		if (!found)
			(void)printf("usage: overlord %s VERB "
				     "[ARGUMENT]...\n\nVerbs:\n",
				     word);
		found = true;
		(void)printf("  %-16s %s\n", rows[i].name, rows[i].sentence);
	}
	return found;
}

/* The verb whose words begin @argv; @ret_n is how many those are. */
static const struct row *find(int argc, char *const *argv, int *ret_n)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const char *name = rows[i].name;
		const char *space = strchr(name, ' ');
		size_t n = strcspn(name, " ");

		if (argc < 1 || strlen(argv[0]) != n ||
		    strncmp(argv[0], name, n) != 0)
			continue;
		if (space && (argc < 2 || strcmp(argv[1], space + 1) != 0))
			continue;
		*ret_n = space ? 2 : 1;
		return &rows[i];
	}
	return NULL;
}

static int no_verb(int argc, char *const *argv)
{
	out_say("there is no verb '%s%s%s'", argv[0], argc > 1 ? " " : "",
		argc > 1 ? argv[1] : "");
	if (argv[0][0] == '-')
		out_hint("options come after the verb");
	for (size_t i = 0; *argv[0] && i < N_ROWS; i++)
		if (!strncmp(rows[i].name, argv[0], strlen(argv[0])))
			out_hint("overlord %s %s", rows[i].name,
				 rows[i].arguments);
	out_hint("overlord --help lists every verb");
	return VERB_E_USAGE;
}

/* Help of all, of a group, of a verb: whatever @argv names. */
static int show_help(int argc, char *const *argv)
{
	const struct row *row;
	int n_words;

	if (argc == 0) {
		help(stdout);
		return 0;
	}
	row = find(argc, argv, &n_words);
	if (row)
		help_verb(row);
	else if (argc > 1 || !help_group(argv[0]))
		return no_verb(argc, argv);
	return 0;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* What is no verb: help, the version, the beginning of one, or wrong use. */
static int other(int argc, char *const *argv)
{
	if (argc == 0) {
		help(stderr);
		return VERB_E_USAGE;
	}
	if (!strcmp(argv[0], "--version")) {
		(void)printf("overlord %s\n", version_of_build);
		return 0;
	}
	if (!strcmp(argv[0], "help") || is_help(argv[0]))
		return show_help(argc - 1, argv + 1);
	if (argc == 2 && is_help(argv[1]))
		return show_help(1, argv);
	return no_verb(argc, argv);
}

/* ---- a verb ---- */

/* As many operands as the text of the verb's arguments names. */
static int check_operands(const struct verb *verb)
{
	const struct options *options = &verb->options;
	const char *name = verb->arguments;
	size_t n = 0;

	for (; *name && !strchr("-[", *name); n++) {
		size_t n_name = strcspn(name, " ");

		if (n == options->n_operands)
			return verb_usage(verb, "argument '%.*s' is missing",
					  (int)n_name, name);
		name += n_name + (name[n_name] == ' ');
	}
	if (options->n_operands == n)
		return 0;
	return verb_usage(verb, "argument '%s' is one too many",
			  options->operands[n]);
}

/* Who acts: as said, else the person behind sudo, else the user. */
static const char *who(const struct verb *verb)
{
	const struct passwd *entry;

	if (verb->options.who)
		return verb->options.who;
	if (*verb->conf.sudo_user)
		return verb->conf.sudo_user;
	if (*verb->conf.user)
		return verb->conf.user;
	entry = getpwuid(getuid());
	return entry ? entry->pw_name : "unknown";
}

/* A name that is no longer than what a fact may carry, with words round it. */
enum { WHO_MAX_CHARS = 100 };

/* Lower case letters, digits and underscores: safe in SQL without quotes. */
static bool is_plain_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < 64 && !strchr("0123456789", name[0]) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* What a topic's name may have. */
static bool right_suffix(const char *suffix)
{
	return strspn(suffix, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	       strlen(suffix);
}

/* Who acts, and where. */
static int read_settings(struct verb *verb)
{
	const struct options *options = &verb->options;

	if (options->run && read_run(options->run))
		return VERB_E_FAILED;
	if (conf_load(&conf_table, &verb->conf))
		return VERB_E_USAGE;
	verb->who = who(verb);
	verb->schema = options->schema ? options->schema : verb->conf.schema;
	verb->suffix =
		options->suffix ? options->suffix : verb->conf.topic_suffix;
	if (!verb_right_text(text_of(verb->who), WHO_MAX_CHARS))
		return verb_usage(verb,
				  "who acts, '%.120s', is no name: 1 to %d "
				  "characters, no control characters",
				  verb->who, WHO_MAX_CHARS);
	if (!is_plain_name(verb->schema))
		return verb_usage(verb,
				  "schema '%.120s' is no plain name: a to "
				  "z, 0 to 9 and _, at most 63",
				  verb->schema);
	if (!right_suffix(verb->suffix))
		return verb_usage(verb,
				  "suffix '%.120s' has what no topic's name "
				  "may have",
				  verb->suffix);
	return 0;
}

/* A verb whose options have been read. */
static int run_read(const struct row *row, struct verb *verb)
{
	int r = read_settings(verb);

	if (!r)
		r = check_operands(verb);
	if (!r)
		r = plan_file_check_place(verb);
	if (r)
		return r;
	/* Nobody who stops reading stops a change in the middle. */
	if (verb->options.execute)
		(void)signal(SIGPIPE, SIG_IGN);
	r = row->run(verb);
	verb_deinit(verb);
	/* When the answer could not be written, that has been said. */
	if (r < 0 && !ferror(stdout))
		out_say("%s: %s", row->name, err_text(r));
	return r < 0 ? VERB_E_FAILED : r;
}

/* @argv[0] is the verb's last word. */
static int run(const struct row *row, int argc, char *const *argv)
{
	struct plan_file file = { 0 };
	struct verb verb = {
		.name = row->name,
		.arguments = row->arguments,
		.file = &file,
	};
	int r;

	if (!options_read(&verb.options, argc, argv, row->arguments)) {
		out_hint("overlord %s --help lists its options", row->name);
		return VERB_E_USAGE;
	}
	if (verb.options.help) {
		help_verb(row);
		return 0;
	}
	file.save = verb.options.plan;
	r = run_read(row, &verb);
	plan_file_deinit(&file);
	return !r && file.save && !file.saved
		       ? verb_failed(NULL, "'%s' made no plan", row->name)
		       : r;
}

int cli_apply(const struct verb *apply, const char *name, int argc,
	      char *const *argv)
{
	const struct options *options = &apply->options;
	struct verb verb = { .file = apply->file };

	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *row = &rows[i];

		if (strcmp(row->name, name) != 0 || row->run == cmd_apply ||
		    !options_named(row->arguments, "--execute"))
			continue;
		verb.name = row->name;
		verb.arguments = row->arguments;
		if (!options_read(&verb.options, argc, argv, row->arguments))
			return verb_failed("make the plan anew with this "
					   "overlord",
					   "'%s' has changed since the plan "
					   "was made",
					   name);
		verb.options.json = options->json;
		verb.options.who = options->who;
		verb.options.execute = options->execute;
		verb.options.dry_run = options->dry_run;
		return run_read(row, &verb);
	}
	return verb_failed("overlord --help lists every verb",
			   "the plan is of the verb '%s', and there is none "
			   "that writes and is called so",
			   name);
}

static int run_any(int argc, char *const *argv)
{
	const struct row *row;
	int n_words;

	/* "--run DIR VERB": the one option that may come first. */
	if (argc > 2 && !strcmp(argv[0], "--run")) {
		if (read_run(argv[1]))
			return VERB_E_FAILED;
		return run_any(argc - 2, argv + 2);
	}
	row = find(argc, argv, &n_words);
	if (!row)
		return other(argc, argv);
	return run(row, argc - n_words + 1, argv + n_words - 1);
}

int cli_run(int argc, char *const *argv)
{
	int r = run_any(argc, argv);

	if (!fflush(stdout) && !ferror(stdout))
		return r;
	return r ? VERB_E_FAILED
		 : verb_failed(NULL, "stdout could not be written to");
}
