/* SPDX-License-Identifier: MIT */
/*
 * Handlers: what is done for the requests about orders and stock. Each is a
 * handler_fn (shop.h) and answers the request.
 */
#ifndef STOREFRONT_HANDLERS_H
#define STOREFRONT_HANDLERS_H

#include "producers/storefront/http/head.h"
#include "producers/storefront/orders/order.h"
#include "producers/storefront/shop.h"
#include "schemas/limits.h"

handler_fn place_order;  /* POST /orders, in place.c */
handler_fn cancel_order; /* POST /orders/{id}/cancel, in cancel.c */
handler_fn restock;      /* POST /restock, in restock.c */
handler_fn show_order;   /* GET /orders/{id}, in show.c */
handler_fn show_stock;   /* GET /stock, there too */

/*
 * Reads an order. First the view's answer is merged into the cache, because the
 * cache may have newer facts, and only the cache knows accepted orders without
 * a decision. Then @fn is called with what is known.
 */
struct order_read {
	struct shop *shop;
	struct http_request *request; /* as it was given */
	struct order_id id;
	void (*fn)(const struct order_read *read);
	int r; /* the view's outcome (VIEWS_E_*) */
	/* The cached order, if all its fields are known; else the view's; else
	 * NULL. */
	const struct order *order;
};
void order_read(struct shop *shop, struct http_request *request,
		const struct order_id *id,
		void (*fn)(const struct order_read *read));

/* What is answered when neither view nor cache has the order. */
void answer_no_order(const struct order_read *read);

/* The stall that a query names. False: none, or that is no name of a stall. */
bool query_stall(const struct http_head *head, char out[static TEXT_MAX_BYTES],
		 struct text *ret);

#endif
