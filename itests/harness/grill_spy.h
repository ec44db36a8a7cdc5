/* SPDX-License-Identifier: MIT */
/*
 * Grill spy: a simulated grill, what really happened on it (its physical
 * log), and faults to order (its control port).
 */
#ifndef HARNESS_GRILL_SPY_H
#define HARNESS_GRILL_SPY_H

#include "itests/harness/world.h"
#include "schemas/order_id.h"

/* What happened to the bread of an order. */
struct edge {
	char kind[8]; /* START, DONE, STOP */
	struct order_id job;
};

struct edges {
	struct edge *all;
	size_t n;
};

struct grill_spy {
	struct world *world;
	struct program *program;
	char name[32];
	struct grill_spy *next; /* of the world */
};

/*
 * Starts grillsim as "grill-1" with so many plates and enters it into the
 * world's tables. @speed: how many times faster than real time. The world owns
 * it.
 */
struct grill_spy *grill_open(struct world *world, const char *name,
			     int n_plates, int64_t speed);
/* Gives the next one. */
struct grill_spy *grill_free(struct grill_spy *spy);

/* All edges up to now; to be freed by edges_deinit(). */
struct edges grill_edges(const struct grill_spy *spy);
void edges_deinit(struct edges *edges);
/* How many edges of a kind there are. */
size_t grill_count(const struct grill_spy *spy, const char *kind);
/* Waits until there are at least so many START edges. */
void grill_wait_starts(const struct grill_spy *spy, size_t n);

/* One fault command to the control port, answered by ok, or the test fails. */
void grill_fault(const struct grill_spy *spy, const char *line);

#endif
