/* SPDX-License-Identifier: MIT */
/*
 * Chillybin: reserves stock and writes orders, exactly once. This file only
 * wires: which topics, and which function does what.
 */
#include "infra/lib/conf.h"
#include "workers/chillybin/chillybin.h"
#include "workers/chillybin/decide.h"

#define SCHEMA_VERSION 7
#define CONTROL_VERSION 6

/* clang-format off */
static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct runtime_conf
#define CONF_DEF "workers/runtime/conf.def"
#include "infra/lib/conf_def.h"
#define CONF_STRUCT struct chillybin_conf
#define CONF_DEF "workers/chillybin/conf.def"
#include "infra/lib/conf_def.h"
};
/* clang-format on */

_Static_assert(offsetof(struct chillybin_conf, runtime) == 0,
	       "rows of the runtime count from its beginning");

static const struct conf_table conf_table = {
	.program = "chillybin",
	.sentence = "reserves stock and writes orders, exactly once",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(*conf_rows),
};

static void facts(void *arg, const struct batch *batch,
		  const struct record *record, struct publisher *publisher)
{
	struct chillybin *chillybin = arg;

	(void)batch;
	if (!record->decided)
		report_decided(&chillybin->report, record);
	facts_publish(record, &chillybin->scratch, publisher);
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
	.decode = chillybin_decode,
	.load = sql_load,
	.decide = decide,
	.copy_sql = sql_copy_text,
	.copy = sql_copy,
	.store = sql_store,
	.facts = facts,
	.survey = survey,
	.surveyed = surveyed,
};

int main(int argc, char **argv)
{
	struct chillybin chillybin = { .report = REPORT_INIT };
	int r;

	if (conf_arguments(&conf_table, argc, argv, &r))
		return r;
	if (conf_load(&conf_table, &chillybin.conf))
		return 2;
	report_register(&chillybin.report);
	r = worker_run(&ops, &chillybin, &chillybin.conf.runtime);
	sql_deinit(&chillybin.sql);
	report_deinit(&chillybin.report);
	return r ? 1 : 0;
}
