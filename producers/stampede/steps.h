/* SPDX-License-Identifier: MIT */
/*
 * Steps: what is sent for the i-th order: itself, and what comes with it.
 *
 * Follows from the settings, the seed and the index alone, so that the same
 * seed sends the same again. A duplicate repeats one of the last thousand
 * orders, which may be this one. Pure.
 */
#ifndef STAMPEDE_STEPS_H
#define STAMPEDE_STEPS_H

#include <stddef.h>
#include <stdint.h>

#include "producers/stampede/conf.h"
#include "producers/stampede/sent.h"

enum { STEPS_MAX = 3 };

struct step {
	enum sent_kind kind;
	enum poison poison;
	uint64_t index;
};

/* How many they are; the order is the first. */
size_t steps_of(const struct conf *conf, uint64_t seed, uint64_t i,
		struct step ret[STEPS_MAX]);

#endif
