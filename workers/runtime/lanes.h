/* SPDX-License-Identifier: MIT */
/*
 * Lanes: which share of a service's records a record belongs to.
 *
 * Lanes are a tree below `stable`. A record goes down from there to each
 * child whose rule it meets, and belongs to the deepest lane on that way that
 * has not ended. So every record belongs to exactly one lane, and a lane that
 * ends gives its records back to its parent.
 *
 * Pure. The rules are rows of control.lanes; takeover.c reads them.
 */
#ifndef RUNTIME_LANES_H
#define RUNTIME_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/text.h"

enum { LANES_MAX = 32, LANE_BUCKETS = 4096, LANE_NAME_BYTES = 64 };

enum lane_kind { LANE_REST, LANE_BUCKETS_RANGE, LANE_STALLS, LANE_CUSTOMERS };

struct lane {
	char name[LANE_NAME_BYTES];
	int parent; /* an index below this one; -1 for `stable` */
	enum lane_kind kind;
	int32_t bucket_from, bucket_to; /* [from, to) */
	char **names;                   /* stalls or customers; owned */
	size_t n_names;
	bool ended;
	bool mine; /* of the colour that asks */
};

struct lanes {
	struct lane lanes[LANES_MAX]; /* parents before children */
	size_t n_lanes;
};

/* What of a record the rules look at. */
struct lane_key {
	struct text key;      /* the record's */
	struct text customer; /* the header; absent: the key is hashed */
	struct text stall;
};

/* In [0, LANE_BUCKETS): of the customer, or of the key without one. */
int32_t lane_bucket(const struct lane_key *key);

/* The index of the lane that a record belongs to. */
int lanes_find(const struct lanes *lanes, const struct lane_key *key);

/* -1 for a name that is none. */
int lanes_by_name(const struct lanes *lanes, struct text name);

void lanes_deinit(struct lanes *lanes);

#endif
