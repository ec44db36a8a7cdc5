/* SPDX-License-Identifier: MIT */
/* Decode: a checked record -> an input. Poll thread; no clock, no I/O. */
#ifndef CHILLYBIN_DECODE_H
#define CHILLYBIN_DECODE_H

#include "schemas/messages/stock_command.h"
#include "workers/chillybin/rows.h"
#include "workers/runtime/batch.h"

enum input_kind {
	INPUT_ORDER,
	INPUT_CANCELLATION,
	INPUT_STOCK, /* stock is added or counted */
	INPUT_RETURN,
	INPUT_NOTHING, /* a toastie of which nothing comes back */
};

/*
 * A record as chillybin acts on it, and what was decided about it. It and what
 * it points to live in the batch's arena or borrow from the record. decode.c
 * makes it, decide.c decides it, sql.c stores it, facts.c publishes it.
 */
struct input {
	enum input_kind kind;
	bool is_new; /* its row is to be written by this batch */
	/* INPUT_ORDER, INPUT_CANCELLATION, INPUT_RETURN */
	struct order_row *row;
	union {
		/* INPUT_ORDER */
		struct order_row own; /* when it is new */
		/* All others; orders are many. */
		struct {
			struct text source, event_id;

			/* INPUT_CANCELLATION */
			struct order_id order_id;    /* INPUT_RETURN, too */
			struct text position;        /* of the cancellation */
			enum verdict cancel_verdict; /* cancelled or kept */
			const char *kept_reason;

			/* INPUT_STOCK */
			struct stock_command stock;

			/* INPUT_STOCK, INPUT_RETURN: a row each, facts of the
			 * ledger */
			struct change_row *changes;
		};
	};
};

static inline struct input *input_of(const struct record *record)
{
	return record->item;
}

enum { CHILLYBIN_TOPICS = 3 };

/* What it reads; a record's topic is an index into these. */
extern const enum topic_id chillybin_topics[CHILLYBIN_TOPICS];

/* A type that stands on another topic than its own is poison: an order's number
 * and a cancellation's name come from where the record stands. Positive:
 * SCHEMA_E_*. */
int chillybin_decode(void *arg, struct batch *batch, struct record *record,
		     struct schema_fault *fault);

#endif
