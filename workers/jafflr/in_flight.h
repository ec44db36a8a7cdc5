/* SPDX-License-Identifier: MIT */
/*
 * Telling: facts of toasties that are under way to their topic. An entry's
 * token goes with the fact; what is forgotten is not heard of again. Pure.
 */
#ifndef JAFFLR_IN_FLIGHT_H
#define JAFFLR_IN_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/order_id.h"

struct in_flight_entry {
	struct order_id order_id;
	int64_t seq;
	uint64_t job; /* who waits for it; 0: nobody */
	uint32_t next_free;
	bool used;
};

/* { 0 } is empty. */
struct in_flight {
	struct in_flight_entry *entries;
	uint32_t n, cap;
	uint32_t free; /* index + 1 of the first free entry */
	uint32_t generation;
	size_t n_in_flight;
};

uint64_t in_flight_add(struct in_flight *in_flight,
		       const struct order_id *order_id, int64_t seq,
		       uint64_t job);
/* Takes the entry out: false when it was forgotten. */
bool in_flight_remove(struct in_flight *in_flight, uint64_t token,
		      struct in_flight_entry *ret);
void in_flight_clear(struct in_flight *in_flight);
void in_flight_deinit(struct in_flight *in_flight);

#endif
