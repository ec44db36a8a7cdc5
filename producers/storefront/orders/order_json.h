/* SPDX-License-Identifier: MIT */
/*
 * Order json: bodies of requests -> commands, or what is wrong with them.
 *
 * Everything is checked here, before anything is published. Fields that are
 * not known are ignored, but not inside an item, where a misspelt "quantity"
 * would buy one slice in place of ten. A quantity is whole if its value is:
 * 1.0 and 1e2 are, since JSON has one kind of number. The members of `metadata`
 * keep their order, so that the same request gives the same bytes of msgpack.
 *
 * JSON sets no bounds to a number; jansson does, and refuses the whole text for
 * a number that it cannot represent, also in a field that nobody reads. So such
 * a number becomes a mark in the tree, and is wrong only where somebody asks
 * for it. The same is true of a \u0000 in a text.
 *
 * Pure but for the allocation of the parsed text, which is bounded by the
 * body's size.
 */
#ifndef STOREFRONT_ORDER_JSON_H
#define STOREFRONT_ORDER_JSON_H

#include <jansson.h>

#include "infra/lib/text/text.h"
#include "schemas/limits.h"
#include "schemas/messages/order_placed.h"
#include "schemas/messages/stock_command.h"

enum order_json_outcome { ORDER_JSON_E_BAD = 1 };

/* What the answer 400 says. */
struct order_json_fault {
	char what[128];
	char field[64]; /* "items[0].quantity"; "" when it is the whole body */
};

/* Owns what the texts of the parsed command point to. */
struct order_json {
	json_t *root;  /* an object */
	char mark[24]; /* of a number that jansson cannot represent, or "" */
	struct item items[ORDER_ITEMS_MAX];
	uint8_t metadata[METADATA_MAX_BYTES];
	bool counted; /* a restock: quantities are counts */
	int item;     /* that is being read, for the fault; -1: none */
	struct order_json_fault fault;
};

void order_json_deinit(struct order_json *json);

/* Borrow @json. ORDER_JSON_E_BAD: @json's fault says why. */

/* The order's id is not in the body, and is not set. */
int order_json_order(struct order_json *json, struct order_placed *ret,
		     struct text body);
/* @ret has the stall and the items; its other members are not used. */
int order_json_restock(struct order_json *json, struct order_placed *ret,
		       struct text body);

#endif
