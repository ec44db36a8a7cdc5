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
#include "infra/lib/kafka/kafka_in.h"
#include "infra/lib/text/str.h"
#include "schemas/envelope.h"
#include "schemas/outcome.h"

struct assignment;
struct batch_extent;

struct record {
	struct kafka_record kafka; /* its topic: index into the worker's */
	struct envelope envelope;
	/*
	 * Below its lane's next_offset: it was decided before, and only its
	 * facts are published again, from the rows.
	 */
	bool decided;
	bool poison; /* dead since it was decoded */
	/* Not acted on: a row in dead_letters and a copy on <topic>.dlq. */
	const char *dead_reason; /* a word; NULL: it lives */
	const char *dead_detail; /* what and where; in the arena */
	void *item;              /* the worker's, in the arena */
	/* The runtime's own. */
	struct assignment *assignment;
	int lane;
	size_t n_bytes; /* that the client keeps for it */
	uint64_t entry; /* of its facts, in the assignment's `emitted` */
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
	struct arena arena;
	enum batch_mode mode;
	bool needs_load; /* a record's decision rests on rows */
	size_t n_decided;
	int64_t decided_at_ms; /* wall clock, of all its decisions */
	/* The runtime's own. */
	struct batch_extent *extent; /* of the log; see batch_extent.h */
	size_t cap;
	size_t n_bytes;       /* of its records, headers and all */
	int64_t closed_at_us; /* when it went to the database thread */
};

struct batch *batch_new(void);
struct batch *batch_free(struct batch *batch);

/* Releases the records; keeps the memory. */
void batch_reset(struct batch *batch);

/* Appends a record and extends the range of its assignment (NULL: of none).
 * Takes @kafka. */
struct record *batch_add(struct batch *batch, struct assignment *assignment,
			 struct kafka_record *kafka);

/* So much more is kept for that record: its headers, what is made of it. */
void batch_count(struct batch *batch, struct record *record, size_t n_bytes);

/* Poison, or a conflict. Copies @detail. */
void batch_dead(struct batch *batch, struct record *record, const char *reason,
		const char *detail);
/* Makes records alive again that a try has found dead; poison stays. */
void batch_undo(struct batch *batch);

#endif
