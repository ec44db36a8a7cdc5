/* SPDX-License-Identifier: MIT */
/* Board fixture: orders that were accepted here, for tests. */
#ifndef STOREFRONT_BOARD_FIXTURE_H
#define STOREFRONT_BOARD_FIXTURE_H

#include "producers/storefront/order_board.h"

static inline void board_accept(struct order_board *board,
				const struct order_placed *placed,
				int64_t number)
{
	struct order order;

	order_of_placed(&order, placed);
	order.number = number;
	order_board_accept(board, &order, order_placed_hash(placed));
	order_deinit(&order);
}

#endif
