/* SPDX-License-Identifier: MIT */
/* Lanes: the history of lanes, played for one record. */
#include "schemas/lanes/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "infra/lib/text/hash.h"

int32_t lane_bucket(const struct lane_key *key)
{
	struct text text = key->customer.n ? key->customer : key->key;

	return (int32_t)(hash_bytes(text.p, text.n) % LANE_BUCKETS);
}

static bool is_named(const struct lane *lane, struct text name)
{
	for (size_t i = 0; i < lane->n_names; i++)
		if (text_equal(text_of(lane->names[i]), name))
			return true;
	return false;
}

/* A @bucket below 0 is that of the key, which few records are asked for. */
static bool meets(const struct lane *lane, const struct lane_key *key,
		  int32_t bucket)
{
	switch (lane->kind) {
	case LANE_REST:
		return true;
	case LANE_BUCKETS_RANGE:
		if (bucket < 0)
			bucket = lane_bucket(key);
		return bucket >= lane->bucket_from && bucket < lane->bucket_to;
	case LANE_STALLS:
		return is_named(lane, key->stall);
	case LANE_CUSTOMERS:
		return is_named(lane, key->customer);
	}
	abort();
}

/* Up from @found, past what had ended when lane @i was made. */
static int living(const struct lanes *lanes, int found, size_t i)
{
	while (lanes->lanes[found].ended && lanes->lanes[found].until <= i)
		found = lanes->lanes[found].parent;
	return found;
}

int lanes_find_in(const struct lanes *lanes, const struct lane_key *key,
		  int32_t bucket)
{
	int found = 0;

	for (size_t i = 1; i < lanes->n_lanes; i++) {
		found = living(lanes, found, i);
		if (lanes->lanes[i].parent == found &&
		    meets(&lanes->lanes[i], key, bucket))
			found = (int)i;
	}
	return living(lanes, found, lanes->n_lanes);
}

int lanes_find(const struct lanes *lanes, const struct lane_key *key)
{
	return lanes_find_in(lanes, key, -1);
}

bool lanes_name_stalls(const struct lanes *lanes)
{
	for (size_t i = 0; i < lanes->n_lanes; i++)
		if (lanes->lanes[i].kind == LANE_STALLS)
			return true;
	return false;
}

int lanes_by_name(const struct lanes *lanes, struct text name)
{
	for (size_t i = 0; i < lanes->n_lanes; i++)
		if (text_equal(text_of(lanes->lanes[i].name), name))
			return (int)i;
	return -1;
}

void lanes_deinit(struct lanes *lanes)
{
	for (size_t i = 0; i < lanes->n_lanes; i++) {
		struct lane *lane = &lanes->lanes[i];

		for (size_t k = 0; k < lane->n_names; k++)
			free(lane->names[k]);
		free(lane->names);
	}
	lanes->n_lanes = 0;
}
