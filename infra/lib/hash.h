/* SPDX-License-Identifier: MIT */
/*
 * Hash: 64 bits, each for a purpose of its own, by libraries.
 *
 * hash_bytes() is XXH3: fast, and stable over versions and machines (xxhash
 * promises it), so that a share of customers is the same share everywhere.
 * hash_sip_*() is SipHash-2-4 with a key of zeros: for values that are stored.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

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

#endif
