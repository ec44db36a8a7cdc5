/* SPDX-License-Identifier: MIT */
/*
 * Order key: what a client calls its command -> the ids of its events.
 *
 * One function reads the field Idempotency-Key for all handlers, so that a key
 * is the same key in each of its spellings: in double quotes or without, and,
 * if it is a UUID, in either case. The same key in the same stall always gives
 * the same id, so that sending a command again is the same command. A key that
 * is a UUID is the order's id itself; any other one gives a version 5 UUID (RFC
 * 9562, SHA-1) in the stall's namespace.
 */
#ifndef STOREFRONT_ORDER_KEY_H
#define STOREFRONT_ORDER_KEY_H

#include "infra/lib/text/text.h"
#include "producers/storefront/http/head.h"
#include "schemas/limits.h"
#include "schemas/order_id.h"

struct order_key {
	size_t n; /* 0: none came */
	bool is_id;
	struct order_id id; /* then */
	char p[TEXT_MAX_BYTES];
};

enum order_key_outcome { ORDER_KEY_E_BAD = 1 };

/* ORDER_KEY_E_BAD: @ret_why says what is wrong with the field. */
int order_key_read(struct order_key *ret, const struct http_head *head,
		   const char **ret_why);

/* The id of the order that is placed under it; without a key a fresh one. */
struct order_id order_key_id(const struct order_key *key, struct text stall);

/* The id of one of several events under it; without a key a fresh one. */
struct order_id order_key_event(const struct order_key *key, struct text stall,
				struct text name);

/* Version 5 of @name in @space. */
struct order_id order_key_v5(const struct order_id *space, struct text name);

#endif
