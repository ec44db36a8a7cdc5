/* SPDX-License-Identifier: MIT */
/*
 * Autoscale: how many workers a colour of a service should have, judged from
 * one look after the other.
 *
 *	- More, by one step, when records have waited for longer than the target
 *	  and would not be done within it at the present pace.
 *	- Steps divide the partitions, so that each worker has as many.
 *	- Nothing while partitions change hands, lanes were switched, or the
 *last step has not settled.
 *	- A step up that brought no more throughput is taken back, and not tried
 *	  again for a while that doubles: what is full is not the workers, a
 *	  database say, and more of them would choke it.
 *	- Fewer, by one step, when nothing has waited for a while and fewer
 *could do what comes in. If that proves wrong, the while doubles.
 *
 * A partition that does not move while others do counts for nothing: no number
 * of workers helps it. Pure.
 */
#ifndef SCALING_AUTOSCALE_H
#define SCALING_AUTOSCALE_H

#include <stdbool.h>
#include <stdint.h>

struct autoscale_rules {
	int64_t least, most; /* workers */
	int64_t target_s;    /* records may wait for so long */
	int64_t settle_s;    /* a step shows within this what it brings */
	int64_t calm_s;      /* so long nothing waits before a step down */
};

/* One look, every second or so. */
struct autoscale_look {
	int64_t at_ms;
	int64_t wanted;   /* workers that the colour should have now */
	bool busy;        /* a rebalance, a switch, a worker not ready */
	int64_t waited_s; /* the longest that a record has waited */
	int64_t lag;      /* records that wait */
	int64_t decided;  /* records decided so far: the sum of positions */
	int64_t arrived;  /* the sum of the ends of the logs */
};

enum { AUTOSCALE_LOOKS = 16, AUTOSCALE_WHY_BYTES = 160 };

/* { 0 } before the first look. */
struct autoscale {
	struct autoscale_look looks[AUTOSCALE_LOOKS]; /* a ring */
	int64_t n_looks;
	int64_t n_settled;     /* looks since the last step, not busy */
	int64_t stepped_at_ms; /* 0: never */
	int64_t stepped_from;  /* a step up that must show its worth; 0: none */
	int64_t pace_before;   /* records a second before that step */
	int64_t ceiling;       /* above this nothing was gained; 0: none */
	int64_t ceiling_until_ms;
	int64_t ceiling_s;   /* how long the next ceiling holds */
	int64_t waits_at_ms; /* when something waited last */
	int64_t calm_s;      /* at present; grows by steps down gone wrong */
	bool went_down;      /* by the last step */
	int64_t best_of_one; /* records a second of one worker, at most */
	char why[AUTOSCALE_WHY_BYTES]; /* of the last verdict, for people */
};

/* Gives the number that is wanted from now on, and says why in @state->why. */
int64_t autoscale_judge(struct autoscale *state,
			const struct autoscale_rules *rules,
			const struct autoscale_look *look);

/* The next step up or down from @n; @n itself when there is none. */
int64_t autoscale_step(int64_t n, bool up);

#endif
