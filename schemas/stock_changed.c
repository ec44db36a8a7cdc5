/* SPDX-License-Identifier: MIT */
/*
 * Stock changed: see stock_changed.h.
 */
#include "schemas/stock_changed.h"

#include "schemas/outcome.h"

#include <assert.h>

#include "schemas/body.h"

enum key { STALL, INGREDIENT, DELTA, KIND, ORDER_ID, N_KEYS };

static const struct text keys[] = {
	[STALL] = TEXT_INIT("stall"),
	[INGREDIENT] = TEXT_INIT("ingredient"),
	[DELTA] = TEXT_INIT("delta"),
	[KIND] = TEXT_INIT("kind"),
	[ORDER_ID] = TEXT_INIT("order_id"),
};

static const struct text kinds[N_STOCK_CHANGES] = {
	[STOCK_CHANGE_ADDED] = TEXT_INIT("added"),
	[STOCK_CHANGE_COUNTED] = TEXT_INIT("counted"),
	[STOCK_CHANGE_RETURNED] = TEXT_INIT("returned"),
};

static int read_kind(struct stock_changed *changed, const struct fields *fields)
{
	struct text name;
	int r;

	r = fields_text(fields, KIND, &name);
	if (r != 0)
		return r;
	if (stock_change_parse(&changed->kind, name) != 0)
		return fields_fail(fields, KIND,
				   "must be added, counted or returned");
	if (changed->kind != STOCK_CHANGE_RETURNED)
		return 0;
	return fields_order_id(fields, ORDER_ID, &changed->order_id);
}

int stock_changed_decode(struct stock_changed *ret,
			 const struct envelope *envelope, const void *bytes,
			 size_t n, struct schema_fault *fault)
{
	struct stock_changed changed = { 0 };
	struct fields fields = { .keys = keys,
				 .n_keys = N_KEYS,
				 .fault = fault };
	int r;

	assert(envelope->type == EVENT_STOCK_CHANGED);
	r = fields_open(&fields, bytes, n);
	if (r == 0)
		r = fields_text(&fields, STALL, &changed.stall);
	if (r == 0)
		r = fields_text(&fields, INGREDIENT, &changed.ingredient);
	if (r == 0)
		r = fields_i64(&fields, DELTA, INT64_MIN, INT64_MAX,
			       &changed.delta);
	if (r == 0)
		r = read_kind(&changed, &fields);
	if (r == 0)
		*ret = changed;
	return r;
}

int stock_changed_encode(const struct stock_changed *changed,
			 struct msgpack_writer *writer)
{
	bool returned = changed->kind == STOCK_CHANGE_RETURNED;

	msgpack_put_map(writer, 4u + returned);
	msgpack_put_text(writer, keys[STALL]);
	msgpack_put_text(writer, changed->stall);
	msgpack_put_text(writer, keys[INGREDIENT]);
	msgpack_put_text(writer, changed->ingredient);
	msgpack_put_text(writer, keys[DELTA]);
	msgpack_put_i64(writer, changed->delta);
	msgpack_put_text(writer, keys[KIND]);
	msgpack_put_text(writer, kinds[changed->kind]);
	if (returned) {
		msgpack_put_text(writer, keys[ORDER_ID]);
		msgpack_put_order_id(writer, &changed->order_id);
	}
	return msgpack_writer_result(writer);
}

const char *stock_change_name(enum stock_change kind)
{
	return kinds[kind].p;
}

int stock_change_parse(enum stock_change *ret, struct text name)
{
	size_t i;

	if (text_index(&i, kinds, N_STOCK_CHANGES, name))
		return SCHEMA_E_CONTRACT;
	*ret = (enum stock_change)i;
	return 0;
}
