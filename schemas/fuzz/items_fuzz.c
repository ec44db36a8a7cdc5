/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the header `missing`. The input is the header's text.
 */
#include "schemas/messages/items.h"

#include "schemas/fuzz/fuzz.h"

static uint8_t first[MISSING_HEADER_BYTES], second[MISSING_HEADER_BYTES];
static struct missing list[ORDER_ITEMS_MAX];
static char names[MISSING_NAMES_BYTES];

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct msgpack_writer a = MSGPACK_WRITER_INIT(first),
			      b = MSGPACK_WRITER_INIT(second);
	struct text header = { (const char *)bytes, n };
	struct schema_fault fault;
	size_t n_list;

	if (missing_decode(list, &n_list, names, header, &fault) != 0)
		return 0;
	(void)missing_encode(list, n_list, &a);
	header = (struct text){ (const char *)first, a.n };
	fuzz_need(missing_decode(list, &n_list, names, header, &fault) == 0);
	(void)missing_encode(list, n_list, &b);
	fuzz_same(&a, &b);
	return 0;
}
