/* SPDX-License-Identifier: MIT */
/* Known: orders by id and changes of stock by event, for one batch. */
#include "infra/lib/hash.h"
#include "workers/chillybin/decide.h"

void known_reset(struct known *known)
{
	table_reset(&known->orders);
	table_reset(&known->changes);
}

void known_deinit(struct known *known)
{
	table_deinit(&known->orders);
	table_deinit(&known->changes);
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

void known_add_order(struct known *known, struct order_row *row)
{
	table_add(&known->orders, id_hash(&row->id), row);
}

struct order_row *known_order(const struct known *known,
			      const struct order_id *id)
{
	return table_find(&known->orders, id_hash(id), is_order, id);
}

static uint64_t event_hash(struct text source, struct text event_id)
{
	return hash_bytes(source.p, source.n) * 31 +
	       hash_bytes(event_id.p, event_id.n);
}

static bool is_event(const void *key, const void *value)
{
	const struct change_row *wanted = key, *row = value;

	return text_equal(wanted->source, row->source) &&
	       text_equal(wanted->event_id, row->event_id);
}

struct change_row *known_change(const struct known *known, struct text source,
				struct text event_id)
{
	struct change_row wanted = { .source = source, .event_id = event_id };

	return table_find(&known->changes, event_hash(source, event_id),
			  is_event, &wanted);
}

void known_add_change(struct known *known, struct change_row *row)
{
	struct change_row *first =
		known_change(known, row->source, row->event_id);

	if (first) {
		row->next = first->next;
		first->next = row;
	} else {
		row->next = NULL;
		table_add(&known->changes,
			  event_hash(row->source, row->event_id), row);
	}
}
