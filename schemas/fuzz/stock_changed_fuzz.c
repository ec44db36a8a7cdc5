/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: galore.stock.changed.
 */
#include "schemas/messages/stock_changed.h"

#include "schemas/fuzz/fuzz.h"

static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];

static void try(enum event_type type, const uint8_t *bytes, size_t n)
{
	struct envelope envelope = fuzz_envelope(type, 1);
	struct msgpack_writer a = MSGPACK_WRITER_INIT(first),
			      b = MSGPACK_WRITER_INIT(second);
	struct schema_fault fault;
	struct stock_changed changed;

	if (stock_changed_decode(&changed, &envelope, bytes, n, &fault) != 0)
		return;
	(void)stock_changed_encode(&changed, &a);
	fuzz_need(stock_changed_decode(&changed, &envelope, first, a.n,
				       &fault) == 0);
	(void)stock_changed_encode(&changed, &b);
	fuzz_same(&a, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	try(EVENT_STOCK_CHANGED, bytes, n);
	return 0;
}
