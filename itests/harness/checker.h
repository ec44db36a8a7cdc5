/* SPDX-License-Identifier: MIT */
/*
 * Checker: what must be true of a world when it has come to rest, whatever was
 * killed on the way.
 *
 * It decodes the bytes on the topics into tables of its own, works out what has
 * to be in the product's tables and on the other topics, and compares:
 *
 *	- what was acknowledged stands where the acknowledgement said
 *	- each order has one row, of its first record; every other record is a
 *	  repeat or a dead letter, and each dead letter has its row and copy
 *	- stock = added, counted and returned - picked, in the tables and by
 *	  the facts; a refusal is justified
 *	- each decision has its facts: copies equal, in order by key
 *	- a toastie's row and its last fact agree; at most one start edge, and
 *	  exactly one if it is done
 *	- positions have reached the end, and everything was published
 *
 * It shares the decoders of schemas/ with the workers, and nothing else.
 */
#ifndef HARNESS_CHECKER_H
#define HARNESS_CHECKER_H

#include "itests/harness/bus.h"
#include "itests/harness/grill_spy.h"
#include "itests/harness/world.h"

enum { CHECK_RECORDS_MAX = 5 };

struct check_params {
	/* Files that stampede has written (RECORD). */
	const char *records[CHECK_RECORDS_MAX];
	/* Every toastie that was not given back is done. */
	bool all_done;
	/* A worker that lost its lanes may have had facts in hand, which come
	 * after newer ones: readers go by seq. */
	bool late_facts;
	/* Orders that the database refuses, because the test made it so; NULL:
	 * there are none. */
	bool (*refuses)(const struct order_id *id);
};

/* What was found, to be shown or compared with what a test expects. */
struct check_result {
	int64_t n_orders, n_picked, n_refused, n_repeats, n_dead_letters;
	int64_t n_cancelled, n_kept; /* facts of cancellations */
	int64_t n_done, n_starts, n_fact_copies;
};

/*
 * Waits until the workers that the world has started are level: every record
 * decided, every fact published, every toastie at an end (uncertain is one).
 */
void world_settle(struct world *world);
/* Has the test started such a worker? */
bool world_has(const struct world *world, const char *service);

/* Settles, and looks at all of it and at the world's grills. Any breach fails
 * the test; the message names the first ones. */
struct check_result check_world(struct world *world);
struct check_result check_world_with(struct world *world,
				     const struct check_params *params);

#endif
