/* SPDX-License-Identifier: MIT */
/*
 * Jafflr: a worker's state, made in main.c. Functions of worker_ops and
 * worker_task get it as their argument.
 */
#ifndef JAFFLR_JAFFLR_H
#define JAFFLR_JAFFLR_H

#include <assert.h>

#include "schemas/messages/pick.h"
#include "workers/jafflr/scheduler.h"
#include "workers/jafflr/sql.h"

#define JAFFLR_MAGIC 0x6a61666cu

struct jafflr_conf {
	struct runtime_conf runtime;
#define CONF_DEF "workers/jafflr/conf.def"
#include "infra/lib/conf_def.h"
};

struct jafflr {
	uint32_t magic;
	struct jafflr_conf conf;
	/* The database thread's. */
	struct intake_rows rows;
	struct sql sql;
	struct survey read; /* is being read */
	/* The poll thread's. */
	struct survey shown;
	struct pick_storage pick_storage;
	struct scheduler scheduler; /* but for the transaction that runs */
};

static inline struct jafflr *jafflr_of(void *arg)
{
	struct jafflr *jafflr = arg;

	assert(jafflr && jafflr->magic == JAFFLR_MAGIC);
	return jafflr;
}

/* The scheduler frees its own when the worker ends. */
static inline void jafflr_deinit(struct jafflr *jafflr)
{
	table_deinit(&jafflr->rows.table);
	sql_deinit(&jafflr->sql);
	survey_deinit(&jafflr->read);
	survey_deinit(&jafflr->shown);
}

#endif
