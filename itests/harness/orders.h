/* SPDX-License-Identifier: MIT */
/*
 * Orders: commands made by hand, for tests that put them onto topics
 * themselves.
 */
#ifndef HARNESS_ORDERS_H
#define HARNESS_ORDERS_H

#include "itests/harness/bus.h"

/* One cheese and two bread at `main` for `gita`, doneness light. The n-th of
 * them: ids differ, nothing else. Borrows static memory. */
struct order_placed order_of(uint32_t n);
struct order_id order_id_of(uint32_t n);

/* Stock for many of them: bread and cheese; waits until it is there. */
void orders_stock_up(struct world *world, struct bus *bus);
/* The @first of them up to @end, to one partition; -1: by their keys. They are
 * on the topic when this returns. */
void orders_send(struct bus *bus, uint32_t first, uint32_t end,
		 int32_t partition);
/* Waits until so many orders are decided. */
void orders_wait_decided(struct world *world, int64_t n, int64_t timeout_ms);

/* So much more of an ingredient at `main`; @event_id makes it one event. */
void orders_restock(struct bus *bus, const char *ingredient, int32_t quantity,
		    const char *event_id);

/* What the tables say, but for when and by whom: equal states, equal texts. */
void orders_digest(struct world *world, struct buf *ret);

#endif
