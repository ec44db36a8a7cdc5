/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: galore.stock.added and galore.stock.counted.
 */
#include "schemas/messages/stock_command.h"

#include "schemas/fuzz/fuzz.h"

static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];

static void try(enum event_type type, const uint8_t *bytes, size_t n)
{
	struct envelope envelope = fuzz_envelope(type, 1);
	struct msgpack_writer a = MSGPACK_WRITER_INIT(first),
			      b = MSGPACK_WRITER_INIT(second);
	struct schema_fault fault;
	struct stock_command command;

	if (stock_command_decode(&command, &envelope, bytes, n, &fault) != 0)
		return;
	(void)stock_command_encode(&command, &a);
	fuzz_need(stock_command_decode(&command, &envelope, first, a.n,
				       &fault) == 0);
	(void)stock_command_encode(&command, &b);
	fuzz_same(&a, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	try(EVENT_STOCK_ADDED, bytes, n);
	try(EVENT_STOCK_COUNTED, bytes, n);
	return 0;
}
