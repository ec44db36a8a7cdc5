/* SPDX-License-Identifier: MIT */
/*
 * Cli: from words to a verb's function; see cli.h. A verb is a row of
 * overlord.def, and its help is made of the same row. Main thread.
 */
#include "infra/overlord/cli.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/err.h"
#include "infra/lib/version.h"
#include "infra/overlord/command.h"
#include "infra/overlord/out.h"

struct verb {
	const char *words;
	int (*run)(struct command *command);
	size_t n_words; /* plain arguments */
	const char *arguments;
	const char *sentence;
};

static const struct verb verbs[] = {
#define VERB(words, function, n_words, arguments, sentence)                    \
	{ words, cmd_##function, n_words, arguments, sentence },
#include "infra/overlord/overlord.def"
#undef VERB
};

enum { N_VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static void help(FILE *out)
{
	(void)fprintf(out, "usage: overlord VERB [ARGUMENT]...\n\n"
			   "Verbs:\n");
	for (size_t i = 0; i < N_VERBS; i++)
		(void)fprintf(out, "  %-16s %s\n", verbs[i].words,
			      verbs[i].sentence);
	(void)fprintf(out,
		      "\nA verb that writes shows a plan, and changes "
		      "nothing until --execute.\n\n"
		      "Options (overlord VERB --help has a verb's own):\n");
	options_help("", out);
	(void)fputc('\n', out);
	conf_help(&overlord_conf, out);
}

static void help_verb(const struct verb *verb, FILE *out)
{
	(void)fprintf(out, "usage: overlord %s %s\n\n%s\n\nOptions:\n",
		      verb->words, verb->arguments, verb->sentence);
	options_help(verb->arguments, out);
}

/* The verb whose words begin @argv; @ret_n is how many those are. */
static const struct verb *find(int argc, char *const *argv, int *ret_n)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		const char *space = strchr(verbs[i].words, ' ');
		size_t n = space ? (size_t)(space - verbs[i].words)
				 : strlen(verbs[i].words);

		if (argc < 1 || strlen(argv[0]) != n ||
		    strncmp(argv[0], verbs[i].words, n) != 0)
			continue;
		if (space && (argc < 2 || strcmp(argv[1], space + 1) != 0))
			continue;
		*ret_n = space ? 2 : 1;
		return &verbs[i];
	}
	return NULL;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* "migrate" is the first word of some verbs, and so their group. */
static bool in_group(const struct verb *verb, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(verb->words, word, n) && verb->words[n] == ' ';
}

/* False when there is no such group. */
static bool help_group(const char *word, FILE *out)
{
	bool found = false;

	for (size_t i = 0; i < N_VERBS; i++) {
		if (!in_group(&verbs[i], word))
			continue;
		if (!found)
			(void)fprintf(out,
				      "usage: overlord %s VERB "
				      "[ARGUMENT]...\n\nVerbs:\n",
				      word);
		found = true;
		(void)fprintf(out, "  %-16s %s\n", verbs[i].words,
			      verbs[i].sentence);
	}
	return found;
}

static int no_verb(int argc, char *const *argv)
{
	out_error("there is no verb '%s%s%s'", argv[0], argc > 1 ? " " : "",
		  argc > 1 ? argv[1] : "");
	if (argv[0][0] == '-')
		out_hint("options come after the verb");
	for (size_t i = 0; *argv[0] && i < N_VERBS; i++)
		if (!strncmp(verbs[i].words, argv[0], strlen(argv[0])))
			out_hint("overlord %s %s", verbs[i].words,
				 verbs[i].arguments);
	out_hint("overlord --help lists every verb");
	return COMMAND_E_USAGE;
}

/* Help of all, of a group, of a verb: whatever @argv names. */
static int show_help(int argc, char *const *argv)
{
	const struct verb *verb;
	int n_words;

	if (argc == 0) {
		help(stdout);
		return 0;
	}
	verb = find(argc, argv, &n_words);
	if (verb)
		help_verb(verb, stdout);
	else if (argc > 1 || !help_group(argv[0], stdout))
		return no_verb(argc, argv);
	return 0;
}

/* What is no verb: help, the version, the beginning of one, or wrong use. */
static int other(int argc, char *const *argv)
{
	if (argc == 0) {
		help(stderr);
		return COMMAND_E_USAGE;
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

/* Who acts: as said, else who stands behind sudo, else the user. */
static const char *who(const struct command *command)
{
	const struct passwd *entry;

	if (command->options.who)
		return command->options.who;
	if (*command->conf.sudo_user)
		return command->conf.sudo_user;
	if (*command->conf.user)
		return command->conf.user;
	entry = getpwuid(getuid());
	return entry ? entry->pw_name : "unknown";
}

/* The @i-th word of a verb's arguments. */
static int argument_named(const char *arguments, size_t i, const char **ret)
{
	const char *p = arguments;

	for (; i > 0; i--)
		p += strcspn(p, " ") + 1;
	*ret = p;
	return (int)strcspn(p, " ");
}

static int check_words(const struct verb *verb, const struct command *command)
{
	const struct options *options = &command->options;
	const char *name;
	int n;

	if (options->n_words > verb->n_words)
		return command_usage(command, "argument '%s' is one too many",
				     options->words[verb->n_words]);
	if (options->n_words == verb->n_words)
		return 0;
	n = argument_named(verb->arguments, options->n_words, &name);
	return command_usage(command, "argument '%.*s' is missing", n, name);
}

/* A name that is no longer than what a fact may carry, with words round it. */
enum { WHO_MAX_CHARS = 100 };

/* What a topic's name may have. */
static bool right_suffix(const char *suffix)
{
	return strspn(suffix, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	       strlen(suffix);
}

/* Who acts, and where. */
static int take_settings(struct command *command)
{
	const struct options *options = &command->options;
	if (options->run && conf_from_run(options->run))
		return COMMAND_E_FAILED;
	if (conf_load(&overlord_conf, &command->conf))
		return COMMAND_E_USAGE;
	command->who = who(command);
	command->schema =
		options->schema ? options->schema : command->conf.schema;
	command->suffix =
		options->suffix ? options->suffix : command->conf.topic_suffix;
	if (!command_right_text(text_of(command->who), WHO_MAX_CHARS))
		return command_usage(command,
				     "who acts, '%.120s', is no name: 1 to %d "
				     "characters, no control characters",
				     command->who, WHO_MAX_CHARS);
	if (!command_plain_name(command->schema))
		return command_usage(command,
				     "schema '%.120s' is no plain name: a to "
				     "z, 0 to 9 and _, at most 63",
				     command->schema);
	if (!right_suffix(command->suffix))
		return command_usage(command,
				     "suffix '%.120s' has what no topic's name "
				     "may have",
				     command->suffix);
	return 0;
}

static int run(const struct verb *verb, int argc, char *const *argv)
{
	struct command command = {
		.words = verb->words,
		.arguments = verb->arguments,
	};
	int r;

	if (options_read(&command.options, argc, argv, verb->arguments)) {
		out_hint("overlord %s --help lists its options", verb->words);
		return COMMAND_E_USAGE;
	}
	if (command.options.help) {
		help_verb(verb, stdout);
		return 0;
	}
	r = take_settings(&command);
	if (!r)
		r = check_words(verb, &command);
	if (r)
		return r;
	/* Nobody who stops reading stops a change in the middle. */
	if (command.options.execute)
		(void)signal(SIGPIPE, SIG_IGN);
	return verb->run(&command);
}

static int run_any(int argc, char *const *argv)
{
	const struct verb *verb;
	int n_words, r;

	/* "--run DIR VERB": the one option that may come first. */
	if (argc > 2 && !strcmp(argv[0], "--run")) {
		if (conf_from_run(argv[1]))
			return COMMAND_E_FAILED;
		return run_any(argc - 2, argv + 2);
	}
	verb = find(argc, argv, &n_words);
	if (!verb)
		return other(argc, argv);
	r = run(verb, argc - n_words, argv + n_words);
	/* Who could not write the answer has said so. */
	if (r < 0 && !ferror(stdout))
		out_error("%s: %s", verb->words, err_text(r));
	return r < 0 ? COMMAND_E_FAILED : r;
}

int cli_run(int argc, char *const *argv)
{
	int r = run_any(argc, argv);

	if (!fflush(stdout) && !ferror(stdout))
		return r;
	if (!r)
		out_error("stdout could not be written to");
	return COMMAND_E_FAILED;
}
