/* SPDX-License-Identifier: MIT */
/*
 * Bus: any record onto any topic, and all that stand there.
 *
 * What is read is copied into one arena, sorted by partition and offset.
 */
#ifndef HARNESS_BUS_H
#define HARNESS_BUS_H

#include <stdint.h>

#include "infra/lib/arena.h"
#include "itests/harness/world.h"
#include "schemas/messages/order_cancelled.h"
#include "schemas/messages/order_placed.h"
#include "schemas/messages/stock_command.h"

struct bus_header {
	const char *name;
	struct text value; /* p NULL: without a value */
};

struct bus_record {
	int32_t partition; /* sending: -1 is by the key */
	int64_t offset;
	struct text key, value;
	struct bus_header *headers;
	size_t n_headers;
};

struct bus_log {
	struct bus_record *records;
	size_t n, cap;
	struct arena arena;
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
/* Records after the last one of all partitions: how many stand there. */
int64_t bus_count(const struct world *world, const char *topic);

/* ---- sending ---- */

/* Where it stands, once bus_flush() has returned. */
struct bus_position {
	int32_t partition;
	int64_t offset;
};

struct bus;

struct bus *bus_new(const struct world *world);
struct bus *bus_free(struct bus *bus);
DEFINE_CLEANUP(struct bus, bus_free);

/* @ret may be NULL. Copies. */
void bus_send(struct bus *bus, const char *topic,
	      const struct bus_record *record, struct bus_position *ret);
/* All that was sent is on its topic, or the test fails. */
void bus_flush(struct bus *bus);

/* Commands as the storefront sends them; @event_id is their ce_id. A record of
 * one may be changed before it is sent, by whomever; it borrows @arena, and is
 * meant for the partition of its key. */
void bus_order_record(struct arena *arena, const struct order_placed *order,
		      int version, const char *event_id,
		      struct bus_record *ret);
void bus_stock_record(struct arena *arena, const struct stock_command *command,
		      const char *event_id, struct bus_record *ret);
void bus_order(struct bus *bus, const struct order_placed *order, int version,
	       const char *event_id, struct bus_position *ret);
void bus_cancel(struct bus *bus, const struct order_cancelled *cancelled,
		const char *event_id, struct bus_position *ret);
void bus_stock(struct bus *bus, const struct stock_command *command,
	       const char *event_id, struct bus_position *ret);

#endif
