/* SPDX-License-Identifier: MIT */
/*
 * Jobs: what the database thread does for the engine, one at a time. What a
 * job works on is its own until it is done.
 */
#ifndef RUNTIME_JOBS_H
#define RUNTIME_JOBS_H

#include "workers/runtime/transaction.h"
#include "workers/runtime/work.h"

enum job {
	JOB_NONE,
	JOB_CONNECT,
	JOB_ACQUIRE, /* take positions over */
	JOB_BATCH,
	JOB_TASK,
	JOB_EMIT,    /* write emitted_offset alone */
	JOB_REFRESH, /* are positions still ours? */
	JOB_SURVEY,
	JOB_HEARTBEAT,
	JOB_RELEASE,
	N_JOBS,
};

/*
 * The row of control.heartbeats by which others see that a worker lives,
 * whether it is ready, and what it cannot read.
 */
struct heartbeat {
	const char *version;
	const char *schema;
	int64_t started_at_ms;                 /* wall clock */
	char reason[2 * BACKOFF_REASON_BYTES]; /* not ready; "": ready */
	struct buf troubles;                   /* assignments_troubles() */
};

/* What a job works on; only the part of the job in hand is in use. */
struct job_args {
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
 * By enum job; the argument is a struct job_args. Each gives 0 or a
 * TRANSACTION_E_ outcome, and says why in args->error.
 */
extern const work_fn job_fns[N_JOBS];

#endif
