/* SPDX-License-Identifier: MIT */
/* Order cancelled: its table. */
#include "schemas/messages/order_cancelled.h"

#include <assert.h>

#include "schemas/msgpack/fields.h"

static const struct field rows[] = {
	FIELD_UUID(struct order_cancelled, order_id, MUST),
	FIELD_TEXT(struct order_cancelled, reason, MAY),
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

int order_cancelled_decode(struct order_cancelled *ret,
			   const struct envelope *envelope, const void *bytes,
			   size_t n, struct schema_fault *fault)
{
	struct order_cancelled cancelled = { .stall = envelope_stall(envelope),
					     .customer = envelope->customer };
	const struct field_body body = { bytes, n, BODY_MAX_BYTES };
	int r = fields_decode(&cancelled, rows, N_ROWS, &body, fault);

	assert(envelope->type == EVENT_ORDER_CANCELLED);
	if (!r)
		*ret = cancelled;
	return r;
}

int order_cancelled_encode(const struct order_cancelled *cancelled,
			   struct msgpack_writer *writer)
{
	return fields_encode(cancelled, rows, N_ROWS, writer);
}
