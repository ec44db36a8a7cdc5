/* SPDX-License-Identifier: MIT */
/*
 * Slot: one partition of one topic as this worker holds it.
 *
 * The group gives it (WANTED), a take-over fills in the rows of its lanes
 * (TAKEN, then READING; WARM when none of them is our colour's), and any doubt
 * sends it back to WANTED. One that cannot be read is held by itself: its
 * `hold` says why, and when it is tried again; the others go on. All of it is
 * the poll thread's; the database thread gets copies.
 */
#ifndef RUNTIME_SLOT_H
#define RUNTIME_SLOT_H

#include "schemas/topics.h"
#include "workers/runtime/emitted.h"
#include "workers/runtime/hold.h"
#include "workers/runtime/lanes.h"

enum { WORKER_TOPICS_MAX = 4 };
enum { SLOTS_MAX = WORKER_TOPICS_MAX * TOPIC_PARTITIONS };

enum slot_state {
	SLOT_FREE,   /* the group has not given it to us */
	SLOT_WANTED, /* to be taken over */
	SLOT_TAKEN,  /* taken over; reading is about to begin */
	SLOT_READING,
	SLOT_WARM, /* ours to read, but no lane of it is our colour's */
};

/* A row of `positions` that we hold. */
struct slot_row {
	int lane;
	int64_t next_offset;
	int64_t emitted; /* when it was taken over: facts below it are out */
	int64_t epoch;
};

struct slot {
	int topic; /* index into the worker's topics */
	int32_t partition;
	enum slot_state state;
	bool prove; /* that we are still a member, before taking it again */
	bool known; /* it was taken over since the group gave it */
	/* The client says that the position is not in the log, and reads this
	 * partition no more before kafka_in_restart(). */
	bool gone;
	struct hold hold; /* it cannot be read, or is being tried again */
	struct slot_row rows[LANES_MAX];
	size_t n_rows;
	int64_t next_read;     /* the offset that must come next */
	bool begun;            /* reading has begun since it was taken over */
	int64_t failing_at_ms; /* since then it cannot begin again; 0: it can */
	bool flowing;          /* records came in turn since reading began */
	int64_t gap_to;        /* what came first in place of next_read */
	int64_t decided;       /* up to where batches have ended */
	int64_t written;       /* emitted_offset as it stands in the database */
	int64_t written_at_ms; /* when that moved, or had nowhere to go */
	int64_t emitted_last;  /* as it was looked at last */
	int64_t emitted_at_ms; /* when that moved, or had nowhere to go */
	int64_t level_at_ms;   /* wall clock: nothing was left to decide */
	int64_t mirrored;      /* the group's offset, as it was told last */
	int64_t read_stamp_ms; /* timestamp of the record read last; 0: none */
	struct emitted emitted;
};

/* NULL when that lane is not ours here. */
static inline struct slot_row *slot_row(struct slot *slot, int lane)
{
	for (size_t i = 0; i < slot->n_rows; i++)
		if (slot->rows[i].lane == lane)
			return &slot->rows[i];
	return NULL;
}

static inline int64_t slot_emitted(const struct slot *slot)
{
	return emitted_offset(&slot->emitted, slot->decided);
}

/* Do we hold rows of it? */
static inline bool slot_held(const struct slot *slot)
{
	return slot->state == SLOT_TAKEN || slot->state == SLOT_READING;
}

#endif
