/* SPDX-License-Identifier: MIT */
/*
 * Conf: settings from the environment, written once as a table.
 *
 * A program has a conf.def of rows
 *
 *	CONF_TEXT(field, "NAME", "fallback", "sentence")
 *	CONF_NUMBER(field, "NAME", fallback, min, max, "sentence")
 *
 * and in its conf.h makes the struct and the table from it:
 *
 *	struct conf {
 *	#define CONF_DEF "producers/storefront/conf.def"
 *	#include "infra/lib/conf_def.h"
 *	};
 *
 *	static const struct conf_row conf_rows[] = {
 *	#define CONF_STRUCT struct conf
 *	#define CONF_DEF "producers/storefront/conf.def"
 *	#include "infra/lib/conf_def.h"
 *	};
 *
 * An empty variable counts as unset. --help prints the table.
 */
#ifndef LIB_CONF_H
#define LIB_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_kind { CONF_KIND_TEXT, CONF_KIND_NUMBER };

struct conf_row {
	const char *name;
	enum conf_kind kind;
	size_t at; /* offset in the program's struct conf */
	const char *fallback;
	int64_t min;
	int64_t max;
	const char *sentence;
};

struct conf_table {
	const char *program;
	const char *sentence; /* what the program is, for --help */
	const struct conf_row *rows;
	size_t n_rows;
};

enum conf_outcome { CONF_E_BAD = 1 };

/*
 * Fills @ret, which is the struct that the rows describe. Texts borrow the
 * environment. CONF_E_BAD: a value does not fit its row; it has been said on
 * stderr, with name, value and what would fit.
 */
int conf_load(const struct conf_table *table, void *ret);

void conf_help(const struct conf_table *table, FILE *out);

/*
 * What every daemon does with its arguments: --help and --version print and
 * give true with @ret_status 0; any other argument is wrong use, with 2.
 */
bool conf_arguments(const struct conf_table *table, int argc, char **argv,
		    int *ret_status);

/* As git has it: for --version, logs and metrics. */
extern const char version_of_build[];

#endif
