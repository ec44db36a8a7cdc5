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

void items_put(struct wire *wire, const struct item *items, size_t n)
{
	wire_put_array(wire, n);
	for (size_t i = 0; i < n; i++) {
		wire_put_map(wire, N_KEYS);
		wire_put_text(wire, keys[INGREDIENT]);
		wire_put_text(wire, items[i].ingredient);
		wire_put_text(wire, keys[QUANTITY]);
		wire_put_i64(wire, items[i].quantity);
	}
}
