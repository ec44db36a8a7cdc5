/* SPDX-License-Identifier: MIT */
/*
 * Transaction: one batch, decided and committed. Database thread.
 *
 * There are three ways, by how much the decision takes for granted
 * (batch->mode). The fast one reads nothing. When an id turns out to be known,
 * or the stock does not cover the batch, it is rolled back and goes the checked
 * way, which reads without locks, and its statements fail when a row is not
 * what was read; after three misses it locks first. After a fall-back the next
 * batches (2, 4, 8 ... 64) go the checked way at once.
 *
 * A batch that the database refuses for what is in it (SQLSTATE classes 22,
 * 23 and 54: a value that no column takes, a constraint, a limit) is halved,
 * and the halves are committed one after the other, until the record at fault
 * is known. That record alone becomes a dead letter, with the SQLSTATE; the
 * others are decided.
 */
#ifndef RUNTIME_TRANSACTION_H
#define RUNTIME_TRANSACTION_H

#include "workers/runtime/database/positions.h"
#include "workers/runtime/database/session.h"

/* How the last batches went; the database thread's. { 0 } at first. */
struct transaction_history {
	unsigned int n_checked_ahead; /* batches that still go that way */
	unsigned int n_next;          /* how many a next fall-back costs */
};

struct transaction {
	const struct worker_ops *ops;
	void *arg;
	const struct identity *identity;
	struct batch *batch;
	/* The positions that the part being stored moves: some of the batch's.
	 */
	struct assigned_position part[ASSIGNMENTS_MAX * LANES_MAX];
	size_t n_part;
	bool moved; /* a part is committed that has moved rows */
	int64_t halve_until_ms;
	struct transaction_history history;
};

/* 0 or a SESSION_E_ outcome; then @error says why. */
int transaction_run(struct transaction *transaction, struct session *session,
		    char error[static BACKOFF_REASON_BYTES]);

#endif
