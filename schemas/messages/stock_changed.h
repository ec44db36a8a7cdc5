/* SPDX-License-Identifier: MIT */
/*
 * galore.stock.changed: stock moved and no pick reports it. A fact on `ledger`.
 *
 *	v1 { stall, ingredient, delta, kind, order_id? }
 *
 * Always a delta, never an amount, so that facts summed in any order give the
 * same stock. order_id stands beside `returned` only.
 */
#ifndef SCHEMAS_STOCK_CHANGED_H
#define SCHEMAS_STOCK_CHANGED_H

#include "schemas/envelope.h"
#include "schemas/messages/choices.h"
#include "schemas/msgpack/writer.h"
#include "schemas/order_id.h"
#include "schemas/outcome.h"

struct stock_changed {
	struct text stall, ingredient;
	int64_t delta;
	enum stock_change kind;
	struct order_id order_id; /* STOCK_CHANGE_RETURNED only */
};

/* Texts are borrowed from @bytes. Positive: SCHEMA_E_*. */
int stock_changed_decode(struct stock_changed *ret,
			 const struct envelope *envelope, const void *bytes,
			 size_t n, struct schema_fault *fault);

/* Appends the body; -ENOBUFS: the buffer is too small. */
int stock_changed_encode(const struct stock_changed *changed,
			 struct msgpack_writer *writer);

#endif
