/* SPDX-License-Identifier: MIT */
/*
 * Lanes: which share of a service's records a record belongs to.
 *
 * Lanes are a tree below `stable`, and their history decides. A lane that is
 * made takes from its parent, of the records that the parent has at that time,
 * those that meet its rule. A lane that ends gives its records to its parent:
 * not to a sibling that lived beside it, whose position may be another one. A
 * sibling that is made later takes its share of them. So every record belongs
 * to exactly one lane, and it never changes lanes but when a lane is made or
 * ends.
 *
 * The rows of `positions` of a lane that ends keep their values and get the
 * colour '' in the same transaction: no colour takes them over any more.
 *
 * Pure. The rules are rows of control.lanes; lane_rows.c reads them.
 */
#ifndef SCHEMAS_LANES_H
#define SCHEMAS_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/text/text.h"

enum { LANES_MAX = 62, LANE_BUCKETS = 4096, LANE_NAME_BYTES = 64 };

enum lane_kind { LANE_REST, LANE_BUCKETS_RANGE, LANE_STALLS, LANE_CUSTOMERS };

struct lane {
	char name[LANE_NAME_BYTES];
	int parent; /* an index below this one; 0 for `stable` itself */
	enum lane_kind kind;
	int32_t bucket_from, bucket_to; /* [from, to) */
	char **names;                   /* stalls or customers; owned */
	size_t n_names;
	bool ended;
	size_t until; /* ended: from this index on, lanes were made later */
	bool mine;    /* of the colour that asks */
};

struct lanes {
	struct lane lanes[LANES_MAX]; /* in the order in which they were made */
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
/* The same for a record whose bucket is @bucket, whatever its key says. */
int lanes_find_in(const struct lanes *lanes, const struct lane_key *key,
		  int32_t bucket);

/* Does a lane name stalls? Else nobody need know a record's. */
bool lanes_name_stalls(const struct lanes *lanes);

/* -1 for a name that is none. */
int lanes_by_name(const struct lanes *lanes, struct text name);

void lanes_deinit(struct lanes *lanes);

#endif
