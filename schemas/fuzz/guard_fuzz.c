/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the guard. What it takes, msgpack-c parses, and into as many
 * values, whatever the bytes are.
 */
#include "schemas/guard.h"

#include <msgpack/unpack.h>

#include "schemas/fuzz/fuzz.h"

static size_t n_values_of(const msgpack_object *object)
{
	size_t n = 1;

	if (object->type == MSGPACK_OBJECT_ARRAY)
		for (uint32_t i = 0; i < object->via.array.size; i++)
			n += n_values_of(&object->via.array.ptr[i]);
	if (object->type == MSGPACK_OBJECT_MAP)
		for (uint32_t i = 0; i < object->via.map.size; i++)
			n += 1 + n_values_of(&object->via.map.ptr[i].val);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct schema_fault fault;
	msgpack_unpacked unpacked;
	size_t n_values, off = 0;

	if (guard_check(bytes, n, &n_values, &fault) != 0)
		return 0;
	msgpack_unpacked_init(&unpacked);
	fuzz_need(msgpack_unpack_next(&unpacked, (const char *)bytes, n,
				      &off) == MSGPACK_UNPACK_SUCCESS);
	fuzz_need(off == n && n_values_of(&unpacked.data) == n_values);
	msgpack_unpacked_destroy(&unpacked);
	return 0;
}
