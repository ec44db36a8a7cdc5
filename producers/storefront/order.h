/* SPDX-License-Identifier: MIT */
/*
 * Order: what the storefront knows of one order, and its JSON.
 *
 * Items and what is missing are kept as the JSON that goes out, made once.
 * Made by whoever hears of the order first (a request, a fact, the view);
 * owned by whoever has the struct.
 */
#ifndef STOREFRONT_ORDER_H
#define STOREFRONT_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/str.h"
#include "infra/lib/text.h"
#include "producers/storefront/order_state.h"
#include "schemas/doneness.h"
#include "schemas/item.h"
#include "schemas/missing.h"
#include "schemas/order_id.h"
#include "schemas/order_placed.h"

#define ORDER_NUMBER_NONE INT64_C(-1)

struct order {
	struct order_id id;
	int64_t number; /* ORDER_NUMBER_NONE: not known */
	char *stall;
	char *customer; /* NULL: nobody in particular */
	char *items;    /* JSON; NULL: nothing but facts is known */
	char *missing;  /* JSON; NULL: nothing is missing */
	char *plate;    /* "grill/plate"; NULL: on none */
	enum doneness doneness;
	struct order_facts facts;
};

/* An order of which nothing is known but its id. */
void order_init(struct order *order, const struct order_id *id);
/* As its command says it. Copies. */
void order_of_placed(struct order *order, const struct order_placed *placed);
void order_deinit(struct order *order);

/* Sets a text that the order owns; an absent or empty one becomes NULL. */
void order_set(char **field, struct text text);
void order_set_items(struct order *order, const struct item *items, size_t n);
void order_set_missing(struct order *order, const struct missing *missing,
		       size_t n);
/* @plate below 0: none. */
void order_set_plate(struct order *order, struct text grill, int64_t plate);

/* Appends {"order_id":...,"number":...,"code":... without an end: how every
 * answer names an order. */
void order_name_json(const struct order_id *id, int64_t number,
		     struct buf *out);
/* Appends the object that GET /orders/{id} answers, without a line end. */
void order_json(const struct order *order, struct buf *out);

#endif
