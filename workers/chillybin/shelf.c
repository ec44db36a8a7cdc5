/* SPDX-License-Identifier: MIT */
/* Shelf: rows by stall and ingredient. */
#include "workers/chillybin/shelf.h"

#include "infra/lib/hash.h"
#include "infra/lib/xalloc.h"

static bool is_row(const void *key, const void *value)
{
	const struct shelf_row *wanted = key, *row = value;

	return text_equal(wanted->stall, row->stall) &&
	       text_equal(wanted->ingredient, row->ingredient);
}

void shelf_reset(struct shelf *shelf)
{
	shelf->n_rows = 0;
	table_reset(&shelf->table);
}

void shelf_deinit(struct shelf *shelf)
{
	for (size_t i = 0; i < shelf->cap; i++)
		free(shelf->rows[i]);
	free(shelf->rows);
	table_deinit(&shelf->table);
	*shelf = (struct shelf){ 0 };
}

static struct shelf_row *next_row(struct shelf *shelf)
{
	if (shelf->n_rows == shelf->cap) {
		size_t cap = shelf->cap ? shelf->cap * 2 : 16;

		shelf->rows =
			xreallocarray(shelf->rows, cap, sizeof(*shelf->rows));
		for (size_t i = shelf->cap; i < cap; i++)
			shelf->rows[i] = xmalloc(sizeof(**shelf->rows));
		shelf->cap = cap;
	}
	return shelf->rows[shelf->n_rows++];
}

struct shelf_row *shelf_row(struct shelf *shelf, struct text stall,
			    struct text ingredient, int64_t quantity)
{
	struct shelf_row wanted = {
		.stall = stall,
		.ingredient = ingredient,
		.quantity = quantity,
	};
	uint64_t hash = hash_bytes(stall.p, stall.n) * 31 +
			hash_bytes(ingredient.p, ingredient.n);
	struct shelf_row *row =
		table_find(&shelf->table, hash, is_row, &wanted);

	if (row)
		return row;
	row = next_row(shelf);
	*row = wanted;
	table_add(&shelf->table, hash, row);
	return row;
}

void shelf_undo(struct shelf *shelf)
{
	for (size_t i = 0; i < shelf->n_rows; i++) {
		shelf->rows[i]->delta = 0;
		shelf->rows[i]->used = false;
		shelf->rows[i]->made = false;
	}
}

int64_t shelf_left(const struct shelf_row *row)
{
	if (row->quantity == SHELF_UNREAD)
		return INT64_MAX;
	return (row->quantity == SHELF_NONE ? 0 : row->quantity) + row->delta;
}
