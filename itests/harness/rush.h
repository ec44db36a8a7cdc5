/* SPDX-License-Identifier: MIT */
/*
 * Rush: a shop under load. Stock first, then stampede's orders of every sort,
 * a record of what it sent, and grills that are quick enough for them.
 *
 * Orders come in waves, so that a test which waits for something between two
 * of them knows that there are more to come. What is drawn follows from the
 * test's name: the same orders each time.
 */
#ifndef HARNESS_RUSH_H
#define HARNESS_RUSH_H

#include "itests/harness/checker.h"

enum { RUSH_WAVES_MAX = CHECK_RECORDS_MAX - 1 };

struct rush_params {
	int64_t n_orders; /* of all waves */
	int n_waves;      /* of the same size; 0 is 1 */
	int64_t rate;     /* orders a second; 0: flat out */
	/* Of each ingredient at each of the two stalls; 0: more than enough. */
	int64_t restock;
	/* No order comes twice and none is poison, and so many are of version
	 * 1; otherwise there are some of each sort. */
	bool plain;
	int64_t v1_percent;
	bool no_grills;  /* none is opened, and no order is for one */
	bool late_facts; /* see struct check_params */
	int64_t seed;    /* 0: by the name of the test */
};

struct rush {
	struct world *world;
	struct rush_params params;
	struct program *waves[RUSH_WAVES_MAX];
	int n_started;
	char stock_record[PROGRAM_PATH_MAX];
	char records[RUSH_WAVES_MAX][PROGRAM_PATH_MAX];
};

/* Opens two quick grills, adds the stock, for which a chillybin is there
 * already, and waits until all programs are ready. The orders come with
 * rush_start(), a wave each time. */
void rush_open(struct rush *rush, struct world *world,
	       const struct rush_params *params);
void rush_start(struct rush *rush);
/* Waits until all waves that began are sent and acknowledged. */
void rush_wait_sent(struct rush *rush);
/* Waits until at least @n orders have been decided. */
void rush_wait_decided(const struct rush *rush, int64_t n);
/* Begins the waves that are left; sent, settled, right in every respect. All
 * orders have one outcome, and every toastie that is done one start. */
struct check_result rush_check(struct rush *rush);

/* Two of chillybin and two of jafflr, or one of each; the ones that a test
 * does something to. */
struct rush_workers {
	struct program *chillybin, *jafflr;
};
struct rush_workers rush_workers(struct world *world, int n,
				 const char *setting);

/* A chillybin with few orders before it, which a gate holds in the middle of
 * its first transaction: all of that and its COMMIT are sent as one message.
 * Nothing is published of what is not committed. @setting may be NULL. */
enum { RUSH_FEW = 200 };
struct program *rush_hold(struct rush *rush, struct world *world,
			  const char *setting);

/* A setting of a jafflr for grills that toast in milliseconds. */
#define QUICK_GRILL "GRILL_POLL_MS=5"

#endif
