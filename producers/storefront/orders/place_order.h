/* SPDX-License-Identifier: MIT */
/*
 * Place order: POST /orders.
 *
 * An order is checked, gets its id and is published; 202 goes out after the
 * broker's acknowledgement and not before. The same key again is the same
 * order: it is published again and answered by its recorded verdict. Another
 * order under that key is a conflict, also when both come at once.
 */
#ifndef STOREFRONT_PLACE_ORDER_H
#define STOREFRONT_PLACE_ORDER_H

#include "producers/storefront/shop.h"

/* Takes @request. */
void place_order(struct shop *shop, struct http_request *request);

#endif
