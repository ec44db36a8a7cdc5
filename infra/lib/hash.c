/* SPDX-License-Identifier: MIT */
#include "infra/lib/hash.h"

uint64_t hash_bytes(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

void hash_begin(struct hash *hash)
{
	(void)XXH3_64bits_reset(&hash->state);
}

void hash_add(struct hash *hash, const void *p, size_t n)
{
	(void)XXH3_64bits_update(&hash->state, p, n);
}

uint64_t hash_end(const struct hash *hash)
{
	return XXH3_64bits_digest(&hash->state);
}
