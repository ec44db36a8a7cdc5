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

/* A line for each option that @arguments names. */
void options_help(const char *arguments, FILE *out);

#endif
