/* SPDX-License-Identifier: MIT */
/*
 * Order cancelled: see order_cancelled.h.
 */
#include "schemas/order_cancelled.h"

#include <assert.h>

#include "schemas/body.h"

enum key { ORDER_ID, REASON, N_KEYS };

static const struct text keys[] = {
	[ORDER_ID] = TEXT_INIT("order_id"),
	[REASON] = TEXT_INIT("reason"),
};

int order_cancelled_decode(struct order_cancelled *ret,
			   const struct envelope *envelope, const void *bytes,
			   size_t n, struct schema_fault *fault)
{
	struct order_cancelled cancelled = { .stall = envelope_stall(envelope),
					     .customer = envelope->customer };
	struct fields fields = { .keys = keys,
				 .n_keys = N_KEYS,
				 .fault = fault };
	int r;

	assert(envelope->type == EVENT_ORDER_CANCELLED);
	r = fields_open(&fields, bytes, n);
	if (r == 0)
		r = fields_order_id(&fields, ORDER_ID, &cancelled.order_id);
	if (r == 0)
		r = fields_text_if_any(&fields, REASON, &cancelled.reason);
	if (r == 0)
		*ret = cancelled;
	return r;
}

int order_cancelled_encode(const struct order_cancelled *cancelled,
			   struct msgpack_writer *writer)
{
	msgpack_put_map(writer, 1u + (cancelled->reason.n > 0));
	msgpack_put_text(writer, keys[ORDER_ID]);
	msgpack_put_order_id(writer, &cancelled->order_id);
	msgpack_put_text_if_any(writer, keys[REASON], cancelled->reason);
	return msgpack_writer_result(writer);
}
