/* SPDX-License-Identifier: MIT */
/*
 * Cancel order: POST /orders/{id}/cancel.
 *
 * Only of an order that has been decided: its customer and its stall, which
 * the cancellation has to carry, are in the view. One that is on a plate, or at
 * its end, is 409; one that was cancelled already is cancelled again, which
 * changes nothing. What becomes of the wish is decided by the workers, who may
 * have started the toastie meanwhile; 202 says that it is on its way.
 */
#ifndef STOREFRONT_CANCEL_ORDER_H
#define STOREFRONT_CANCEL_ORDER_H

#include "producers/storefront/shop.h"
#include "schemas/order_id.h"

/* Takes @request. */
void cancel_order(struct shop *shop, struct http_request *request,
		  const struct order_id *id);

#endif
