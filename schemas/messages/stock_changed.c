/* SPDX-License-Identifier: MIT */
/* Stock changed: its table; only what was returned has the last row. */
#include "schemas/messages/stock_changed.h"

#include <assert.h>

#include "schemas/msgpack/fields.h"

static const struct field rows[] = {
	FIELD_TEXT(struct stock_changed, stall, MUST),
	FIELD_TEXT(struct stock_changed, ingredient, MUST),
	FIELD_I64(struct stock_changed, delta, MUST, INT64_MIN, INT64_MAX),
	FIELD_CHOICE(struct stock_changed, kind, MUST, stock_change_choice),
	FIELD_UUID(struct stock_changed, order_id, MUST),
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static size_t n_rows_of(const struct stock_changed *changed)
{
	return changed->kind == STOCK_CHANGE_RETURNED ? N_ROWS : N_ROWS - 1;
}

int stock_changed_decode(struct stock_changed *ret,
			 const struct envelope *envelope, const void *bytes,
			 size_t n, struct schema_fault *fault)
{
	const struct field_body body = { bytes, n, BODY_MAX_BYTES };
	struct stock_changed changed = { 0 };
	int r;

	assert(envelope->type == EVENT_STOCK_CHANGED);
	r = fields_decode(&changed, rows, N_ROWS - 1, &body, fault);
	if (!r && n_rows_of(&changed) == N_ROWS)
		r = fields_decode(&changed, rows, N_ROWS, &body, fault);
	if (!r)
		*ret = changed;
	return r;
}

int stock_changed_encode(const struct stock_changed *changed,
			 struct msgpack_writer *writer)
{
	return fields_encode(changed, rows, n_rows_of(changed), writer);
}
