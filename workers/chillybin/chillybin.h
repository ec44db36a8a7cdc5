/* SPDX-License-Identifier: MIT */
/*
 * Chillybin: a worker's state, made in main.c. Functions of worker_ops get it
 * as their argument.
 */
#ifndef CHILLYBIN_CHILLYBIN_H
#define CHILLYBIN_CHILLYBIN_H

#include "workers/chillybin/facts.h"
#include "workers/chillybin/report.h"
#include "workers/chillybin/sql.h"
#include "workers/runtime/worker.h"

struct chillybin_conf {
	struct runtime_conf runtime;
#define CONF_DEF "workers/chillybin/conf.def"
#include "infra/lib/conf_def.h"
};

struct chillybin {
	struct chillybin_conf conf;
	/* The database thread's. */
	struct sql sql;
	/* The poll thread's. */
	struct facts_scratch scratch;
	struct report report; /* partly the other's: see its header */
};

#endif
