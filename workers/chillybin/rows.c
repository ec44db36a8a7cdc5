/* SPDX-License-Identifier: MIT */
/* Rows: by id, by event, and by stall and ingredient. */
#include "workers/chillybin/rows.h"

#include "infra/lib/text/hash.h"

static uint64_t hash_of(struct text a, struct text b)
{
	return hash_bytes(a.p, a.n) * 31 + hash_bytes(b.p, b.n);
}

/* ---- orders and changes of stock ---- */

void loaded_reset(struct loaded *loaded)
{
	table_reset(&loaded->orders);
	table_reset(&loaded->changes);
}

void loaded_deinit(struct loaded *loaded)
{
	table_deinit(&loaded->orders);
	table_deinit(&loaded->changes);
}

static uint64_t id_hash(const struct order_id *id)
{
	return hash_bytes(id->bytes, sizeof(id->bytes));
}

static bool is_order(const void *key, const void *value)
{
	const struct order_row *row = value;

	return !order_id_compare(key, &row->id);
}

void loaded_add_order(struct loaded *loaded, struct order_row *row)
{
	table_add(&loaded->orders, id_hash(&row->id), row);
}

struct order_row *loaded_order(const struct loaded *loaded,
			       const struct order_id *id)
{
	return table_find(&loaded->orders, id_hash(id), is_order, id);
}

static bool is_event(const void *key, const void *value)
{
	const struct change_row *wanted = key, *row = value;

	return text_equal(wanted->source, row->source) &&
	       text_equal(wanted->event_id, row->event_id);
}

struct change_row *loaded_change(const struct loaded *loaded,
				 struct text source, struct text event_id)
{
	struct change_row wanted = { .source = source, .event_id = event_id };

	return table_find(&loaded->changes, hash_of(source, event_id), is_event,
			  &wanted);
}

void loaded_add_change(struct loaded *loaded, struct change_row *row)
{
	struct change_row *first =
		loaded_change(loaded, row->source, row->event_id);

	if (first) {
		row->next = first->next;
		first->next = row;
	} else {
		row->next = NULL;
		table_add(&loaded->changes, hash_of(row->source, row->event_id),
			  row);
	}
}

/* ---- stock ---- */

void stock_snapshot_reset(struct stock_snapshot *snapshot)
{
	snapshot->first = snapshot->last = NULL;
	table_reset(&snapshot->table);
}

void stock_snapshot_deinit(struct stock_snapshot *snapshot)
{
	table_deinit(&snapshot->table);
	*snapshot = (struct stock_snapshot){ 0 };
}

static bool is_stock(const void *key, const void *value)
{
	const struct stock_row *wanted = key, *row = value;

	return text_equal(wanted->stall, row->stall) &&
	       text_equal(wanted->ingredient, row->ingredient);
}

struct stock_row *stock_row_of(struct stock_snapshot *snapshot,
			       struct arena *arena, struct text stall,
			       struct text ingredient, int64_t quantity)
{
	struct stock_row wanted = {
		.stall = stall,
		.ingredient = ingredient,
		.quantity = quantity,
	};
	uint64_t hash = hash_of(stall, ingredient);
	struct stock_row *row =
		table_find(&snapshot->table, hash, is_stock, &wanted);

	if (row)
		return row;
	row = arena_copy(arena, &wanted, sizeof(wanted));
	table_add(&snapshot->table, hash, row);
	if (snapshot->last)
		snapshot->last->next = row;
	else
		snapshot->first = row;
	snapshot->last = row;
	return row;
}

void stock_snapshot_undo(struct stock_snapshot *snapshot)
{
	for (struct stock_row *row = snapshot->first; row; row = row->next) {
		row->delta = 0;
		row->used = false;
		row->made = false;
	}
}

int64_t stock_left(const struct stock_row *row)
{
	if (row->quantity == STOCK_UNREAD)
		return INT64_MAX;
	return (row->quantity == STOCK_NONE ? 0 : row->quantity) + row->delta;
}
