/* SPDX-License-Identifier: MIT */
/*
 * Batch: records of several partitions that are decided in one transaction.
 *
 * The poll thread fills an open batch while the database thread works on the
 * last one; a batch belongs to one of them at a time. Whatever a worker makes
 * of its records lives in the batch's arena and goes when the batch is reset.
 */
#ifndef RUNTIME_BATCH_H
#define RUNTIME_BATCH_H

#include "infra/lib/arena.h"
#include "infra/lib/kafka_in.h"
#include "infra/lib/str.h"
#include "schemas/envelope.h"
#include "schemas/outcome.h"
#include "workers/runtime/slot.h"

struct record {
	struct kafka_record kafka;
	struct envelope envelope;
	struct slot *slot;
	int lane;
	/*
	 * Below its lane's next_offset: it was decided before, and only its
	 * facts are told again, from the rows.
	 */
	bool decided;
	size_t n_bytes; /* that the client keeps for it */
	uint64_t entry; /* of its facts, in its slot's `emitted` */
	bool poison;    /* dead since it was decoded */
	/* Not acted on: a row in dead_letters and a copy on <topic>.dlq. */
	const char *dead_reason; /* a word; NULL: it lives */
	const char *dead_detail; /* what and where; in the arena */
	void *item;              /* the worker's, in the arena */
};

/* A batch over the offsets [from, to) of a slot. */
struct batch_range {
	struct slot *slot;
	int64_t from, to;
};

/* A row of `positions` that the batch moves. */
struct batch_move {
	struct slot *slot;
	int lane;
	int64_t epoch, from_next, to_next, emitted;
};

/* How much the decision may take for granted. */
enum batch_mode {
	BATCH_FAST,    /* nothing was read: all ids new, stock covers it */
	BATCH_CHECKED, /* read without locks; the rows must be what was read */
	BATCH_LOCKED,  /* read under locks, within the transaction */
};

struct batch {
	struct record *records;
	size_t n_records;
	size_t cap;
	size_t n_bytes; /* of their records, headers and all */
	struct batch_range ranges[SLOTS_MAX];
	size_t n_ranges;
	struct batch_move moves[SLOTS_MAX * LANES_MAX];
	size_t n_moves;
	struct arena arena;
	enum batch_mode mode;
	bool needs_load; /* a record's decision rests on rows */
	size_t n_decided;
	int64_t decided_at_ms; /* wall clock, of all its decisions */
	int64_t closed_at_us;  /* when it went to the database thread */
};

struct batch *batch_new(void);
struct batch *batch_free(struct batch *batch);

/* Releases the records; keeps the memory. */
void batch_reset(struct batch *batch);

/* Appends, extends its slot's range. Takes @kafka. The batch has room. */
struct record *batch_add(struct batch *batch, struct slot *slot,
			 struct kafka_record *kafka);
/* So much more is kept for that record: its headers. */
void batch_count(struct batch *batch, struct record *record, size_t n_bytes);
/* Offsets [@from, @to) that hold nothing for us: another lane's records, or
 * none at all. Only the range is extended. */
void batch_skip(struct batch *batch, struct slot *slot, int64_t from,
		int64_t to);
/* All that its records make us keep. */
size_t batch_bytes(const struct batch *batch);

/* Poison, or a conflict. Copies @detail. */
void batch_dead(struct batch *batch, struct record *record, const char *reason,
		const char *detail);

/* Takes back what a try has found dead; poison stays. */
void batch_undo(struct batch *batch);

/* Which rows it moves, by what the slots hold now. */
void batch_close(struct batch *batch, int64_t decided_at_ms);

/* Takes the records and the range of a slot out. */
void batch_drop_slot(struct batch *batch, const struct slot *slot);

static inline bool batch_empty(const struct batch *batch)
{
	return batch->n_ranges == 0;
}

#endif
