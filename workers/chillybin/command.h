/* SPDX-License-Identifier: MIT */
/*
 * Command: a record as chillybin acts on it, and what was decided.
 *
 * Commands, and what they point to, live in their batch's arena or borrow
 * from its records. decode.c makes them, decide.c decides them, sql.c stores
 * them, facts.c tells of them.
 */
#ifndef CHILLYBIN_COMMAND_H
#define CHILLYBIN_COMMAND_H

#include "schemas/messages/order_cancelled.h"
#include "schemas/messages/order_placed.h"
#include "schemas/messages/pick.h"
#include "schemas/messages/stock_changed.h"
#include "schemas/messages/stock_command.h"
#include "schemas/messages/toastie.h"
#include "workers/runtime/batch.h"

/*
 * An order as its row has it, or will. A row that was read may hold what no
 * worker writes: somebody changed it by hand. Then it is only good for saying
 * so.
 */
struct order_row {
	bool damaged;
	struct order_id id;
	uint64_t content_hash;
	int64_t number;
	struct text stall, customer;
	const struct item *items;
	size_t n_items;
	enum doneness doneness;
	bool grill;
	enum verdict verdict; /* picked or refused; never rewritten */
	struct missing *missing;
	size_t n_missing;
	int pick_version;
	int32_t partition; /* where on `orders` it stands */
	int64_t offset;
	int64_t decided_at_ms;
	struct text traceparent, tracestate;
	struct text cancelled_position; /* absent: it is not */
	int64_t cancelled_at_ms;
	struct text cancel_traceparent, cancel_tracestate;
	struct text returned_event; /* absent: it is not */
};

/* No count, or one of before its number was kept. */
#define COUNTED_UNKNOWN INT64_C(-1)

/* A change of stock as its row has it, or will. */
struct change_row {
	bool damaged; /* as an order's */
	struct text source, event_id, ingredient, stall;
	enum stock_change kind;
	int64_t delta;
	int64_t counted;          /* of a count; or COUNTED_UNKNOWN */
	struct order_id order_id; /* of a return */
	struct text topic;        /* where the command stands */
	int32_t partition;
	int64_t offset;
	int64_t decided_at_ms;
	struct text traceparent, tracestate;
	struct change_row *next; /* of the same event */
};

enum command_kind {
	COMMAND_ORDER,
	COMMAND_CANCEL,
	COMMAND_STOCK,
	COMMAND_RETURN,
	COMMAND_NOTHING, /* a toastie that gives nothing back */
};

struct command {
	enum command_kind kind;
	bool is_new; /* its row is to be written by this batch */
	struct text source, event_id;

	/* COMMAND_ORDER */
	struct order_placed placed;
	struct order_row own; /* when it is new */
	/* COMMAND_ORDER, COMMAND_CANCEL, COMMAND_RETURN */
	struct order_row *row;

	/* COMMAND_CANCEL */
	struct order_id order_id;    /* COMMAND_RETURN, too */
	struct text position;        /* of the cancellation */
	enum verdict cancel_verdict; /* cancelled or kept */
	const char *kept_reason;

	/* COMMAND_STOCK */
	struct stock_command stock;

	/* COMMAND_STOCK, COMMAND_RETURN: a row each, facts of the ledger */
	struct change_row *changes;
};

static inline struct command *command_of(const struct record *record)
{
	return record->item;
}

/* "orders/3@1234", in the arena. */
struct text command_position(struct arena *arena, const struct topic *topic,
			     int32_t partition, int64_t offset);

#endif
