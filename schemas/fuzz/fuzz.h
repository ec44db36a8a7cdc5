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

/* The target of a message of version 1, as each type of the list. */
/* clang-format off */
#define FUZZ_MESSAGE(message, ...)                                             \
	static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];                  \
                                                                               \
	static void try(enum event_type type, const uint8_t *bytes, size_t n)  \
	{                                                                      \
		struct envelope envelope = fuzz_envelope(type, 1);             \
		struct msgpack_writer a = MSGPACK_WRITER_INIT(first);          \
		struct msgpack_writer b = MSGPACK_WRITER_INIT(second);         \
		struct schema_fault fault;                                     \
		struct message it;                                             \
                                                                               \
		if (message##_decode(&it, &envelope, bytes, n, &fault) != 0)   \
			return;                                                \
		(void)message##_encode(&it, &a);                               \
		fuzz_need(message##_decode(&it, &envelope, first, a.n,         \
					   &fault) == 0);                      \
		(void)message##_encode(&it, &b);                               \
		fuzz_same(&a, &b);                                             \
	}                                                                      \
                                                                               \
	int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)             \
	{                                                                      \
		static const enum event_type types[] = { __VA_ARGS__ };        \
                                                                               \
		for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)    \
			try(types[i], bytes, n);                               \
		return 0;                                                      \
	}
/* clang-format on */

#endif
