/* SPDX-License-Identifier: MIT */
/*
 * Show: GET /orders/{id} and GET /stock, from the database's views. Each takes
 * the request.
 */
#ifndef STOREFRONT_SHOW_H
#define STOREFRONT_SHOW_H

#include "producers/storefront/shop.h"

void show_order(struct shop *shop, struct http_request *request,
		const struct order_id *id);
void show_stock(struct shop *shop, struct http_request *request);

#endif
