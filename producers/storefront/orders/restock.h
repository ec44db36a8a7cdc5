/* SPDX-License-Identifier: MIT */
/*
 * Restock: POST /restock. One command on `restocks` an ingredient; 202 when
 * the broker has acknowledged them all.
 */
#ifndef STOREFRONT_RESTOCK_H
#define STOREFRONT_RESTOCK_H

#include "producers/storefront/shop.h"

/* Takes @request. */
void restock(struct shop *shop, struct http_request *request);

#endif
