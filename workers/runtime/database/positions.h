/* SPDX-License-Identifier: MIT */
/*
 * Positions: the statements on `positions`, `lanes` and `dead_letters`. All
 * of them run in the database thread.
 */
#ifndef RUNTIME_POSITIONS_H
#define RUNTIME_POSITIONS_H

#include "workers/runtime/worker.h"

/*
 * A build for infra/bench/tax.py alone moves no position: nothing is compared
 * and nothing fenced, and only the group's offset follows, so that a restart
 * may decide orders again.
 */
#ifdef BENCH_AT_LEAST_ONCE
#define POSITIONS_MOVE false
#else
#define POSITIONS_MOVE true
#endif

/* A partition is read by two readers at the most (assignment.h). */
enum {
	ASSIGNMENTS_MAX = WORKER_TOPICS_MAX * TOPIC_PARTITIONS,
	READERS_MAX = 2 * ASSIGNMENTS_MAX,
};

/* Who we are, and what our topics are; the same for a worker's life. */
struct identity {
	const char *service;
	const char *colour;
	const char *holder;
	const char *group;
	const struct topic *topics[WORKER_TOPICS_MAX];
	const char *topic_names[WORKER_TOPICS_MAX]; /* with their suffix */
	size_t n_topics;
};

/* A row as the database has it. */
struct position {
	int topic; /* index into the identity's topics */
	int32_t partition;
	char lane_name[LANE_NAME_BYTES];
	int lane; /* index into the lanes that were read */
	int64_t next_offset, emitted_offset, epoch;
};

struct position_key {
	int topic;
	int32_t partition;
};

/* What positions_acquire() and positions_refresh() read. */
struct positions {
	struct position rows[ASSIGNMENTS_MAX * LANES_MAX];
	size_t n_rows;
	struct lanes lanes;
};

/* Beside those of pg_run(). */
enum positions_outcome {
	POSITIONS_E_TOO_MANY = 100, /* more lanes than LANES_MAX */
	POSITIONS_E_UNLIKE, /* lanes and positions name different rows */
};

/*
 * Takes over: one UPDATE, and then, in a statement of its own, the lanes. If
 * those do not name exactly the rows that the UPDATE gave, it begins again.
 */
int positions_acquire(struct pg *pg, const struct identity *identity,
		      const struct position_key *keys, size_t n_keys,
		      struct positions *ret);

/* The rows of our colour as they are now; changes nothing. */
int positions_refresh(struct pg *pg, const struct identity *identity,
		      const struct position_key *keys, size_t n_keys,
		      struct positions *ret);

/* A position as a holder believes it to be. */
struct assigned_position {
	int topic;
	int32_t partition;
	const char *lane;
	int lane_index; /* into the worker's lanes */
	int64_t epoch, next_offset, to_next, emitted;
	struct assignment *reader; /* that its lane belongs to */
};

/* The positions that a statement moves, confirms or releases. */
struct held_positions {
	const struct identity *identity;
	const struct assigned_position *rows;
	size_t n_rows;
};

/* Adds the compare-and-set to the message: fails with POSITIONS_LOST. @call
 * keeps the parameters until the message is sent. worker_add_confirm() in
 * worker.h, which only locks the rows, is in positions.c, too. */
void positions_add_move(struct pg *pg, const struct held_positions *held,
			struct pg_call *call);

/* emitted_offset alone, in a transaction of its own: PG_E_SQL with
 * POSITIONS_LOST when a row is not held any more. */
int positions_emit(struct pg *pg, const struct held_positions *held);

/* Writes emitted_offset, and that nobody holds the rows; rows that we do not
 * hold any more are left alone. */
int positions_release(struct pg *pg, const struct held_positions *held);

/* Adds the dead of a batch that are not decided already. */
void positions_add_dead(struct pg *pg, const struct identity *identity,
			const struct batch *batch, struct pg_call *call);

/* Marks the decided records of a batch that have a row in dead_letters. */
int positions_recall_dead(struct pg *pg, const struct identity *identity,
			  struct batch *batch);

#endif
