/* SPDX-License-Identifier: MIT */
/*
 * Table: pointers by key, for the length of a batch. Open addressing; memory
 * is kept over resets. Pointers are borrowed; nothing is ever taken out.
 */
#ifndef LIB_TABLE_H
#define LIB_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_entry {
	uint64_t hash;
	void *value; /* NULL: free */
};

/* { 0 } is an empty one. */
struct table {
	struct table_entry *entries;
	size_t size; /* a power of two */
	size_t n;
};

/* Is @value what @key means? */
typedef bool (*table_equal_fn)(const void *key, const void *value);

/* NULL when there is none. */
void *table_find(const struct table *table, uint64_t hash, table_equal_fn equal,
		 const void *key);
/* A second one of the same key would never be found. */
void table_add(struct table *table, uint64_t hash, void *value);
void table_reset(struct table *table);
void table_deinit(struct table *table);

#endif
