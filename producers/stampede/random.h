/* SPDX-License-Identifier: MIT */
/*
 * Random: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, OOPSLA 2014). Small, quick, and the same everywhere; nothing
 * here is a secret.
 *
 * random_at() begins a stream that follows from a seed and an index alone, so
 * that the i-th order can be made again without the ones before it.
 */
#ifndef STAMPEDE_RANDOM_H
#define STAMPEDE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t random_next(struct random *random)
{
	random->state += UINT64_C(0x9e3779b97f4a7c15);
	return random_mix(random->state);
}

static inline struct random random_at(uint64_t seed, uint64_t index)
{
	return (struct random){ random_mix(seed) ^ random_mix(~index) };
}

/* Below @n, which is at least 1; what is uneven about it is below n / 2^64. */
static inline uint64_t random_below(struct random *random, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)random_next(random) * n) >> 64);
}

static inline bool random_percent(struct random *random, int64_t percent)
{
	return (int64_t)random_below(random, 100) < percent;
}

#endif
