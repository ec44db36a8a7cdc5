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

/* POST /orders, in place.c. */
void place_order(struct shop *shop, struct http_request *request,
		 const struct order_id *id);
/* POST /orders/{id}/cancel, in cancel.c. */
void cancel_order(struct shop *shop, struct http_request *request,
		  const struct order_id *id);
/* POST /restock, in restock.c. */
void restock(struct shop *shop, struct http_request *request,
	     const struct order_id *id);
/* GET /orders/{id} and GET /stock, in show.c. */
void show_order(struct shop *shop, struct http_request *request,
		const struct order_id *id);
void show_stock(struct shop *shop, struct http_request *request,
		const struct order_id *id);

/*
 * Reads an order. First the view's answer is merged into the cache, because the
 * cache may have newer facts, and only the cache knows accepted orders without
 * a decision. @order is the cached order, if all its fields are known; else the
 * view's; else NULL. @r is the view's outcome (VIEWS_E_*). Hands @request
 * through.
 */
typedef void (*order_read_fn)(struct shop *shop, struct http_request *request,
			      const struct order_id *id, int r,
			      const struct order *order);
void order_read(struct shop *shop, struct http_request *request,
		const struct order_id *id, order_read_fn fn);

/* What is answered when neither view nor cache has the order; @r as above. */
void answer_no_order(struct http_request *request, const struct order_id *id,
		     int r);

/* The stall that a query names. False: none, or that is no name of a stall. */
bool query_stall(const struct http_head *head, char out[static TEXT_MAX_BYTES],
		 struct text *ret);

#endif
