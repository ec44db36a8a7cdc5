/* SPDX-License-Identifier: MIT */
/*
 * Batch extent: what a batch covers of the log, and which positions it moves.
 * The runtime's own part of a batch.
 */
#ifndef RUNTIME_BATCH_EXTENT_H
#define RUNTIME_BATCH_EXTENT_H

#include "workers/runtime/assignments/assignment.h"
#include "workers/runtime/batch.h"

/* A batch over the offsets [from, to) of an assignment. */
struct batch_range {
	struct assignment *assignment;
	int64_t from, to;
};

struct batch_extent {
	struct batch_range ranges[READERS_MAX];
	size_t n_ranges;
	struct assigned_position moves[ASSIGNMENTS_MAX * LANES_MAX];
	size_t n_moves;
};

/* All that its records make us keep. */
size_t batch_bytes(const struct batch *batch);
/* Offsets [@from, @to) that hold nothing for us: another lane's records, or
 * none at all. Only the range is extended. */
void batch_skip(struct batch *batch, struct assignment *assignment,
		int64_t from, int64_t to);
/* Drops the records and the ranges of assignments that are not ours any more.
 */
void batch_drop_lost(struct batch *batch);
/* The record's facts count from now on, in the order of these calls:
 * emitted_offset waits for them. They are published later. */
void batch_expect(struct record *record);
/* Which positions it moves, by what its assignments hold now. */
void batch_close(struct batch *batch, const struct lanes *lanes,
		 int64_t decided_at_ms);

static inline bool batch_empty(const struct batch *batch)
{
	return batch->extent->n_ranges == 0;
}

#endif
