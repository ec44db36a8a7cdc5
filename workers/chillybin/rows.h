/* SPDX-License-Identifier: MIT */
/*
 * Rows: what the decisions of one batch rest on. Pure.
 *
 * The loaded orders and changes of stock are the rows that were read, and
 * those that the batch adds. The stock snapshot is the stock as it was read,
 * and what the batch reserves of it or adds to it. Texts are borrowed: they
 * live in the batch's arena or in its records.
 */
#ifndef CHILLYBIN_ROWS_H
#define CHILLYBIN_ROWS_H

#include "infra/lib/arena.h"
#include "infra/lib/text/hash.h"
#include "schemas/messages/order_placed.h"
#include "schemas/messages/pick.h"
#include "schemas/messages/stock_changed.h"

/* A row of `orders`; columns.h names the column of each field. */
struct order_row {
	bool damaged; /* changed by hand, so that no fact can be made of it */
	struct order_id id;
	uint64_t content_hash;
	int64_t number;
	struct text stall, customer;
	const struct item *items;
	size_t n_items;
	enum doneness doneness;
	bool grill;
	struct text metadata; /* of a new order; it is never read */
	int version;          /* of the event; the same */
	enum verdict verdict; /* picked or refused; never rewritten */
	struct missing *missing;
	size_t n_missing;
	int pick_version;
	int32_t partition; /* where it stands on the topic `orders` */
	int64_t offset;
	int64_t decided_at_ms;
	struct text traceparent, tracestate;
	struct text cancelled_position; /* absent: it is not cancelled */
	int64_t cancelled_at_ms;
	struct text cancel_traceparent, cancel_tracestate;
	struct text returned_event; /* absent: nothing was returned */
};

/* No count, or one that was stored before its number was kept. */
#define COUNTED_UNKNOWN INT64_C(-1)

/* A row of `stock_changes`. */
struct change_row {
	bool damaged; /* as an order's */
	struct text source, event_id, ingredient, stall;
	enum stock_change kind;
	int64_t delta;
	int64_t counted;          /* of a count; or COUNTED_UNKNOWN */
	struct order_id order_id; /* of a return */
	struct text topic;        /* where the event stands */
	int32_t partition;
	int64_t offset;
	int64_t decided_at_ms;
	struct text traceparent, tracestate;
	struct change_row *next; /* of the same event */
};

/* { 0 } is empty. */
struct loaded {
	struct table orders;  /* struct order_row by id */
	struct table changes; /* the first struct change_row of an event */
};

void loaded_reset(struct loaded *loaded);
void loaded_deinit(struct loaded *loaded);
void loaded_add_order(struct loaded *loaded, struct order_row *row);
struct order_row *loaded_order(const struct loaded *loaded,
			       const struct order_id *id);
/* Rows of one event become a chain. */
void loaded_add_change(struct loaded *loaded, struct change_row *row);
struct change_row *loaded_change(const struct loaded *loaded,
				 struct text source, struct text event_id);

#define STOCK_UNREAD INT64_C(-2) /* nobody looked: as much as is wanted */
#define STOCK_NONE INT64_C(-1)   /* there is no such ingredient */

struct stock_row {
	struct text stall, ingredient;
	int64_t quantity; /* as read; or STOCK_UNREAD, STOCK_NONE */
	int64_t delta;
	bool used; /* a decision rests on it */
	bool made; /* there was none, and a decision added it */
	struct stock_row *next;
};

/* { 0 } is empty. */
struct stock_snapshot {
	struct stock_row *first, *last;
	struct table table;
};

void stock_snapshot_reset(struct stock_snapshot *snapshot);
void stock_snapshot_deinit(struct stock_snapshot *snapshot);
/* The row of an ingredient; made in the arena, with @quantity, when it is new.
 */
struct stock_row *stock_row_of(struct stock_snapshot *snapshot,
			       struct arena *arena, struct text stall,
			       struct text ingredient, int64_t quantity);
/* Undoes all decisions; what was read stays. */
void stock_snapshot_undo(struct stock_snapshot *snapshot);
/* What is left now; INT64_MAX when nobody looked. */
int64_t stock_left(const struct stock_row *row);

#endif
