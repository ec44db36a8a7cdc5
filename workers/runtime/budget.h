/* SPDX-License-Identifier: MIT */
/*
 * Budget: how many records and facts a worker has in memory at once.
 *
 * MEMORY_MAX_MIB is what a worker should stay below while it drains a backlog
 * of usual records; all that grows with records is sized from it, here and
 * nowhere else. Large records are bounded by their bytes, whatever the budget
 * is. Measured with chillybin: an idle worker has 11 MiB, a record
 * that is fetched ahead costs about 1 KiB, a record in a batch 1.3 KiB (there
 * are three batches), a fact in flight 1.5 KiB, an answer to a fetch as much
 * again as its bytes.
 *
 * More than 24 MiB makes batches larger: a transaction of 5000 orders costs
 * Postgres a third less for each than one of 1000. From 40 MiB on, where the
 * largest batches fit, answers to a fetch are larger, too: fewer of them cost
 * the broker and the worker less. More records ahead or facts in flight cost
 * the worker more than they gain: they leave the processor's cache before they
 * are needed again.
 */
#ifndef RUNTIME_BUDGET_H
#define RUNTIME_BUDGET_H

#include <stddef.h>
#include <stdint.h>

/*
 * Of large records all three batches are small, and little is fetched ahead:
 * the client's own limit counts values only, and a record may be all headers.
 * What is fetched too far ahead is dropped by a pause, and fetched again; so
 * small records, which are many, may be far ahead.
 */
#define LARGE_RECORD_BYTES ((size_t)4 << 10)
#define BATCH_MAX_BYTES ((size_t)16 << 20)
#define LARGE_BATCH_MAX_BYTES ((size_t)4 << 20)
#define AHEAD_MAX_BYTES ((size_t)256 << 20)
#define LARGE_AHEAD_MAX_BYTES ((size_t)16 << 20)
/* What waits for the broker in all, with headers. */
#define FACTS_MAX_BYTES ((size_t)32 << 20)

struct budget {
	int64_t fetched_max; /* records that wait to be read */
	int64_t fetched_kbytes;
	int64_t fetch_bytes; /* of one partition in one answer */
	size_t batch_max;    /* records of a transaction */
	size_t facts_max;    /* that may wait for the broker */
};

/* @batch_max in place of what fits; 0: what fits. */
struct budget budget_of(int64_t memory_mib, int64_t batch_max);

#endif
