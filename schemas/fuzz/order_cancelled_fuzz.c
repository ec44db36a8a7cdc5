/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: galore.order.cancelled.
 */
#include "schemas/messages/order_cancelled.h"

#include "schemas/fuzz/fuzz.h"

static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];

static void try(enum event_type type, const uint8_t *bytes, size_t n)
{
	struct envelope envelope = fuzz_envelope(type, 1);
	struct msgpack_writer a = MSGPACK_WRITER_INIT(first),
			      b = MSGPACK_WRITER_INIT(second);
	struct schema_fault fault;
	struct order_cancelled cancelled;

	if (order_cancelled_decode(&cancelled, &envelope, bytes, n, &fault) !=
	    0)
		return;
	(void)order_cancelled_encode(&cancelled, &a);
	fuzz_need(order_cancelled_decode(&cancelled, &envelope, first, a.n,
					 &fault) == 0);
	(void)order_cancelled_encode(&cancelled, &b);
	fuzz_same(&a, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	try(EVENT_ORDER_CANCELLED, bytes, n);
	return 0;
}
