/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: galore.pick, both versions.
 */
#include "schemas/pick.h"

#include "schemas/fuzz/fuzz.h"

static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];
static struct pick_room room;

static void encode(const struct pick *pick, struct wire *wire)
{
	struct item lines[ORDER_ITEMS_MAX] = { 0 };
	struct pick whole = *pick;

	if (pick->version == 2) {
		(void)pick_encode_v2(pick, wire);
		return;
	}
	fuzz_need(pick->n_items == 1 && pick->line < pick->lines);
	lines[pick->line] = pick->items[0];
	whole.items = lines;
	whole.n_items = (size_t)pick->lines;
	(void)pick_encode_v1(&whole, (size_t)pick->line, wire);
}

static void try(int version, const uint8_t *bytes, size_t n)
{
	struct envelope envelope = fuzz_envelope(EVENT_PICK, version);
	struct wire a = WIRE_INIT(first), b = WIRE_INIT(second);
	struct schema_fault fault;
	struct pick pick;

	if (pick_decode(&pick, &room, &envelope, bytes, n, &fault) != 0)
		return;
	encode(&pick, &a);
	fuzz_need(pick_decode(&pick, &room, &envelope, first, a.n, &fault) ==
		  0);
	encode(&pick, &b);
	fuzz_same(&a, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	try(1, bytes, n);
	try(2, bytes, n);
	return 0;
}
