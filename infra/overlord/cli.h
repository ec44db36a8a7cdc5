/* SPDX-License-Identifier: MIT */
/*
 * Cli: overlord's command line: settings, options and verbs, from conf.def,
 * options.def and overlord.def.
 */
#ifndef OVERLORD_CLI_H
#define OVERLORD_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "infra/lib/conf.h"

/* @argv is without the program's own name. What main() returns: 0 done,
 * 1 failed, 2 used wrongly; it has been said. */
int cli_run(int argc, char *const *argv);

struct verb;

/* Runs the verb @name with the words that options_read() takes, and acts as
 * @apply does: its --execute, --json, --who and plan. */
int cli_apply(const struct verb *apply, const char *name, int argc,
	      char *const *argv);

struct conf {
#define CONF_DEF "infra/overlord/conf.def"
#include "infra/lib/conf_def.h"
};

enum { OPERANDS_MAX = 4 };

struct options {
#define OPTION_FLAG(field, ...) bool field;
#define OPTION_TEXT(field, ...) const char *field;
#define OPTION_NUMBER(field, ...) int64_t field;
#include "infra/overlord/options.def"
#undef OPTION_FLAG
#undef OPTION_TEXT
#undef OPTION_NUMBER
	const char *operands[OPERANDS_MAX + 1]; /* then NULL */
	size_t n_operands;
};

/*
 * Reads what stands behind the verb, which is @argv[0], by the options that
 * @arguments (a row of overlord.def) names. Each is written out in full;
 * "--name value" and "--name=value" are the same; "--" ends the options.
 * Borrows @argv. False: it is wrong, and that has been said on stderr.
 */
bool options_read(struct options *ret, int argc, char *const *argv,
		  const char *arguments);

/* Does a verb with these arguments have the option "--name"? Of those that
 * every verb has it says nothing. */
bool options_named(const char *arguments, const char *name);

/* The options that were given and say what the verb does: "--name" and the
 * value, which is borrowed, or NULL of a flag. */
typedef void (*option_fn)(void *arg, const char *name, const char *value);
void options_given(const struct options *options, option_fn fn, void *arg);

/* An option as people read it: "--dir", and of what kind its value is, as the
 * verb's arguments name it: "DIR", "" of a flag. */
struct option_text {
	const char *name, *sentence;
	char kind[32];
};

/* The options that @arguments names, one after the other; @at begins at 0.
 * False behind the last. */
bool options_next(struct option_text *ret, size_t *at, const char *arguments);

/* A line for each option that @arguments names. */
void options_help(const char *arguments, FILE *out);

#endif
