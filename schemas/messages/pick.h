/* SPDX-License-Identifier: MIT */
/*
 * galore.pick: what was decided about an order. A fact on `picks`.
 *
 *	v1 { order_id, ingredient, quantity, line, lines, picked, doneness }
 *	v2 { order_id, number, stall, customer?, items, doneness, grill,
 *	     verdict, reason?, missing: [{ ingredient, wanted, left? }] }
 *
 * v1 is one event an ingredient: line 0 to lines - 1, and a reader has the
 * order when it has them all. What its body lacks is lifted from the headers:
 * customer, stall, number, verdict (without one: picked or refused), reason,
 * missing, grill. v2 is one event an order: line 0 of 1.
 */
#ifndef SCHEMAS_PICK_H
#define SCHEMAS_PICK_H

#include "schemas/envelope.h"
#include "schemas/limits.h"
#include "schemas/messages/choices.h"
#include "schemas/messages/items.h"
#include "schemas/msgpack/writer.h"
#include "schemas/order_id.h"
#include "schemas/outcome.h"

#define PICK_NUMBER_NONE INT64_C(-1)

struct pick {
	struct order_id order_id;
	int64_t number; /* 0 and above; v1: or PICK_NUMBER_NONE */
	int64_t seq;    /* the envelope's; -1 when absent */
	int version;    /* what it came as */
	int32_t line, lines;
	enum verdict verdict;
	enum doneness doneness;
	bool grill;
	struct text stall;
	struct text customer; /* may be empty */
	struct text reason;   /* may be empty */
	const struct item *items;
	size_t n_items; /* v1: 1; v2: 1 to ORDER_ITEMS_MAX */
	const struct missing *missing;
	size_t n_missing; /* 0 to ORDER_ITEMS_MAX */
};

/* What a decoded pick borrows besides the record: keep one and reuse it. */
struct pick_storage {
	struct item items[ORDER_ITEMS_MAX];
	struct missing missing[ORDER_ITEMS_MAX];
	char names[MISSING_NAMES_BYTES]; /* of a v1 header, decoded */
};

/*
 * Items and missing are in @storage, texts are borrowed from @bytes, @envelope
 * and @storage. Positive: SCHEMA_E_*.
 */
int pick_decode(struct pick *ret, struct pick_storage *storage,
		const struct envelope *envelope, const void *bytes, size_t n,
		struct schema_fault *fault);

/*
 * Appends item @line as one of n_items lines. What v1 leaves out belongs into
 * the headers. -ENOBUFS: the buffer is too small.
 */
int pick_encode_v1(const struct pick *pick, size_t line,
		   struct msgpack_writer *writer);

/* Appends the whole pick. -ENOBUFS: the buffer is too small. */
int pick_encode_v2(const struct pick *pick, struct msgpack_writer *writer);

#endif
