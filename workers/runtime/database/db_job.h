/* SPDX-License-Identifier: MIT */
/*
 * Database jobs: what the database thread does for the engine, one at a time.
 * What a job works on is its own until it is done.
 */
#ifndef RUNTIME_DB_JOB_H
#define RUNTIME_DB_JOB_H

#include "workers/runtime/database/transaction.h"
#include "workers/runtime/database/work.h"

enum db_job {
	DB_JOB_NONE,
	DB_JOB_CONNECT,
	DB_JOB_ACQUIRE, /* take positions over */
	DB_JOB_BATCH,
	DB_JOB_TASK,
	DB_JOB_EMIT,    /* write emitted_offset alone */
	DB_JOB_REFRESH, /* are positions still ours? */
	DB_JOB_SURVEY,
	DB_JOB_HEARTBEAT,
	DB_JOB_RELEASE,
	N_DB_JOBS,
};

/*
 * The row of control.heartbeats by which others see that a worker lives,
 * whether it is ready, and what it cannot read.
 */
struct heartbeat {
	const char *version;
	const char *schema;
	const char *instance;  /* "": it has no name of its own */
	int64_t started_at_ms; /* wall clock */
	char reason[2 * BACKOFF_REASON_BYTES]; /* not ready; "": ready */
	struct buf troubles;                   /* assignments_troubles() */
	struct buf counters;                   /* counters_json() */
	int64_t n_partitions, lag;             /* assignments_load() */
};

/* What a job works on; only the part of the job in hand is in use. */
struct db_job_args {
	struct session_params session;
	const struct identity *identity;
	const struct worker_ops *ops;
	void *arg;
	char error[BACKOFF_REASON_BYTES];
	/* ACQUIRE, REFRESH */
	struct position_key keys[ASSIGNMENTS_MAX];
	size_t n_keys;
	struct positions positions;
	/* TASK, EMIT, RELEASE */
	const struct lanes *lanes;
	struct assigned_position held[ASSIGNMENTS_MAX * LANES_MAX];
	size_t n_held;
	bool leaving;
	struct heartbeat heartbeat;
	struct transaction transaction;
};

/*
 * By enum db_job; the argument is a struct db_job_args. Each gives 0 or a
 * SESSION_E_ outcome, and says why in args->error.
 */
extern const work_fn db_job_fns[N_DB_JOBS];

#endif
