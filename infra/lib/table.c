/* SPDX-License-Identifier: MIT */
/* Table: linear probing, at most half full. One thread at a time. */
#include "infra/lib/table.h"

#include <string.h>

#include "infra/lib/xalloc.h"

#define FIRST_SIZE ((size_t)64)

static struct table_slot *free_slot(const struct table *table, uint64_t hash)
{
	size_t i = hash & (table->size - 1);

	while (table->slots[i].value)
		i = (i + 1) & (table->size - 1);
	return &table->slots[i];
}

static void grow(struct table *table)
{
	struct table bigger = { .n = table->n };

	bigger.size = table->size ? table->size * 2 : FIRST_SIZE;
	bigger.slots = xcalloc(bigger.size, sizeof(*bigger.slots));
	for (size_t i = 0; i < table->size; i++)
		if (table->slots[i].value)
			*free_slot(&bigger, table->slots[i].hash) =
				table->slots[i];
	free(table->slots);
	*table = bigger;
}

void *table_find(const struct table *table, uint64_t hash, table_equal_fn equal,
		 const void *key)
{
	if (!table->size)
		return NULL;
	for (size_t i = hash & (table->size - 1); table->slots[i].value;
	     i = (i + 1) & (table->size - 1))
		if (table->slots[i].hash == hash &&
		    equal(key, table->slots[i].value))
			return table->slots[i].value;
	return NULL;
}

void table_add(struct table *table, uint64_t hash, void *value)
{
	if (table->n * 2 >= table->size)
		grow(table);
	*free_slot(table, hash) = (struct table_slot){ hash, value };
	table->n++;
}

void table_reset(struct table *table)
{
	if (table->n)
		memset(table->slots, 0, table->size * sizeof(*table->slots));
	table->n = 0;
}

void table_deinit(struct table *table)
{
	free(table->slots);
	*table = (struct table){ 0 };
}
