/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: what the targets share. The input of each decoder's target is a body
 * as it stands in ../golden/ (the seeds); it is decoded as every version.
 *
 * A decoder refuses as malformed what msgpack_check() does not let pass, and
 * nothing else. What was decoded must survive its encoder: encoded, decoded and
 * encoded again it gives the same bytes. Anything else aborts.
 */
#ifndef SCHEMAS_FUZZ_FUZZ_H
#define SCHEMAS_FUZZ_FUZZ_H

#include <stdlib.h>

#include "schemas/oracle.h"

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

static inline void fuzz_message(enum event_type type, int version,
				const uint8_t *bytes, size_t n)
{
	static uint8_t first[FUZZ_BYTES], second[FUZZ_BYTES];
	static struct oracle_message it;
	struct envelope envelope = fuzz_envelope(type, version);
	struct msgpack_writer a = MSGPACK_WRITER_INIT(first),
			      b = MSGPACK_WRITER_INIT(second);
	size_t max_bytes = type == EVENT_PICK ? PICK_MAX_BYTES : BODY_MAX_BYTES;
	struct schema_fault fault;
	uint64_t hash = 0;
	int r;

	r = oracle_decode(&it, &envelope, bytes, n, &fault);
	fuzz_need((r == SCHEMA_E_MALFORMED) ==
		  (msgpack_check(bytes, n, max_bytes, NULL, NULL) != 0));
	if (r)
		return;
	if (type == EVENT_ORDER_PLACED)
		hash = order_placed_hash(&it.order);
	if (type == EVENT_PICK)
		fuzz_need((version == 2 || it.pick.n_items == 1) &&
			  it.pick.line < it.pick.lines &&
			  it.pick.lines <= ORDER_ITEMS_MAX);
	(void)oracle_encode(&it, &envelope, &a);
	fuzz_need(oracle_decode(&it, &envelope, first, a.n, &fault) == 0);
	(void)oracle_encode(&it, &envelope, &b);
	fuzz_same(&a, &b);
	if (type == EVENT_ORDER_PLACED)
		fuzz_need(order_placed_hash(&it.order) == hash);
}

/* The target of a message: as each type of the list, in every version. */
/* clang-format off */
#define FUZZ_MESSAGE(...)                                                      \
	int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)             \
	{                                                                      \
		static const enum event_type types[] = { __VA_ARGS__ };        \
                                                                               \
		for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)    \
			for (int v = event_newest(types[i]); v > 0; v--)       \
				fuzz_message(types[i], v, bytes, n);           \
		return 0;                                                      \
	}
/* clang-format on */

#endif
