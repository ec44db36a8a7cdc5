/* SPDX-License-Identifier: MIT */
/*
 * galore.order.placed: a customer wants a toastie. A command on `orders`.
 *
 *	v1 { order_id, ingredients: [str], doneness }
 *	v2 { order_id, stall, customer?, items: [{ ingredient, quantity }],
 *	     doneness?, grill?, metadata? }
 *
 * v1 is lifted: customer, stall and grill come from its headers (stall `main`
 * and grill true without), equal names are summed. In v2 they are summed too:
 * each ingredient stands once in an order, in the order first named.
 */
#ifndef SCHEMAS_ORDER_PLACED_H
#define SCHEMAS_ORDER_PLACED_H

#include "schemas/envelope.h"
#include "schemas/limits.h"
#include "schemas/messages/choices.h"
#include "schemas/messages/items.h"
#include "schemas/msgpack/writer.h"
#include "schemas/order_id.h"
#include "schemas/outcome.h"

struct order_placed {
	struct order_id order_id;
	int version; /* what it came as */
	enum doneness doneness;
	bool grill;
	struct text stall;
	struct text customer;     /* empty: nobody in particular */
	const struct item *items; /* borrowed from the caller's storage */
	size_t n_items;           /* 1 to ORDER_ITEMS_MAX */
	struct text metadata;     /* a msgpack map's bytes; empty: none */
};

/*
 * @items is an array of ORDER_ITEMS_MAX. @envelope has been checked. Texts are
 * borrowed from @bytes and @envelope. Positive: SCHEMA_E_*.
 */
int order_placed_decode(struct order_placed *ret, struct item *items,
			const struct envelope *envelope, const void *bytes,
			size_t n, struct schema_fault *fault);

/*
 * Appends the body. SCHEMA_E_CONTRACT when @version cannot say it: v1 has no
 * metadata and at most ORDER_LINES_MAX names. -ENOBUFS: the buffer is too
 * small. The customer belongs into a header whatever the version.
 */
int order_placed_encode(const struct order_placed *order, int version,
			struct msgpack_writer *writer);
/* Sets the headers of what the body of version 1 leaves out. */
void order_placed_headers_v1(const struct order_placed *order,
			     struct envelope *envelope);

/*
 * Of the content: stall, customer, items in any order, doneness, grill,
 * metadata; not of the id and not of the version, so that the same order as v1
 * and as v2 is equal. Never 0. XXH3, the same on every machine for ever. A
 * client that makes two orders of one id and one hash gains nothing: the second
 * counts as a repeat of the first.
 */
uint64_t order_placed_hash(const struct order_placed *order);

#endif
