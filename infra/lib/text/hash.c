/* SPDX-License-Identifier: MIT */
#include "infra/lib/text/hash.h"

#include <string.h>

#include "infra/lib/xalloc.h"

uint64_t hash_bytes(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

void hash_begin(struct hash *hash)
{
	hash->n_few = 0;
	hash->many = false;
}

void hash_add(struct hash *hash, const void *p, size_t n)
{
	if (!hash->many && n <= HASH_FEW_BYTES - hash->n_few) {
		if (n)
			memcpy(hash->few + hash->n_few, p, n);
		hash->n_few += n;
		return;
	}
	if (!hash->many) {
		(void)XXH3_64bits_reset(&hash->state);
		(void)XXH3_64bits_update(&hash->state, hash->few, hash->n_few);
		hash->many = true;
	}
	(void)XXH3_64bits_update(&hash->state, p, n);
}

uint64_t hash_end(const struct hash *hash)
{
	return hash->many ? XXH3_64bits_digest(&hash->state)
			  : XXH3_64bits(hash->few, hash->n_few);
}

/* ---- the table ---- */

#define FIRST_SIZE ((size_t)64)

static struct table_entry *free_entry(const struct table *table, uint64_t hash)
{
	size_t i = hash & (table->size - 1);

	while (table->entries[i].value)
		i = (i + 1) & (table->size - 1);
	return &table->entries[i];
}

static void grow(struct table *table)
{
	struct table bigger = { .n = table->n };

	bigger.size = table->size ? table->size * 2 : FIRST_SIZE;
	bigger.entries = xcalloc(bigger.size, sizeof(*bigger.entries));
	for (size_t i = 0; i < table->size; i++)
		if (table->entries[i].value)
			*free_entry(&bigger, table->entries[i].hash) =
				table->entries[i];
	free(table->entries);
	*table = bigger;
}

void *table_find(const struct table *table, uint64_t hash, table_equal_fn equal,
		 const void *key)
{
	if (!table->size)
		return NULL;
	for (size_t i = hash & (table->size - 1); table->entries[i].value;
	     i = (i + 1) & (table->size - 1))
		if (table->entries[i].hash == hash &&
		    equal(key, table->entries[i].value))
			return table->entries[i].value;
	return NULL;
}

void table_add(struct table *table, uint64_t hash, void *value)
{
	if (table->n * 2 >= table->size)
		grow(table);
	*free_entry(table, hash) = (struct table_entry){ hash, value };
	table->n++;
}

void table_reset(struct table *table)
{
	if (table->n)
		memset(table->entries, 0,
		       table->size * sizeof(*table->entries));
	table->n = 0;
}

void table_deinit(struct table *table)
{
	free(table->entries);
	*table = (struct table){ 0 };
}
