/* SPDX-License-Identifier: MIT */
/*
 * Order key: what a client calls its order -> the order's id.
 *
 * The same key in the same stall always gives the same id, so that sending an
 * order again is the same order. A key that is a UUID is the id itself; any
 * other key gives a version 5 UUID (RFC 9562, SHA-1) in the stall's namespace.
 */
#ifndef STOREFRONT_ORDER_KEY_H
#define STOREFRONT_ORDER_KEY_H

#include "schemas/order_id.h"
#include "schemas/text.h"

enum order_key_outcome { ORDER_KEY_E_BAD = 1 };

/*
 * @key may stand in double quotes. ORDER_KEY_E_BAD: it is empty, not clean,
 * or longer than TEXT_MAX_CHARS.
 */
int order_key_id(struct order_id *ret, struct text stall, struct text key);

/* Version 7, from the clock and the system's randomness. */
struct order_id order_key_fresh(void);

/* Version 5 of @name in @space. */
struct order_id order_key_v5(const struct order_id *space, struct text name);

/* The namespace of the keys of @stall. */
struct order_id order_key_space(struct text stall);

#endif
