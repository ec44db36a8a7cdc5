/* SPDX-License-Identifier: MIT */
/*
 * Worker: take over, read batches, decide each in one transaction, publish.
 *
 * The runtime owns poll, envelope, lanes, take-over, positions, transaction,
 * publish, dead letters, pause, drain, metrics and health; a worker brings a
 * decode, a decide (pure) and its SQL. Two threads: the poll thread reads,
 * decodes and publishes; the database thread loads, decides and stores. A
 * batch belongs to one of them at a time, so a worker needs no locks.
 *
 * For each batch, in one transaction: what store() adds, dead letters, the
 * compare-and-set of the positions (offset and epoch), commit, all in one
 * message. Facts go out after the commit. What may happen twice: decode(),
 * load(), decide() and store() of a batch, when a row was not what was read;
 * facts(), after a take-over.
 */
#ifndef RUNTIME_WORKER_H
#define RUNTIME_WORKER_H

#include "infra/lib/conf.h"
#include "infra/lib/postgres/pg.h"
#include "schemas/lanes/lanes.h"
#include "workers/runtime/batch.h"
#include "workers/runtime/publish.h"

enum { WORKER_TOPICS_MAX = 4 };

/* SQLSTATEs that our functions raise; see migrations/. */
#define POSITIONS_LOST "TG001"
#define ROWS_CHANGED "TG002"
#define ROWS_KNOWN "TG003"

/* Settings of every worker; the rows are in conf.def. */
/* clang-format off */
struct runtime_conf {
#define CONF_DEF "workers/runtime/conf.def"
#include "infra/lib/conf_def.h"
};
/* clang-format on */

/* What a worker holds while a task runs. */
struct worker_assignments {
	const struct lanes *lanes;
	/* By topic and lane: the bit of each partition where the lane is ours.
	 */
	int64_t partitions[WORKER_TOPICS_MAX][LANES_MAX];
	const struct held_positions *positions; /* the runtime's own */
};

/* Adds a lock on the positions that are held: fails with POSITIONS_LOST when
 * one of them is not any more. @call keeps the parameters until the message is
 * sent. */
void worker_add_confirm(struct pg *pg, const struct worker_assignments *held,
			struct pg_call *call);

/* Work beside the batches, on rows of positions that the worker holds. */
struct worker_task {
	/* Poll thread: before the first turn, and after the last one. */
	int (*open)(void *arg, struct loop *loop);
	void (*close)(void *arg);
	/* Poll thread: each turn of the loop, whatever else goes on. */
	void (*turn)(void *arg, int64_t now_ms);
	/* Poll thread: when turn() has something to do at the latest;
	 * INT64_MAX: when something else happens. */
	int64_t (*wake_at_ms)(void *arg);
	/* Poll thread: is there something to do in the database? */
	bool (*wanted)(void *arg, int64_t now_ms);
	/* Poll thread: run() is about to begin. */
	void (*begin)(void *arg);
	/*
	 * Database thread. Adds statements and runs them, with
	 * worker_add_confirm() of @held before each commit, so that a
	 * worker that was taken over from changes nothing. Gives what pg_run()
	 * gave.
	 */
	int (*run)(void *arg, struct pg *pg,
		   const struct worker_assignments *held);
	/* Poll thread: run() is over, with 0 or without effect. */
	void (*done)(void *arg, int r, struct publisher *publisher);
	/* Poll thread: what publish_own() sent is on its topic. */
	void (*delivered)(void *arg, uint64_t token);
	/* Poll thread: what is held has changed, or what was sent may not be
	 * delivered. Forget everything and begin again from the rows. */
	void (*changed)(void *arg);
	/* Poll thread: partitions are paused while this says so. */
	bool (*enough)(void *arg);
};

struct worker_ops {
	const char *service;
	const enum topic_id *topics; /* at most WORKER_TOPICS_MAX */
	size_t n_topics;
	int64_t schema_version;  /* the least that the SQL needs */
	int64_t control_version; /* of the schema `control`: its lanes, ... */

	/*
	 * Poll thread; no clock, no I/O. The envelope is checked. Positive:
	 * SCHEMA_E_*, a dead letter for the reason in @fault. Texts may be
	 * borrowed from the record; record->item is the worker's. A record
	 * that failed here or in the envelope's check stays in the batch with
	 * a dead_reason, and all other functions skip it.
	 */
	int (*decode)(void *arg, struct batch *batch, struct record *record,
		      struct schema_fault *fault);
	/*
	 * Database thread, before decide(): reads what the decision rests on,
	 * under locks if batch->mode is BATCH_LOCKED. Not called when the mode
	 * is BATCH_FAST. A record that is `decided` gets what its row says.
	 * Gives what pg_run() gave. NULL: nothing to read, ever.
	 */
	int (*load)(void *arg, struct pg *pg, struct batch *batch);
	/* Database thread; no clock, no I/O. May be called again. NULL: each
	 * record counts for itself, there is nothing to weigh up. */
	void (*decide)(void *arg, struct batch *batch);
	/* The rows of a large fast batch; gives what pg_copy_*() gave. The
	 * text begins the transaction. NULL: everything goes by store(). */
	const char *copy_sql;
	int (*copy)(void *arg, struct pg *pg, const struct batch *batch);
	/*
	 * Adds the batch's statements; what others wait for comes last. With
	 * @copied the rows of copy() are there already. Statements fail with
	 * ROWS_CHANGED or ROWS_KNOWN when a row is not what was read.
	 */
	void (*store)(void *arg, struct pg *pg, const struct batch *batch,
		      bool copied);
	/* Poll thread, after the commit: the facts of one record. NULL: none.
	 */
	void (*facts)(void *arg, const struct batch *batch,
		      const struct record *record, struct publisher *publisher);
	const struct worker_task *task; /* NULL: none */
	/*
	 * Database thread, every 5 s while nothing else is due, and every 10 s
	 * whatever else is: reads what /metrics shows. Gives what pg_run()
	 * gave. NULL: nothing is read.
	 */
	int (*survey)(void *arg, struct pg *pg);
	/* Poll thread: survey() went well. What it read is shown from now on,
	 * and is the poll thread's until the next survey() begins. */
	void (*surveyed)(void *arg);
};

/*
 * Runs until SIGTERM or SIGINT. 0: drained and left; negative: time ran out,
 * or a fault. Borrows everything.
 */
int worker_run(const struct worker_ops *ops, void *arg,
	       const struct runtime_conf *conf);

#endif
