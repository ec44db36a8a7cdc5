/* SPDX-License-Identifier: MIT */
/*
 * Bench: the parts of a measurement that a script is too slow or too blunt
 * for; bench.sh puts them together. Exit status: 0 done, 1 failed or void, 2
 * used wrongly.
 */
#include <stdio.h>
#include <string.h>

#include "infra/bench/bench.h"
#include "infra/bench/rows.h"
#include "infra/lib/err.h"

static const struct conf_row conf_rows[] = {
/* clang-format off */
#define CONF_STRUCT struct conf
#include "infra/lib/conf_rows.h"
#include "infra/bench/conf.def"
#include "infra/lib/conf_end.h"
	/* clang-format on */
};

static const struct conf_table conf_table = {
	.program = "bench",
	.sentence = "parts of a measurement: floor, watch, check, "
		    "check-floor, columns",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(conf_rows[0]),
};

static int print_columns(const struct conf *conf)
{
	(void)conf;
	(void)puts(ROWS_COLUMNS);
	return 0;
}

static const struct verb {
	const char *word;
	int (*run)(const struct conf *conf);
} verbs[] = {
	{ "floor", bench_floor },     { "watch", bench_watch },
	{ "check", bench_check },     { "check-floor", bench_check_floor },
	{ "columns", print_columns },
};

int bench_connect(struct pg **ret, const struct conf *conf)
{
	char error[256] = "";
	int r = pg_connect(ret,
			   &(struct pg_params){
				   .url = conf->database_url,
				   .schema = conf->schema,
				   .application_name = "bench",
				   .timeout_ms = 10000,
			   },
			   error);

	if (r <= 0)
		return r;
	(void)fprintf(stderr, "bench: no session with Postgres: %s\n", error);
	return BENCH_E_FAILED;
}

int bench_pg_failed(struct pg *pg, int r)
{
	if (r <= 0)
		return r;
	(void)fprintf(stderr, "bench: %s (%s)\n", pg_message(pg),
		      pg_sqlstate(pg));
	return BENCH_E_FAILED;
}

int main(int argc, char **argv)
{
	struct conf conf;
	int r;

	if (argc != 2 || !strcmp(argv[1], "--help")) {
		conf_help(&conf_table, argc == 2 ? stdout : stderr);
		return argc == 2 ? 0 : 2;
	}
	if (conf_load(&conf_table, &conf))
		return 2;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].word, argv[1]) != 0)
			continue;
		r = verbs[i].run(&conf);
		if (r < 0)
			(void)fprintf(stderr, "bench: %s: %s\n", argv[1],
				      err_text(r));
		return r ? 1 : 0;
	}
	(void)fprintf(stderr, "bench: there is no verb '%s'\n", argv[1]);
	return 2;
}
