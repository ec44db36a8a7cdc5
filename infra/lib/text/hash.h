/* SPDX-License-Identifier: MIT */
/*
 * Hash: 64 bits of XXH3: fast, and stable over versions and machines (xxhash
 * promises it), so that it may be stored, and a share of customers is the same
 * share everywhere. Without a key: a client that chooses the bytes can make
 * two texts of one hash, so it decides nothing that a client gains from. And a
 * table of pointers by hash.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define XXH_STATIC_LINKING_ONLY /* the size of its state */
#include <xxhash.h>

uint64_t hash_bytes(const void *p, size_t n);

enum { HASH_FEW_BYTES = 512 };

/* Begins, adds pieces, ends: hash_bytes() of all of them, one behind the
 * other. */
struct hash {
	/* Few bytes are hashed at the end; a state is dear to begin. */
	size_t n_few;
	bool many; /* they are in the state, and `few` is not used */
	char few[HASH_FEW_BYTES];
	XXH3_state_t state;
};

void hash_begin(struct hash *hash);
void hash_add(struct hash *hash, const void *p, size_t n);
uint64_t hash_end(const struct hash *hash);

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
