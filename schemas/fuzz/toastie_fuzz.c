/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: galore.toastie.
 */
#include "schemas/messages/toastie.h"

#include "schemas/fuzz/fuzz.h"

static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];

static void try(enum event_type type, const uint8_t *bytes, size_t n)
{
	struct envelope envelope = fuzz_envelope(type, 1);
	struct msgpack_writer a = MSGPACK_WRITER_INIT(first),
			      b = MSGPACK_WRITER_INIT(second);
	struct schema_fault fault;
	struct toastie toastie;

	if (toastie_decode(&toastie, &envelope, bytes, n, &fault) != 0)
		return;
	(void)toastie_encode(&toastie, &a);
	fuzz_need(toastie_decode(&toastie, &envelope, first, a.n, &fault) == 0);
	(void)toastie_encode(&toastie, &b);
	fuzz_same(&a, &b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	try(EVENT_TOASTIE, bytes, n);
	return 0;
}
