/* SPDX-License-Identifier: MIT */
/*
 * Tally: counts toasties per stall and hour. This file only wires: which
 * topic, and which function does what.
 */
#include "infra/lib/conf.h"
#include "workers/tally/tally.h"

#define SCHEMA_VERSION 4
#define CONTROL_VERSION 6

/* clang-format off */
static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct runtime_conf
#define CONF_DEF "workers/runtime/conf.def"
#include "infra/lib/conf_def.h"
};

static const struct conf_table conf_table = {
	.program = "tally",
	.sentence = "counts toasties per stall and hour",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(*conf_rows),
};

static const enum topic_id topics[] = { TOPIC_TOASTIES };

static const struct worker_ops ops = {
	.service = "tally",
	.topics = topics,
	.n_topics = sizeof(topics) / sizeof(*topics),
	.schema_version = SCHEMA_VERSION,
	.control_version = CONTROL_VERSION,
	.decode = tally_decode,
	.store = tally_store,
};

int main(int argc, char **argv)
{
	struct runtime_conf conf;
	struct tally tally = { 0 };
	int r;

	if (conf_arguments(&conf_table, argc, argv, &r))
		return r;
	if (conf_load(&conf_table, &conf))
		return 2;
	r = worker_run(&ops, &tally, &conf);
	tally_deinit(&tally);
	return r ? 1 : 0;
}
