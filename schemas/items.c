/* SPDX-License-Identifier: MIT */
/*
 * Items: see items.h.
 */
#include "schemas/items.h"

enum key { INGREDIENT, QUANTITY, N_KEYS };

static const struct text keys[] = {
	[INGREDIENT] = TEXT_INIT("ingredient"),
	[QUANTITY] = TEXT_INIT("quantity"),
};

int items_open(struct items *ret, const struct fields *fields, size_t key,
	       uint32_t max)
{
	ret->next.keys = keys;
	ret->next.n_keys = N_KEYS;
	ret->next.list = fields->keys[key].p;
	ret->next.index = 0;
	ret->next.fault = fields->fault;
	return fields_list(fields, key, 1, max, &ret->n, &ret->list);
}

int items_read(struct items *items, struct item *ret)
{
	struct fields *fields = &items->next;
	int r;

	r = fields_read(fields, &items->list);
	if (r == 0)
		r = fields_text(fields, INGREDIENT, &ret->ingredient);
	if (r == 0)
		r = fields_i32(fields, QUANTITY, 1, QUANTITY_MAX,
			       &ret->quantity);
	fields->index++;
	return r;
}

void items_put(struct msgpack_writer *writer, const struct item *items,
	       size_t n)
{
	msgpack_put_array(writer, n);
	for (size_t i = 0; i < n; i++) {
		msgpack_put_map(writer, N_KEYS);
		msgpack_put_text(writer, keys[INGREDIENT]);
		msgpack_put_text(writer, items[i].ingredient);
		msgpack_put_text(writer, keys[QUANTITY]);
		msgpack_put_i64(writer, items[i].quantity);
	}
}
