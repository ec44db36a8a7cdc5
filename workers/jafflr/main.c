/* SPDX-License-Identifier: MIT */
/*
 * Jafflr: makes picks into toasties. This file only wires intake and scheduler
 * to the runtime.
 */
#include "infra/lib/conf.h"
#include "workers/jafflr/jafflr.h"

#define SCHEMA_VERSION 6
#define CONTROL_VERSION 6

/* clang-format off */
static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct runtime_conf
#define CONF_DEF "workers/runtime/conf.def"
#include "infra/lib/conf_def.h"
#define CONF_STRUCT struct jafflr_conf
#define CONF_DEF "workers/jafflr/conf.def"
#include "infra/lib/conf_def.h"
};
/* clang-format on */

_Static_assert(offsetof(struct jafflr_conf, runtime) == 0,
	       "rows of the runtime count from its beginning");

static const struct conf_table conf_table = {
	.program = "jafflr",
	.sentence = "consumes picks and runs grills",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(*conf_rows),
};

/* sql_survey() went well: what it read is shown from now on. */
static void surveyed(void *arg)
{
	struct jafflr *jafflr = jafflr_of(arg);
	struct survey shown = jafflr->shown;

	jafflr->shown = jafflr->read;
	jafflr->read = shown;
}

static const enum topic_id topics[] = { TOPIC_PICKS };

static const struct worker_ops ops = {
	.service = "jafflr",
	.topics = topics,
	.n_topics = sizeof(topics) / sizeof(*topics),
	.schema_version = SCHEMA_VERSION,
	.control_version = CONTROL_VERSION,
	.decode = intake_decode,
	.load = sql_load,
	.decide = intake_decide,
	.store = sql_store,
	.facts = scheduler_facts,
	.task = &scheduler_task,
	.survey = sql_survey,
	.surveyed = surveyed,
};

int main(int argc, char **argv)
{
	struct jafflr jafflr = { .magic = JAFFLR_MAGIC };
	int r;

	if (conf_arguments(&conf_table, argc, argv, &r))
		return r;
	if (conf_load(&conf_table, &jafflr.conf))
		return 2;
	r = worker_run(&ops, &jafflr, &jafflr.conf.runtime);
	jafflr_deinit(&jafflr);
	return r ? 1 : 0;
}
