/* SPDX-License-Identifier: MIT */
/*
 * Bus: any record onto any topic, all that stand there, and what an
 * administrator does to topics. On librdkafka itself: other teams' clients can
 * do what our own never do (transactions, compression, records deleted from a
 * log, partitions added). What the brokers refuse fails the test.
 *
 * Each struct bus in one thread.
 */
#ifndef HARNESS_BUS_H
#define HARNESS_BUS_H

#include <stdint.h>

#include "itests/harness/world.h"
#include "schemas/envelope.h"
#include "schemas/topics.h"

struct bus_header {
	const char *name;
	struct text value; /* p NULL: without a value */
};

struct bus_record {
	int32_t partition; /* sending: -1 is by the key */
	int64_t offset;
	int64_t timestamp_ms; /* sending: 0 is now */
	struct text key, value;
	struct bus_header *headers;
	size_t n_headers;
	void *message; /* librdkafka's, which has the bytes; only when read */
};

/* ---- reading ---- */

/* Records by partition and offset. */
struct bus_log {
	struct bus_record *records;
	size_t n, cap;
	void *reader; /* librdkafka's */
};

/* All that "orders" (with the world's suffix) holds; nothing of a transaction
 * that was aborted. */
void bus_read(const struct world *world, const char *topic,
	      struct bus_log *ret);
void bus_log_deinit(struct bus_log *log);
/* NULL: nothing stands there. */
const struct bus_record *bus_at(const struct bus_log *log, int32_t partition,
				int64_t offset);
/* The first of that name; absent has p NULL. */
struct text bus_header(const struct bus_record *record, const char *name);
/* 0 or SCHEMA_E_*; texts are borrowed from the record. */
int bus_envelope(const struct bus_record *record, struct envelope *ret,
		 struct schema_fault *fault);
/* The sum of the offsets at which all partitions end. */
int64_t bus_count(const struct world *world, const char *topic);

/* ---- sending ---- */

/* Where it stands, once bus_flush() or bus_commit() has returned. */
struct bus_position {
	int32_t partition;
	int64_t offset;
};

struct bus;

/*
 * A producer; what follows are settings of librdkafka, a name and a value each
 * time, up to NULL. With a "transactional.id" it writes in transactions.
 */
struct bus *bus_new(const struct world *world, ...) __attribute__((sentinel));
struct bus *bus_free(struct bus *bus);
DEFINE_CLEANUP(struct bus, bus_free);
/* The world's own, without more settings. */
struct bus *world_bus(struct world *world);

/* @ret may be NULL. Copies. */
void bus_send(struct bus *bus, const char *topic,
	      const struct bus_record *record, struct bus_position *ret);
/* All that was sent is on its topic, or the test fails. */
void bus_flush(struct bus *bus);

void bus_begin(struct bus *bus);
/* Commits, or aborts what was sent since bus_begin(). */
void bus_end(struct bus *bus, bool commit);

/* ---- administration ---- */

/* Deletes what stands before @offset; -1: all. Of one partition, or of each
 * (-1). Gives where the log of the last of them begins. */
int64_t topic_delete_records(const struct world *world, const char *topic,
			     int32_t partition, int64_t offset);
void topic_delete(struct world *world, const char *topic);
void topic_raise_partitions(struct world *world, const char *topic,
			    const char *n_partitions);
void topic_set(const struct world *world, const char *topic, const char *name,
	       const char *value);
/* The offset that a group has committed in each partition; -1: none. */
void group_committed(const struct world *world, const char *group,
		     const char *topic, int64_t ret[TOPIC_PARTITIONS]);
/* The same of one partition, of blue chillybins. */
int64_t topic_committed(const struct world *world, const char *topic,
			int32_t partition);

#endif
