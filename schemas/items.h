/* SPDX-License-Identifier: MIT */
/*
 * Items: the list of items in a body, the same in orders and picks of v2. For
 * decoders and encoders only.
 *
 *	[{ ingredient, quantity }]
 *
 * Whoever reads decides what becomes of each item: none is kept here.
 */
#ifndef SCHEMAS_ITEMS_H
#define SCHEMAS_ITEMS_H

#include "schemas/body.h"
#include "schemas/item.h"
#include "schemas/msgpack/writer.h"

/* Where reading a list stands. */
struct items {
	struct fields next; /* the element that is read next */
	struct body list;
	size_t n; /* elements of the list */
};

/* The list at @key, of 1 to @max elements; SCHEMA_E_CONTRACT for none. */
int items_open(struct items *ret, const struct fields *fields, size_t key,
	       uint32_t max);

/*
 * Is called n times after items_open(). SCHEMA_E_CONTRACT, and @ret undefined,
 * for what is no item: then no more.
 */
int items_read(struct items *items, struct item *ret);

/* Appends the list. */
void items_put(struct msgpack_writer *writer, const struct item *items,
	       size_t n);

#endif
