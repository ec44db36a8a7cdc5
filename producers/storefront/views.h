/* SPDX-License-Identifier: MIT */
/*
 * Views: what the storefront reads of the database: three views, nothing
 * else. The only SQL of this program.
 *
 * The loop never waits for the database: threads of their own read, each in a
 * session of its own, and views_serve() hands the results over in the loop's
 * thread. A request that cannot be answered in time is answered
 * VIEWS_E_AWAY; each is answered exactly once, and never from within the call
 * that asks.
 */
#ifndef STOREFRONT_VIEWS_H
#define STOREFRONT_VIEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/text/text.h"
#include "producers/storefront/orders/order.h"
#include "producers/storefront/shop.h"

struct views;

enum views_outcome {
	VIEWS_E_NONE = 1, /* there is no such order */
	VIEWS_E_AWAY,     /* not readable in time */
};

/* Starts the readers; the database need not be there. Borrows @shop's loop,
 * which is woken when results wait, and its settings. */
int views_new(struct views **ret, const struct shop *shop);
/* Ends the readers; requests that wait are answered VIEWS_E_AWAY first. */
struct views *views_free(struct views *views);
DEFINE_CLEANUP(struct views, views_free);

/* @order is given with 0 only, and borrowed until the function returns. */
typedef void (*views_order_fn)(void *arg, int r, const struct order *order);
void views_order(struct views *views, const struct order_id *id,
		 views_order_fn fn, void *arg);

/* @json with 0 only: {"bread":10,"cheese":9}, names sorted by their bytes. */
typedef void (*views_stock_fn)(void *arg, int r, const struct buf *json);
void views_stock(struct views *views, struct text stall, views_stock_fn fn,
		 void *arg);

/* Calls the functions of what has been answered. */
void views_serve(struct views *views);

/* Has the database answered lately? */
bool views_ready(const struct views *views);

#endif
