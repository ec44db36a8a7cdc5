/* SPDX-License-Identifier: MIT */
/*
 * Hash: 64 bits, each for a purpose of its own, by libraries; and a table of
 * pointers by hash.
 *
 * hash_bytes() is XXH3: fast, and stable over versions and machines (xxhash
 * promises it), so that a share of customers is the same share everywhere.
 * hash_sip_*() is SipHash-2-4 with a key of zeros: for values that are stored.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *p, size_t n);

/* Begins, adds pieces, ends: the same value whatever the pieces are. */
struct hash_sip {
	void *context;
};

void hash_sip_begin(struct hash_sip *hash);
void hash_sip_add(struct hash_sip *hash, const void *p, size_t n);
uint64_t hash_sip_end(struct hash_sip *hash);

/*
 * Table: pointers by key, for the length of a batch. Open addressing, linear
 * probing, at most half full; memory is kept over resets. Pointers are
 * borrowed; nothing is ever taken out. One thread at a time.
 */
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
