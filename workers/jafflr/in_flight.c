/* SPDX-License-Identifier: MIT */
/* Telling: a list of entries; a token is its generation above its index. */
#include "workers/jafflr/in_flight.h"

#include "infra/lib/xalloc.h"

#define GENERATION_BITS 31

uint64_t in_flight_add(struct in_flight *in_flight,
		       const struct order_id *order_id, int64_t seq,
		       uint64_t job)
{
	uint32_t i;

	if (in_flight->free) {
		i = in_flight->free - 1;
		in_flight->free = in_flight->entries[i].next_free;
	} else {
		if (in_flight->n == in_flight->cap) {
			in_flight->cap =
				in_flight->cap ? in_flight->cap * 2 : 64;
			in_flight->entries = xreallocarray(
				in_flight->entries, in_flight->cap,
				sizeof(*in_flight->entries));
		}
		i = in_flight->n++;
	}
	in_flight->entries[i] = (struct in_flight_entry){
		.order_id = *order_id,
		.seq = seq,
		.job = job,
		.used = true,
	};
	in_flight->n_in_flight++;
	return (uint64_t)in_flight->generation << 32 | i;
}

bool in_flight_remove(struct in_flight *in_flight, uint64_t token,
		      struct in_flight_entry *ret)
{
	uint32_t i = (uint32_t)token;

	if (token >> 32 != in_flight->generation || i >= in_flight->n ||
	    !in_flight->entries[i].used)
		return false;
	*ret = in_flight->entries[i];
	in_flight->entries[i].used = false;
	in_flight->entries[i].next_free = in_flight->free;
	in_flight->free = i + 1;
	in_flight->n_in_flight--;
	return true;
}

void in_flight_clear(struct in_flight *in_flight)
{
	in_flight->n = 0;
	in_flight->free = 0;
	in_flight->n_in_flight = 0;
	in_flight->generation = (in_flight->generation + 1) &
				((UINT32_C(1) << GENERATION_BITS) - 1);
}

void in_flight_deinit(struct in_flight *in_flight)
{
	free(in_flight->entries);
	*in_flight = (struct in_flight){ 0 };
}
