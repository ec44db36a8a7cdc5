/* SPDX-License-Identifier: MIT */
/*
 * Canary: which lanes are moved and split so that a colour has exactly what it
 * is to have.
 *
 * Lanes can name customers and stalls, and can overlap. So records of every
 * kind that the rules distinguish are tried: each bucket, each customer that
 * is named, each stall that is named. Which lane they belong to says what of
 * it is wanted: nothing; all, then the lane is moved; or some, then a lane is
 * split off it. So there is at most one change a lane.
 *
 * Pure.
 */
#ifndef OVERLORD_CANARY_H
#define OVERLORD_CANARY_H

#include "infra/lib/text/str.h"
#include "schemas/lanes/lanes.h"

enum { CANARY_NAMES_MAX = 64 };

/* What a colour is to have. */
struct canary {
	const char *colour;
	const char *back_to; /* who gets what it has too much */
	enum lane_kind kind; /* LANE_BUCKETS_RANGE, _STALLS or _CUSTOMERS */
	int32_t to;          /* buckets: all below this one */
	struct text names[CANARY_NAMES_MAX];
	size_t n_names;
};

struct lane_change {
	int lane; /* index of the lane that is changed, or split */
	enum { LANE_MOVES, LANE_IS_SPLIT, LANE_ENDS } what;
	const char *colour; /* it gets, or the lane that is split off it */
	/* The rule of that lane. */
	enum lane_kind kind;
	int32_t from, to;
	uint64_t names; /* bits, of the canary's */
};

/*
 * The changes after which the colour has what it is to have, and how many they
 * are. Of buckets it has exactly those; the lanes that name its customers or
 * stalls stay its own. Its lanes are `mine`; `stable` is none of them.
 */
size_t canary_changes(const struct lanes *lanes, const struct canary *canary,
		      struct lane_change ret[LANES_MAX]);

/* How many buckets of each living lane's are records of customers and at
 * stalls that no lane names. */
void lane_shares(const struct lanes *lanes, int32_t ret[LANES_MAX]);

/* "12.5", in percent: how many buckets. TEXT_E_INVALID: it is none, or has
 * more than 4 decimals, or is not above 0 and below 100. */
int percent_to_buckets(int32_t *ret, const char *percent);
/* "12.50 %" */
void buf_percent(struct buf *buf, int32_t n_buckets);

/* "buckets 0 to 409", "customers kim, lee", "the rest" */
void lane_rule(struct buf *buf, const struct lane *lane);
void lane_change_rule(struct buf *buf, const struct canary *canary,
		      const struct lane_change *change);

#endif
