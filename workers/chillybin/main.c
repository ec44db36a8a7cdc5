/* SPDX-License-Identifier: MIT */
/*
 * Chillybin: reserves stock and writes orders, exactly once. This file only
 * wires: which topics, and which function does what.
 */
#include <stdio.h>

#include "infra/lib/version.h"
#include "infra/lib/xalloc.h"
#include "workers/chillybin/facts.h"
#include "workers/chillybin/report.h"
#include "workers/chillybin/sql.h"
#include "workers/runtime/worker.h"

#define SCHEMA_VERSION 5
#define CONTROL_VERSION 1

struct conf {
	struct runtime_conf runtime;
	int64_t pick_v2_percent;
};

struct chillybin {
	struct conf conf;
	/* The database thread's. */
	struct sql sql;
	/* The poll thread's. */
	struct facts_scratch *scratch;
	struct report report; /* partly the other's: see its header */
};

/* clang-format off */
static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct runtime_conf
#include "infra/lib/conf_rows.h"
#include "workers/runtime/conf.def"
#include "infra/lib/conf_end.h"
#define CONF_STRUCT struct conf
#include "infra/lib/conf_rows.h"
#include "workers/chillybin/conf.def"
#include "infra/lib/conf_end.h"
};
/* clang-format on */

_Static_assert(offsetof(struct conf, runtime) == 0,
	       "rows of the runtime count from its beginning");

static const struct conf_table conf_table = {
	.program = "chillybin",
	.sentence = "reserves stock and writes orders, exactly once",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(*conf_rows),
};

static int decode(void *arg, struct batch *batch, struct record *record,
		  struct schema_fault *fault)
{
	const struct chillybin *chillybin = arg;

	return chillybin_decode(chillybin->conf.pick_v2_percent, batch, record,
				fault);
}

static int load(void *arg, struct pg *pg, struct batch *batch)
{
	struct chillybin *chillybin = arg;

	return sql_load(&chillybin->sql, pg, batch);
}

static void decide_batch(void *arg, struct batch *batch)
{
	struct sql *sql = &((struct chillybin *)arg)->sql;

	if (batch->mode == BATCH_FAST)
		sql_load_nothing(sql);
	decide(batch, &sql->loaded, &sql->snapshot);
}

static int copy(void *arg, struct pg *pg, const struct batch *batch)
{
	struct chillybin *chillybin = arg;

	return sql_copy(&chillybin->sql, pg, batch);
}

static void store(void *arg, struct pg *pg, const struct batch *batch,
		  bool copied)
{
	struct chillybin *chillybin = arg;

	sql_store(&chillybin->sql, pg, batch, copied);
}

static void facts(void *arg, const struct batch *batch,
		  const struct record *record, struct publisher *publisher)
{
	struct chillybin *chillybin = arg;

	(void)batch;
	if (!record->decided)
		report_decided(&chillybin->report, record);
	facts_publish(record, chillybin->scratch, publisher);
}

static int survey(void *arg, struct pg *pg)
{
	struct chillybin *chillybin = arg;

	sql_trim(&chillybin->sql);
	return report_read_stock(&chillybin->report, pg);
}

static void surveyed(void *arg)
{
	struct chillybin *chillybin = arg;

	report_show_stock(&chillybin->report);
}

static const struct worker_ops ops = {
	.service = "chillybin",
	.topics = chillybin_topics,
	.n_topics = CHILLYBIN_TOPICS,
	.schema_version = SCHEMA_VERSION,
	.control_version = CONTROL_VERSION,
	.decode = decode,
	.load = load,
	.decide = decide_batch,
	.copy_sql = sql_copy_text,
	.copy = copy,
	.store = store,
	.facts = facts,
	.survey = survey,
	.surveyed = surveyed,
};

int main(int argc, char **argv)
{
	struct chillybin chillybin = { .report = REPORT_INIT };
	int r;

	if (conf_arguments(&conf_table, version_of_build, argc, argv, &r))
		return r;
	if (conf_load(&conf_table, &chillybin.conf))
		return 2;
	chillybin.scratch = xmalloc(sizeof(*chillybin.scratch));
	report_register(&chillybin.report);
	r = worker_run(&ops, &chillybin, &chillybin.conf.runtime);
	sql_deinit(&chillybin.sql);
	report_deinit(&chillybin.report);
	free(chillybin.scratch);
	return r ? 1 : 0;
}
