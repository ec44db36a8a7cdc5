/* SPDX-License-Identifier: MIT */
/*
 * Telling: facts of toasties that are under way to their topic. An entry's
 * token goes with the fact; what is forgotten is not heard of again. Pure.
 */
#ifndef JAFFLR_TELLING_H
#define JAFFLR_TELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/order_id.h"

struct telling_entry {
	struct order_id order_id;
	int64_t seq;
	uint64_t cook; /* who waits for it; 0: nobody */
	uint32_t next_free;
	bool used;
};

/* { 0 } is empty. */
struct telling {
	struct telling_entry *entries;
	uint32_t n, cap;
	uint32_t free; /* index + 1 of the first free entry */
	uint32_t generation;
	size_t n_under_way;
};

uint64_t telling_add(struct telling *telling, const struct order_id *order_id,
		     int64_t seq, uint64_t cook);
/* Takes the entry out: false when it was forgotten. */
bool telling_take(struct telling *telling, uint64_t token,
		  struct telling_entry *ret);
void telling_forget(struct telling *telling);
void telling_deinit(struct telling *telling);

#endif
