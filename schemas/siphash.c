/* SPDX-License-Identifier: MIT */
/*
 * SipHash: see siphash.h. Names follow the paper: two rounds a word, four at
 * the end.
 */
#include "schemas/siphash.h"

#include <endian.h>
#include <string.h>

static inline uint64_t rotate(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static inline void round_(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static inline void compress(struct siphash *hash, uint64_t word)
{
	hash->v[3] ^= word;
	round_(hash->v);
	round_(hash->v);
	hash->v[0] ^= word;
}

void siphash_init(struct siphash *hash, uint64_t key0, uint64_t key1)
{
	hash->v[0] = key0 ^ UINT64_C(0x736f6d6570736575);
	hash->v[1] = key1 ^ UINT64_C(0x646f72616e646f6d);
	hash->v[2] = key0 ^ UINT64_C(0x6c7967656e657261);
	hash->v[3] = key1 ^ UINT64_C(0x7465646279746573);
	hash->word = 0;
	hash->n = 0;
}

void siphash_update(struct siphash *hash, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	unsigned int shift = 8 * (hash->n % 8);
	uint64_t word;

	hash->n += n;
	/* Eight at a time, in part into this word, in part into the next. */
	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		word = le64toh(word);
		compress(hash, hash->word | word << shift);
		hash->word = shift ? word >> (64 - shift) : 0;
	}
	for (; n > 0; n--, p++) {
		hash->word |= (uint64_t)*p << shift;
		shift = (shift + 8) % 64;
		if (shift == 0) {
			compress(hash, hash->word);
			hash->word = 0;
		}
	}
}

uint64_t siphash_final(struct siphash *hash)
{
	compress(hash, hash->word | hash->n << 56);
	hash->v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		round_(hash->v);
	return hash->v[0] ^ hash->v[1] ^ hash->v[2] ^ hash->v[3];
}
