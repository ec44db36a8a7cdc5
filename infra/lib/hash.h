/* SPDX-License-Identifier: MIT */
/*
 * Hash: 64 bits of XXH3: fast, and stable over versions and machines (xxhash
 * promises it), so that it may be stored, and a share of customers is the same
 * share everywhere. Without a key: a client that chooses the bytes can make
 * two texts of one hash, so it decides nothing that a client gains from.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <stddef.h>
#include <stdint.h>
#define XXH_STATIC_LINKING_ONLY /* the size of its state */
#include <xxhash.h>

uint64_t hash_bytes(const void *p, size_t n);

/* Begins, adds pieces, ends: hash_bytes() of all of them, one behind the
 * other. */
struct hash {
	XXH3_state_t state;
};

void hash_begin(struct hash *hash);
void hash_add(struct hash *hash, const void *p, size_t n);
uint64_t hash_end(const struct hash *hash);

#endif
