/* SPDX-License-Identifier: MIT */
/*
 * Batches: the one that is being filled, the one at the database, and the one
 * whose facts are being published.
 *
 * Records go into the open batch while the database thread works on the one
 * before it. When that is committed its facts are published; a record of a few
 * bytes may have megabytes of them, so they go out as far as they may wait for
 * the broker, and the rest in later turns. Until then the batch behind waits,
 * committed. Poll thread only.
 */
#ifndef RUNTIME_BATCHES_H
#define RUNTIME_BATCHES_H

#include "workers/runtime/assignments/assignments.h"
#include "workers/runtime/budget.h"
#include "workers/runtime/worker.h"

struct batches;

/* Borrows all of it. */
struct batches_params {
	const struct worker_ops *ops;
	void *arg;
	const struct budget *budget;
	int64_t batch_ms; /* that a transaction should not exceed */
	const struct identity *identity;
	struct kafka_in *in;
	struct assignments *assignments;
	struct publisher *publisher;
};

struct batches *batches_new(const struct batches_params *params);
struct batches *batches_free(struct batches *batches);

/* ---- the open batch ---- */

/* Fills it with what has arrived, and decodes that. Also serves the group's
 * callbacks, which may drop what is in hand. */
void batches_read(struct batches *batches);
/* When there is something to read that waits for its turn; INT64_MAX: there is
 * not. */
int64_t batches_wake_at_ms(const struct batches *batches);
/* Is as much kept, or fetched ahead, as may be of large records? */
bool batches_too_far(const struct batches *batches);

/* ---- the batch at the database ---- */

/* The next one to be decided, closed; NULL: there is none, or facts must go
 * out first. It is the database thread's until one of the two below. */
struct batch *batches_next(struct batches *batches);
void batches_committed(struct batches *batches);
/* Nothing of it is committed: it is tried again, without what is not ours. */
void batches_failed(struct batches *batches);
/* Is there nothing in hand at all? */
bool batches_idle(const struct batches *batches);
bool batches_retrying(const struct batches *batches);

/* ---- facts ---- */

/* Publishes what is committed, as far as facts may wait for the broker. */
void batches_publish(struct batches *batches);
/* Is anything committed and not handed to the broker? */
bool batches_unpublished(const struct batches *batches);
/* Are the facts that wait for the broker above 1/@part of their limit, in
 * number or in bytes? */
bool batches_facts_above(const struct batches *batches, size_t part);

/* ---- dropping; after the next take-over all of it is read again ---- */

/* What rests on assignments that are not ours any more. */
void batches_drop_lost(struct batches *batches);
/* Facts of what is committed. */
void batches_drop_unpublished(struct batches *batches);
/* Everything but a batch that is at the database. */
void batches_drop_all(struct batches *batches);

#endif
