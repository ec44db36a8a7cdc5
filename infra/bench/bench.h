/* SPDX-License-Identifier: MIT */
/*
 * Bench: what bench.sh measures with. A verb is a function; each prints one
 * object of JSON on stdout, and says on stderr what went wrong.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "infra/lib/conf.h"
#include "infra/lib/pg.h"

struct conf {
/* clang-format off */
#include "infra/lib/conf_fields.h"
#include "infra/bench/conf.def"
#include "infra/lib/conf_end.h"
	/* clang-format on */
};

enum bench_outcome {
	BENCH_E_FAILED = 1, /* said */
	BENCH_E_VOID,       /* what was measured is not right; said */
};

/* Writes the rows of a file as quickly as one connection can. */
int bench_floor(const struct conf *conf);
/* Waits until chillybin has decided and told all of N orders. */
int bench_watch(const struct conf *conf);
/* Is what a drain left behind right? And what a floor did? */
int bench_check(const struct conf *conf);
int bench_check_floor(const struct conf *conf);

int bench_connect(struct pg **ret, const struct conf *conf);
int bench_pg_failed(struct pg *pg, int r);

#endif
