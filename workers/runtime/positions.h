/* SPDX-License-Identifier: MIT */
/*
 * Positions: the statements on `positions`, `lanes` and `dead_letters`. All
 * of them run in the database thread.
 */
#ifndef RUNTIME_POSITIONS_H
#define RUNTIME_POSITIONS_H

#include "infra/lib/pg.h"
#include "workers/runtime/batch.h"
#include "workers/runtime/lanes.h"

/* SQLSTATEs that our functions raise; see migrations/. */
#define POSITIONS_LOST "TG001"
#define ROWS_CHANGED "TG002"
#define ROWS_KNOWN "TG003"

/* Who we are, and the names of our topics; the same for a worker's life. */
struct identity {
	const char *service;
	const char *colour;
	const char *holder;
	const struct topic *topics[WORKER_TOPICS_MAX];
	size_t n_topics;
};

/* A row as the database has it. */
struct position {
	int topic; /* index into the identity's topics */
	int32_t partition;
	int lane; /* index into the lanes read; -1: no such lane */
	int64_t next_offset, emitted_offset, epoch;
};

struct position_key {
	int topic;
	int32_t partition;
};

/* What a take-over or a look gives. */
struct positions {
	struct position rows[SLOTS_MAX * LANES_MAX];
	size_t n_rows;
	struct lanes lanes;
};

enum positions_outcome {
	POSITIONS_E_LOST = 1, /* the session is of no use any more */
	POSITIONS_E_SQL,      /* the database said no; pg_message() */
	POSITIONS_E_TOO_MANY, /* more lanes than LANES_MAX */
	POSITIONS_E_UNLIKE,   /* lanes and positions name different rows */
};

/*
 * Takes over: one UPDATE, and then, in a statement of its own, the lanes. If
 * those do not name exactly the rows that the UPDATE gave, it begins again.
 */
int positions_take(struct pg *pg, const struct identity *identity,
		   const struct position_key *keys, size_t n_keys,
		   struct positions *ret);

/* The rows of our colour as they stand, without touching them. */
int positions_look(struct pg *pg, const struct identity *identity,
		   const struct position_key *keys, size_t n_keys,
		   struct positions *ret);

/* A position as a holder believes it to be. */
struct assigned_position {
	int topic;
	int32_t partition;
	const char *lane;
	int64_t epoch, next_offset, to_next, emitted;
};

/* Storage of one statement's parameters; { 0 } is empty. */
struct positions_args {
	struct pg_args args;
	struct pg_array arrays[7];
};

void positions_args_deinit(struct positions_args *args);

/* Adds the compare-and-set to the message: fails with POSITIONS_LOST. */
void positions_add_move(struct pg *pg, const struct identity *identity,
			const struct assigned_position *held, size_t n_held,
			struct positions_args *args);

/* Adds a lock on rows that must still be held, for a transaction beside the
 * batches: fails with POSITIONS_LOST. */
void positions_add_confirm(struct pg *pg, const struct identity *identity,
			   const struct assigned_position *held, size_t n_held,
			   struct positions_args *args);

/* emitted_offset alone, in a transaction of its own: PG_E_SQL with
 * POSITIONS_LOST when a row is not held any more. */
int positions_emit(struct pg *pg, const struct identity *identity,
		   const struct assigned_position *held, size_t n_held);

/* emitted_offset, and nobody holds it; rows not held are left alone. */
int positions_release(struct pg *pg, const struct identity *identity,
		      const struct assigned_position *held, size_t n_held);

/* Adds the dead of a batch that are not decided already. */
void positions_add_dead(struct pg *pg, const struct identity *identity,
			const struct batch *batch, struct positions_args *args);

/* Marks the decided records of a batch that have a row in dead_letters. */
int positions_recall_dead(struct pg *pg, const struct identity *identity,
			  struct batch *batch);

#endif
