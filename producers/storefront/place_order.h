/* SPDX-License-Identifier: MIT */
/*
 * Place order: POST /orders and POST /orders/{id}/cancel.
 *
 * An order is checked, gets its id and is published; 202 goes out after the
 * broker's acknowledgement and not before. The same key again is the same
 * order: it is published again and answered by its recorded verdict.
 */
#ifndef STOREFRONT_PLACE_ORDER_H
#define STOREFRONT_PLACE_ORDER_H

#include "producers/storefront/shop.h"

/* Both take @request. */
void place_order(struct shop *shop, struct http_request *request);
/* Only of an order that has been decided: its customer is in the view. */
void place_cancellation(struct shop *shop, struct http_request *request,
			const struct order_id *id);

#endif
