/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: galore.pick, both versions.
 */
#include "schemas/messages/pick.h"

#include "schemas/fuzz/fuzz.h"
#include "schemas/oracle.h"

static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];
static struct pick_storage storage;

static void try(int version, const uint8_t *bytes, size_t n)
{
	struct envelope envelope = fuzz_envelope(EVENT_PICK, version);
	struct msgpack_writer a = MSGPACK_WRITER_INIT(first),
			      b = MSGPACK_WRITER_INIT(second);
	struct schema_fault fault;
	struct pick pick;

	if (pick_decode(&pick, &storage, &envelope, bytes, n, &fault) != 0)
		return;
	fuzz_need(version == 2 || pick.n_items == 1);
	fuzz_need(pick.line < pick.lines && pick.lines <= ORDER_ITEMS_MAX);
	(void)oracle_encode_pick(&pick, &a);
	fuzz_need(pick_decode(&pick, &storage, &envelope, first, a.n, &fault) ==
		  0);
	(void)oracle_encode_pick(&pick, &b);
	fuzz_same(&a, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	try(1, bytes, n);
	try(2, bytes, n);
	return 0;
}
