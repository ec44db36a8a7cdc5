/* SPDX-License-Identifier: MIT */
/*
 * Options: the arguments of a verb, from options.def. Pure but for stderr.
 */
#ifndef OVERLORD_OPTIONS_H
#define OVERLORD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { OPTION_WORDS_MAX = 4 };

struct options {
#define OPTION_FLAG(field, name, sentence) bool field;
#define OPTION_TEXT(field, name, sentence) const char *field;
#define OPTION_NUMBER(field, name, min, max, sentence) int64_t field;
#include "infra/overlord/options.def"
#undef OPTION_FLAG
#undef OPTION_TEXT
#undef OPTION_NUMBER
	const char *words[OPTION_WORDS_MAX + 1]; /* plain ones, then NULL */
	size_t n_words;
};

enum options_outcome { OPTIONS_E_WRONG = 1 };

/*
 * Reads what stands behind the verb, which is @argv[0], by the options that
 * @arguments (a row of overlord.def) names. Each is written out in full;
 * "--name value" and "--name=value" are the same; "--" ends the options.
 * Borrows @argv. OPTIONS_E_WRONG: it has been said on stderr.
 */
int options_read(struct options *ret, int argc, char *const *argv,
		 const char *arguments);

/* A line for each option that @arguments names; NULL: for each. */
void options_help(const char *arguments, FILE *out);

#endif
