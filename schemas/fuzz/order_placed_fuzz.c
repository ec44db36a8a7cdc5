/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: galore.order.placed, both versions, and the hash.
 */
#include "schemas/messages/order_placed.h"

#include "schemas/fuzz/fuzz.h"

static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];
static struct item items[ORDER_ITEMS_MAX];

static void try(int version, const uint8_t *bytes, size_t n)
{
	struct envelope envelope = fuzz_envelope(EVENT_ORDER_PLACED, version);
	struct msgpack_writer a = MSGPACK_WRITER_INIT(first),
			      b = MSGPACK_WRITER_INIT(second);
	struct schema_fault fault;
	struct order_placed order;
	uint64_t hash;

	if (order_placed_decode(&order, items, &envelope, bytes, n, &fault))
		return;
	hash = order_placed_hash(&order);
	fuzz_need(order_placed_encode(&order, version, &a) == 0);
	fuzz_need(order_placed_decode(&order, items, &envelope, first, a.n,
				      &fault) == 0);
	fuzz_need(order_placed_encode(&order, version, &b) == 0);
	fuzz_same(&a, &b);
	fuzz_need(order_placed_hash(&order) == hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	try(1, bytes, n);
	try(2, bytes, n);
	return 0;
}
