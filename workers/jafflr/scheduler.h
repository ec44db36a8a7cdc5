/* SPDX-License-Identifier: MIT */
/*
 * Scheduler: jafflr's worker_task. Queued toasties go to free plates; each
 * step is published, started, watched and published again. Intake only fills
 * the queue, and plate_jobs.h has what is on the plates.
 *
 * What the jobs and the acknowledged facts need of the database goes into the
 * next transaction; what comes out of one becomes jobs and facts. All of it is
 * the poll thread's but the transaction that the database thread works on.
 * What is in memory here can be forgotten at any time: open intents are then
 * found in the tables, and each plate is fenced and read back before anything
 * else is done with it.
 *
 * The clock is the one of the last turn: nothing here asks for the time.
 */
#ifndef JAFFLR_SCHEDULER_H
#define JAFFLR_SCHEDULER_H

#include "workers/jafflr/plate_jobs.h"
#include "workers/jafflr/toastie_metrics.h"
#include "workers/runtime/worker.h"

/* Stalls above that are not counted until the next look. */
enum { QUEUES_MAX = 1000 };

/*
 * How many toasties wait at each stall, about: as the last look at the tables
 * said, and what has come and gone since. Of stalls that no grill serves only
 * the latter is known.
 */
struct queues {
	struct tx_stall list[QUEUES_MAX];
	size_t n;
	struct arena arena;
};

/* A fact on its way to its topic. */
struct in_flight_fact {
	struct tx_published fact;
	uint64_t job; /* the job that waits for it; 0: none */
	bool used;
};

/*
 * Facts by their tokens, which rise by one: a ring of those from the oldest
 * that is not acknowledged to the newest. Tokens below it are forgotten.
 */
struct in_flight {
	struct in_flight_fact *ring;
	size_t size; /* a power of two */
	uint64_t first, next;
};

struct scheduler {
	struct grills grills;
	struct plate_jobs jobs;
	struct in_flight in_flight;
	struct scheduler_tx *next, *running;
	bool in_database;  /* the running one is */
	bool stale;        /* what comes of it is of no use any more */
	bool maybe_queued; /* rows may wait for a plate of ours */
	struct queues queues;
	struct ends ends;
	int64_t now_ms; /* of the last turn */
	int64_t claim_at_ms, mark_at_ms, look_at_ms, list_at_ms;
};

/* The functions of worker_task; each argument is the struct jafflr. */
extern const struct worker_task scheduler_task;

/* worker_ops' facts(): a row that the batch changed is published, and if it is
 * queued it is to be claimed. */
void scheduler_facts(void *arg, const struct batch *batch,
		     const struct record *record, struct publisher *publisher);

/* @n more, or fewer, wait at a stall. */
void queues_add(struct queues *queues, struct text stall, int64_t n);

#endif
