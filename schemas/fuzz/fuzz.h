/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: what the targets share. The input of each decoder's target is a body
 * as it stands in ../golden/ (the seeds); it is decoded as every version.
 *
 * What was decoded must survive its encoder: encoded, decoded and encoded
 * again it gives the same bytes. Anything else aborts.
 */
#ifndef SCHEMAS_FUZZ_FUZZ_H
#define SCHEMAS_FUZZ_FUZZ_H

#include <stdlib.h>

#include "schemas/envelope.h"
#include "schemas/limits.h"
#include "schemas/msgpack/writer.h"

/* Longer than the body of which it was decoded: no key stays away. */
enum { FUZZ_BYTES = 2 * PICK_MAX_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static inline void fuzz_need(bool holds)
{
	if (!holds)
		abort();
}

static inline struct envelope fuzz_envelope(enum event_type type, int version)
{
	struct envelope envelope;

	envelope_init(&envelope);
	envelope.type = type;
	envelope.version = version;
	return envelope;
}

/* Both hold the same bytes, all of them. */
static inline void fuzz_same(const struct msgpack_writer *a,
			     const struct msgpack_writer *b)
{
	fuzz_need(msgpack_writer_result(a) == 0 &&
		  msgpack_writer_result(b) == 0);
	fuzz_need(a->n == b->n && memcmp(a->p, b->p, a->n) == 0);
}

#endif
