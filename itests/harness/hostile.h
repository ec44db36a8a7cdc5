/* SPDX-License-Identifier: MIT */
/*
 * Hostile: records that a broker takes and that are more than anybody would
 * expect. They are sent, and not waited for.
 */
#ifndef HARNESS_HOSTILE_H
#define HARNESS_HOSTILE_H

#include "itests/harness/foreign.h"

/* What one batch of a topic may have, or a little less. */
#define HOSTILE_BYTES ((size_t)900 << 10)

/* A poison: so many bytes of value and of one header. What is sent with
 * compression may be larger than any dead letter. */
struct hostile_poison {
	const char *name;
	int32_t partition;
	size_t value_bytes, header_bytes;
};
void hostile_poison(struct foreign *foreign,
		    const struct hostile_poison *poison,
		    struct bus_position *ret);

/* The n-th order of orders.h, with a header that nobody reads or a key of
 * HOSTILE_BYTES; with a @body in place of its own if that is not NULL. */
void hostile_header(struct bus *bus, uint32_t n, int32_t partition,
		    const char *body);
void hostile_key(struct bus *bus, uint32_t n, int32_t partition,
		 const char *body);

/* The n-th order with as many and as long names as there may be, of what no
 * stall has; of version 1. */
void hostile_lines(struct bus *bus, uint32_t n, int32_t partition);

/* One more of an ingredient: its name, the event's id and its source are as
 * long as a name may be, and no index compresses them. They follow from @n. */
void hostile_restock(struct bus *bus, uint32_t n);

#endif
