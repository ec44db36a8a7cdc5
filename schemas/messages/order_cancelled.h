/* SPDX-License-Identifier: MIT */
/*
 * galore.order.cancelled: never mind. A command on `orders`.
 *
 *	v1 { order_id, reason? }
 *
 * Customer and stall stand in the headers (stall `main` without), as with the
 * order that it is about, so that both are on one lane.
 */
#ifndef SCHEMAS_ORDER_CANCELLED_H
#define SCHEMAS_ORDER_CANCELLED_H

#include "schemas/envelope.h"
#include "schemas/msgpack/writer.h"
#include "schemas/order_id.h"
#include "schemas/outcome.h"

struct order_cancelled {
	struct order_id order_id;
	struct text stall, customer; /* customer may be empty */
	struct text reason;          /* may be empty */
};

/* Texts are borrowed from @bytes and @envelope. Positive: SCHEMA_E_*. */
int order_cancelled_decode(struct order_cancelled *ret,
			   const struct envelope *envelope, const void *bytes,
			   size_t n, struct schema_fault *fault);

/* Appends the body; -ENOBUFS: the buffer is too small. */
int order_cancelled_encode(const struct order_cancelled *cancelled,
			   struct msgpack_writer *writer);

#endif
