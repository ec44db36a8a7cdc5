/* SPDX-License-Identifier: MIT */
/*
 * Shop: a customer of the storefront, over HTTP.
 */
#ifndef HARNESS_SHOP_H
#define HARNESS_SHOP_H

#include "itests/harness/http.h"
#include "itests/harness/world.h"

/* Orders at `main`: what most tests ask for, one slice of cheese, and what
 * nobody ever had so much of. */
#define SHOP_TOASTIE_WITH(more)                                                \
	"{\"stall\":\"main\",\"customer\":\"gita\",\"items\":["                \
	"{\"ingredient\":\"cheese\",\"quantity\":1},"                          \
	"{\"ingredient\":\"bread\",\"quantity\":2}]" more "}"
#define SHOP_TOASTIE SHOP_TOASTIE_WITH("")
#define SHOP_SLICE                                                             \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"cheese\","           \
	"\"quantity\":1}]}"

/* A storefront and a chillybin that are ready. */
struct program *shop_open(struct world *world);

/* Any request; what cannot be asked fails the test. */
struct http_answer shop_ask(const struct program *storefront,
			    const struct http_ask *ask);
struct http_answer shop_get(const struct program *storefront, const char *path);
/* The status of the answer, which is dropped; the same of a POST. */
int shop_status(const struct program *storefront, const struct http_ask *ask);
int shop_post(const struct program *storefront, const char *path,
	      const char *body);

/* POST /orders, answered 202: the order's id. @key may be NULL. */
void shop_order(const struct program *storefront, const char *body,
		const char *key, char ret_id[37]);
/* Such a slice again and again under one key, as a client does that is
 * answered 503, until it is accepted. */
void shop_insist(const struct program *storefront, const char *key);
/* POST /restock of bread, cheese and vegemite at `main`, and waits until the
 * stock shows them. */
void shop_restock(const struct program *storefront, int64_t quantity);
/* Of GET /stock at `main`; -1: the stall never had it. */
int64_t shop_stock(const struct program *storefront, const char *ingredient);
/* GET /orders/ID as it is now, owned by the caller. */
json_t *shop_see(const struct program *storefront, const char *id);
/* The same, waiting for that state. */
json_t *shop_wait(const struct program *storefront, const char *id,
		  const char *state);

/* A text of a JSON object, "" when it is not there or null. */
const char *text_at(const json_t *object, const char *name);
/* That member, written compactly, or the test fails. */
void expect_member(const json_t *object, const char *name,
		   const char *expected);

#endif
