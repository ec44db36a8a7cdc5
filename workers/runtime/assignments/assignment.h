/* SPDX-License-Identifier: MIT */
/*
 * Assignment: one partition of one topic that the group has given us.
 *
 * The group gives it (ACQUIRING), a take-over fills in the positions of its
 * lanes (ACQUIRED, then READING; WARM when none of its lanes is our colour's),
 * and any doubt sends it back to ACQUIRING. A partition that cannot be read
 * backs off by itself: its `backoff` says why, and when it is tried again; the
 * others go on. All of it is the poll thread's; the database thread gets
 * copies.
 *
 * Lanes that are far behind the others of their partition have a reader of
 * their own: a second assignment of the same partition, which a consumer
 * without a group reads (catch_up.c). Each lane that we hold belongs to
 * exactly one of the two, and so do a record, the range of a batch, and what
 * is acknowledged. The second one is FREE, ACQUIRED or READING; a doubt about
 * the first one frees it, and the take-over gives each lane a reader anew.
 */
#ifndef RUNTIME_ASSIGNMENT_H
#define RUNTIME_ASSIGNMENT_H

#include "workers/runtime/assignments/emitted.h"
#include "workers/runtime/backoff.h"
#include "workers/runtime/database/positions.h"

enum assignment_state {
	ASSIGNMENT_FREE,      /* the group has not given it to us */
	ASSIGNMENT_ACQUIRING, /* to be taken over */
	ASSIGNMENT_ACQUIRED,  /* taken over; reading is about to begin */
	ASSIGNMENT_READING,
	ASSIGNMENT_WARM, /* given to us, but no lane of it is our colour's */
};

/* A row of `positions` that this worker holds. */
struct lane_position {
	int lane;
	int64_t next_offset;
	int64_t emitted; /* at the take-over: facts below it are published */
	int64_t epoch;
};

struct assignment {
	int topic; /* index into the worker's topics */
	int32_t partition;
	bool catching_up; /* it is the second one of its partition */
	enum assignment_state state;
	bool confirm; /* our membership, before it is taken over again */
	bool known;   /* it was taken over since the group gave it */
	/* The client says that the position is not in the log, and reads this
	 * partition no more before kafka_in_restart(). */
	bool gone;
	struct backoff backoff; /* it cannot be read, or is tried again */
	struct lane_position lanes[LANES_MAX];
	size_t n_lanes;
	int64_t next_read;     /* the offset that must come next */
	bool begun;            /* reading has begun since the take-over */
	int64_t failing_at_ms; /* since then it cannot begin again; 0: it can */
	bool flowing;          /* records came in turn since reading began */
	int64_t gap_to;        /* what came first in place of next_read */
	int64_t decided;       /* up to where batches have ended */
	int64_t written;       /* emitted_offset as it is in the database */
	int64_t written_at_ms; /* when that moved, or was up to date */
	int64_t emitted_last;  /* emitted_offset when it was last checked */
	int64_t emitted_at_ms; /* when that moved, or was up to date */
	int64_t level_at_ms;   /* wall clock: nothing was left to decide */
	int64_t mirrored;      /* the group's offset as committed last */
	int64_t read_stamp_ms; /* timestamp of the record read last; 0: none */
	int64_t n_received;    /* records, for as long as the process lives */
	int64_t level_from;    /* catching up: emitted_offset of the others */
	int64_t behind_at_ms;  /* and since when */
	struct emitted emitted;
};

/* NULL when that lane is not ours here. */
static inline struct lane_position *
assignment_lane(struct assignment *assignment, int lane)
{
	for (size_t i = 0; i < assignment->n_lanes; i++)
		if (assignment->lanes[i].lane == lane)
			return &assignment->lanes[i];
	return NULL;
}

/* Where its reading begins. */
static inline int64_t assignment_lowest(const struct assignment *assignment)
{
	int64_t lowest = assignment->n_lanes ? INT64_MAX : assignment->decided;

	for (size_t i = 0; i < assignment->n_lanes; i++)
		if (assignment->lanes[i].emitted < lowest)
			lowest = assignment->lanes[i].emitted;
	return lowest;
}

static inline int64_t assignment_emitted(const struct assignment *assignment)
{
	return emitted_offset(&assignment->emitted, assignment->decided);
}

/* Its @i-th lane's position, as the statements want it. */
static inline struct assigned_position
assignment_position(struct assignment *assignment, size_t i,
		    const struct lanes *lanes)
{
	const struct lane_position *position = &assignment->lanes[i];

	return (struct assigned_position){
		.topic = assignment->topic,
		.partition = assignment->partition,
		.lane = lanes->lanes[position->lane].name,
		.lane_index = position->lane,
		.epoch = position->epoch,
		.next_offset = position->next_offset,
		.to_next = position->next_offset,
		.emitted = assignment_emitted(assignment),
		.reader = assignment,
	};
}

/* Do we hold positions of it? */
static inline bool assignment_is_ours(const struct assignment *assignment)
{
	return assignment->state == ASSIGNMENT_ACQUIRED ||
	       assignment->state == ASSIGNMENT_READING;
}

#endif
