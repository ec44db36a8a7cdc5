/* SPDX-License-Identifier: MIT */
/*
 * Rush: a shop under load. Stock first, then stampede's orders of every sort,
 * a record of what it sent, and grills that are quick enough for them.
 */
#ifndef HARNESS_RUSH_H
#define HARNESS_RUSH_H

#include "itests/harness/checker.h"

struct rush_params {
	int64_t n_orders;
	int64_t rate;    /* orders a second; 0: flat out */
	int64_t restock; /* of each ingredient at each of the two stalls */
	int64_t v1_percent, duplicate_percent, poison_percent;
	const char *grill; /* GRILL of stampede; NULL: "true" */
	int64_t seed;      /* 0: another one each time */
};

struct rush {
	struct world *world;
	struct program *stampede;
	char stock_record[PROGRAM_PATH_MAX];
	char record[PROGRAM_PATH_MAX];
	struct grill_spy grills[2];
};

/*
 * Opens two quick grills (@with_grills) and fills the shelves; a chillybin is
 * there already. The orders come with rush_start().
 */
void rush_open(struct rush *rush, struct world *world,
	       const struct rush_params *params, bool with_grills);
void rush_start(struct rush *rush);
/* Waits until all is sent and acknowledged. */
void rush_wait_sent(struct rush *rush);
/* Waits until @n orders have been decided. */
void rush_wait_decided(const struct rush *rush, int64_t n, int64_t timeout_ms);
/* Sent, settled, and right in every respect. */
struct check_result rush_check(struct rush *rush, int64_t timeout_ms);

/* Settings of a jafflr for grills that toast in milliseconds. */
#define QUICK_GRILL "GRILL_POLL_MS=5"

#endif
