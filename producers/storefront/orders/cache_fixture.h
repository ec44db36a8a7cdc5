/* SPDX-License-Identifier: MIT */
/* Cache fixture: orders that were accepted here, for tests. */
#ifndef STOREFRONT_BOARD_FIXTURE_H
#define STOREFRONT_BOARD_FIXTURE_H

#include "producers/storefront/orders/order_cache.h"

static inline void cache_accept(struct order_cache *cache,
				const struct order_placed *placed,
				int64_t number)
{
	struct order order;

	order_of_placed(&order, placed);
	order.number = number;
	order_cache_accept(cache, &order, order_placed_hash(placed));
	order_deinit(&order);
}

#endif
