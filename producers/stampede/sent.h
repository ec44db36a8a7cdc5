/* SPDX-License-Identifier: MIT */
/*
 * Sent: what is on its way, and the line of the record for what has arrived.
 *
 * A slot is taken for each record that is sent and given back when the brokers
 * acknowledge it; all slots are made at the beginning. A record that is never
 * acknowledged keeps its slot, and is written at the end with the outcome
 * "info": it may be on its topic or not.
 */
#ifndef STAMPEDE_SENT_H
#define STAMPEDE_SENT_H

#include <stdint.h>
#include <stdio.h>

#include "infra/lib/str.h"
#include "producers/stampede/orders.h"
#include "producers/stampede/poison.h"

enum sent_kind { SENT_ORDER, SENT_DUPLICATE, SENT_POISON, SENT_RESTOCK };
enum { N_SENT_KINDS = 4 };

struct sent {
	enum sent_kind kind;
	enum poison poison; /* of a poison */
	/* Of an order, a duplicate and a poison: which order it is. Of a
	 * restock: stall times N_INGREDIENTS plus ingredient. */
	uint64_t index;
	int64_t intended_us; /* when it was to be sent; monotonic */
	int64_t sent_ms;     /* when it was; the calendar */
	int version;         /* of an order that was sent as one; else 0 */
	struct sent *next;   /* while it is free */
	bool taken;
};

struct sent_slots {
	struct sent *all;
	size_t n;
	struct sent *free;
};

void sent_init(struct sent_slots *slots, size_t n);
void sent_deinit(struct sent_slots *slots);
/* NULL: all are taken. */
struct sent *sent_take(struct sent_slots *slots);
void sent_give(struct sent_slots *slots, struct sent *sent);

struct arrival {
	const char *topic;
	int32_t partition;
	int64_t offset; /* -1: not known to have arrived */
	int64_t acked_ms;
};

const char *sent_kind_name(enum sent_kind kind);

/* What a restock puts in, for its id and its line. */
struct restock {
	struct text stall, ingredient;
	char id[ORDER_ID_CHARS + 1];
};
void sent_restock(const struct orders *orders, uint64_t index,
		  struct restock *ret);

/* The id of a poison's event: not an order's. */
void sent_poison_id(const struct orders *orders, uint64_t index,
		    char ret[ORDER_ID_CHARS + 1]);

/* One line of JSON with its line feed, appended. */
void sent_line(const struct orders *orders, const struct sent *sent,
	       int64_t restock, const struct arrival *arrival, struct buf *ret);

#endif
