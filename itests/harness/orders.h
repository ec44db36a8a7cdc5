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
struct order_placed order_of(uint8_t n);
struct order_id order_id_of(uint8_t n);

/* So much more of an ingredient at `main`; @event_id makes it one event. */
void orders_restock(struct bus *bus, const char *ingredient, int32_t quantity,
		    const char *event_id);

/* What the tables say, but for when and by whom: equal states, equal texts. */
void orders_digest(struct world *world, struct buf *ret);

#endif
