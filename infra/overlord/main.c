/* SPDX-License-Identifier: MIT */
/*
 * Overlord: the operator's command line. A verb is a row of overlord.def and
 * a function in cmd_*.c; this file finds it, reads what it was given and turns
 * its outcome into the exit status: 0 done, 1 failed, 2 used wrongly.
 */
#include <pwd.h>
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

static int no_verb(int argc, char *const *argv)
{
	if (argc > 0 && !strcmp(argv[0], "--version")) {
		(void)printf("overlord %s\n", version_of_build);
		return 0;
	}
	if (argc > 0 &&
	    (!strcmp(argv[0], "--help") || !strcmp(argv[0], "help"))) {
		help(stdout);
		return 0;
	}
	if (argc == 0) {
		help(stderr);
		return COMMAND_E_USAGE;
	}
	out_error("there is no verb '%s%s%s'", argv[0], argc > 1 ? " " : "",
		  argc > 1 ? argv[1] : "");
	for (size_t i = 0; i < N_VERBS; i++)
		if (!strncmp(verbs[i].words, argv[0], strlen(argv[0])))
			out_hint("overlord %s %s", verbs[i].words,
				 verbs[i].arguments);
	out_hint("overlord --help lists every verb");
	return COMMAND_E_USAGE;
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

static int run(const struct verb *verb, int argc, char *const *argv)
{
	struct command command = {
		.words = verb->words,
		.arguments = verb->arguments,
	};

	if (options_read(&command.options, argc, argv, verb->arguments)) {
		out_hint("overlord %s --help lists its options", verb->words);
		return COMMAND_E_USAGE;
	}
	if (command.options.help) {
		help_verb(verb, stdout);
		return 0;
	}
	if (conf_load(&overlord_conf, &command.conf))
		return COMMAND_E_USAGE;
	command.who = who(&command);
	command.schema = command.options.schema ? command.options.schema
						: command.conf.schema;
	command.suffix = command.options.suffix ? command.options.suffix
						: command.conf.topic_suffix;
	if (!command_plain_name(command.schema))
		return command_usage(&command,
				     "schema '%s' is no plain name: a to z, "
				     "0 to 9 and _, at most 63",
				     command.schema);
	if (command.options.n_words != verb->n_words)
		return command_usage(&command, "%zu arguments where %zu belong",
				     command.options.n_words, verb->n_words);
	return verb->run(&command);
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	int n_words, r;

	verb = find(argc - 1, argv + 1, &n_words);
	if (!verb)
		return no_verb(argc - 1, argv + 1);
	r = run(verb, argc - 1 - n_words, argv + 1 + n_words);
	if (r < 0) {
		out_error("%s: %s", verb->words, err_text(r));
		return COMMAND_E_FAILED;
	}
	return r;
}
