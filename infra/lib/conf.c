/* SPDX-License-Identifier: MIT */
/* Conf: settings from the environment by a table. Main thread, at start. */
#include "infra/lib/conf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/text/str.h"

const char version_of_build[] = GALORE_VERSION;

static const char *value_of(const struct conf_row *row)
{
	const char *value = getenv(row->name);

	return value && *value ? value : row->fallback;
}

static int load_row(const struct conf_table *table, const struct conf_row *row,
		    char *ret)
{
	const char *value = value_of(row);
	int64_t number;

	switch (row->kind) {
	case CONF_KIND_TEXT:
		memcpy(ret + row->at, &value, sizeof(value));
		return 0;
	case CONF_KIND_NUMBER:
		if (str_to_i64(&number, value, row->min, row->max)) {
			(void)fprintf(stderr,
				      "%s: setting '%s' is '%s', which is no "
				      "whole number from %" PRId64
				      " to %" PRId64 "\n"
				      "HINT: %s --help lists every setting\n",
				      table->program, row->name, value,
				      row->min, row->max, table->program);
			return CONF_E_BAD;
		}
		memcpy(ret + row->at, &number, sizeof(number));
		return 0;
	}
	abort();
}

int conf_load(const struct conf_table *table, void *ret)
{
	int r = 0;

	for (size_t i = 0; !r && i < table->n_rows; i++)
		r = load_row(table, &table->rows[i], ret);
	return r;
}

void conf_help(const struct conf_table *table, FILE *out)
{
	(void)fprintf(out, "%s: %s\n\nSettings, from the environment:\n",
		      table->program, table->sentence);
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct conf_row *row = &table->rows[i];

		(void)fprintf(out, "  %-24s %s (default '%s')\n", row->name,
			      row->sentence, row->fallback);
	}
}

bool conf_arguments(const struct conf_table *table, int argc, char **argv,
		    int *ret_status)
{
	if (argc == 1)
		return false;
	if (!strcmp(argv[1], "--help")) {
		conf_help(table, stdout);
		*ret_status = 0;
	} else if (!strcmp(argv[1], "--version")) {
		(void)printf("%s %s\n", table->program, version_of_build);
		*ret_status = 0;
	} else {
		(void)fprintf(stderr,
			      "%s: unknown argument '%s'\n"
			      "HINT: settings come from the environment; "
			      "%s --help lists them\n",
			      table->program, argv[1], table->program);
		*ret_status = 2;
	}
	return true;
}
