/* SPDX-License-Identifier: MIT */
/*
 * Orders: what the i-th order is, from the seed and i alone. Pure.
 *
 * So nothing that was sent needs to be remembered: a duplicate, and the line
 * of the record that is written when the acknowledgement comes, are made from
 * the index again.
 */
#ifndef STAMPEDE_ORDERS_H
#define STAMPEDE_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "producers/stampede/conf.h"
#include "schemas/messages/order_placed.h"

enum {
	N_INGREDIENTS = 8,
	STALLS_MAX = 1000,
	STALL_NAME_MAX = 64,
};

extern const struct text ingredient_names[N_INGREDIENTS];

struct orders {
	uint64_t seed;
	int64_t v1_percent;
	int64_t n_customers;
	bool grill;
	int64_t chances[N_INGREDIENTS]; /* of a hundred */
	char (*stalls)[STALL_NAME_MAX];
	size_t n_stalls;
};

enum orders_outcome { ORDERS_E_SETTING = 1 };

/* ORDERS_E_SETTING: STALLS, ITEMS or GRILL makes no sense; said on stderr. */
int orders_init(struct orders *ret, const struct conf *conf, uint64_t seed);
void orders_deinit(struct orders *orders);

/* An order, and the room that its texts point into: never copied. */
struct made_order {
	struct order_placed order; /* .version is what it is sent as */
	struct item items[N_INGREDIENTS];
	char customer[32];
	char id[ORDER_ID_CHARS + 1];
};

void orders_make(const struct orders *orders, uint64_t index,
		 struct made_order *ret);

struct text orders_stall(const struct orders *orders, size_t i);

#endif
