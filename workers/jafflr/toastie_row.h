/* SPDX-License-Identifier: MIT */
/*
 * Toastie row: a row of `toasties`, as it is read, decided and published.
 */
#ifndef JAFFLR_TOASTIE_ROW_H
#define JAFFLR_TOASTIE_ROW_H

#include "schemas/doneness.h"
#include "schemas/order_id.h"
#include "schemas/toastie.h"

/* The states of the writer, and two that are never published. */
enum row_state {
	ROW_COLLECTING, /* not all lines of a v1 pick are there */
	ROW_CANCELLED,  /* the cancellation came before the pick */
	ROW_QUEUED,
	ROW_GRILLING,
	ROW_DONE,
	ROW_FAILED,
	ROW_UNCERTAIN,
	ROW_RETURNED,
	N_ROW_STATES,
};

struct toastie_row {
	struct order_id order_id;
	int64_t number; /* TOASTIE_NUMBER_NONE: not known */
	struct text stall, customer;
	enum doneness doneness;
	enum row_state state;
	int64_t seq;
	int32_t lines;
	int64_t lines_seen; /* a bit a line */
	int32_t partition;  /* where on `picks` it began */
	int64_t offset;
	int32_t bucket; /* of its lane key */
	struct text grill;
	int32_t plate; /* TOASTIE_PLATE_NONE: none */
	struct text reason;
	struct text traceparent, tracestate;
	int64_t changed_at_ms;
	bool cancelled;    /* by the customer, whatever the state */
	size_t changed_by; /* 1 + the last record of a batch that did */
};

/* "collecting", ..., "returned". */
const char *row_state_name(enum row_state state);
/* N_ROW_STATES for a name that is none. */
enum row_state row_state_parse(struct text name);

#endif
