/* SPDX-License-Identifier: MIT */
/*
 * Hash: XXH3, 64 bits. Stable over versions and machines (xxhash promises
 * it), so that a share of customers is the same share everywhere.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *p, size_t n);

#endif
