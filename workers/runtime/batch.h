/* SPDX-License-Identifier: MIT */
/*
 * Batch: records of several partitions that are decided in one transaction.
 *
 * The poll thread fills an open batch while the database thread works on the
 * last one; a batch belongs to one of them at a time. Its records and whatever
 * a worker makes of them live in its arena and go when the batch is reset.
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
	/* Of its envelope, what is of use after it was decoded. */
	enum event_type type;
	struct text event_id, traceparent, tracestate;
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
	size_t n_bytes; /* outside of the arena */
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
	/* Of the record that is decoded now; its texts are in the arena. */
	struct envelope envelope;
	enum batch_mode mode;
	bool needs_load; /* a record's decision rests on rows */
	size_t n_decided;
	int64_t decided_at_ms; /* wall clock, of all its decisions */
	/* The runtime's own. */
	struct batch_extent *extent; /* of the log; see batch_extent.h */
	size_t cap;
	size_t n_behind;      /* records of lanes that are far behind */
	size_t n_bytes;       /* outside of the arena */
	int64_t closed_at_us; /* when it went to the database thread */
};

struct batch *batch_new(void);
struct batch *batch_free(struct batch *batch);

/* Without records; keeps the memory. */
void batch_reset(struct batch *batch);

/* Appends a record, whose bytes are in the arena, and extends the range of its
 * assignment (NULL: of none). */
struct record *batch_add(struct batch *batch, struct assignment *assignment,
			 const struct kafka_record *kafka);

/* The envelope is that record's. */
void batch_enclose(const struct batch *batch, struct record *record);

/* What is made of that record takes so much more memory than the arena knows.
 */
void batch_count(struct batch *batch, struct record *record, size_t n_bytes);

/* Poison, or a conflict. Copies @detail. */
void batch_dead(struct batch *batch, struct record *record, const char *reason,
		const char *detail);
/* Makes records alive again that a try has found dead; poison stays. */
void batch_undo(struct batch *batch);

#endif
