/* SPDX-License-Identifier: MIT */
/*
 * Shop: a customer of the storefront, over HTTP.
 */
#ifndef HARNESS_SHOP_H
#define HARNESS_SHOP_H

#include "itests/harness/http.h"
#include "itests/harness/world.h"

/* Any request; what cannot be asked fails the test. */
struct http_answer shop_ask(const struct program *storefront,
			    const struct http_ask *ask);
struct http_answer shop_get(const struct program *storefront, const char *path);

/* POST /orders, answered 202: the order's id. @key may be NULL. */
void shop_order(const struct program *storefront, const char *body,
		const char *key, char ret_id[37]);
/* POST /restock, answered 202, and waits until the stock shows it. */
void shop_restock(const struct program *storefront, const char *stall,
		  const char *ingredient, int64_t quantity);
/* Of GET /stock; -1: the stall never had it. */
int64_t shop_stock(const struct program *storefront, const char *stall,
		   const char *ingredient);
/* GET /orders/ID as it is now, owned by the caller. */
json_t *shop_see(const struct program *storefront, const char *id);
/* The same, waiting for that state. */
json_t *shop_wait(const struct program *storefront, const char *id,
		  const char *state);

/* A text of a JSON object, "" when it is not there or null. */
const char *text_at(const json_t *object, const char *name);

#endif
