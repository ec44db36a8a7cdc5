/* SPDX-License-Identifier: MIT */
/*
 * SipHash-2-4: a 64-bit hash of bytes that come in pieces (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF", 2012). The same value on every
 * machine, whatever the pieces were.
 */
#ifndef SCHEMAS_SIPHASH_H
#define SCHEMAS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash {
	uint64_t v[4];
	uint64_t word; /* bytes that wait for their word to be full */
	uint64_t n;    /* bytes so far */
};

void siphash_init(struct siphash *hash, uint64_t key0, uint64_t key1);
void siphash_update(struct siphash *hash, const void *bytes, size_t n);
uint64_t siphash_final(struct siphash *hash);

#endif
