/* SPDX-License-Identifier: MIT */
/* Held sql: lanes as bits; see held_sql.h. */
#include "workers/jafflr/held_sql.h"

#include <string.h>

_Static_assert(LANES_MAX < 63 && TOPIC_PARTITIONS < 63,
	       "lanes and partitions are bits of a bigint");

enum column {
	PARTITIONS,
	ALL, /* a bool; its array is not used */
	BUCKET_BIT,
	BUCKET_LOW,
	BUCKET_HIGH,
	NAME_BIT,
	NAME,
	CARE,
	WANT,
	HELD_IN,
};

static const enum pg_type types[HELD_ARGS] = {
	[PARTITIONS] = PG_INT4, [ALL] = PG_BOOL,         [BUCKET_BIT] = PG_INT8,
	[BUCKET_LOW] = PG_INT4, [BUCKET_HIGH] = PG_INT4, [NAME_BIT] = PG_INT8,
	[NAME] = PG_TEXT,       [CARE] = PG_INT8,        [WANT] = PG_INT8,
	[HELD_IN] = PG_INT8,
};

static int64_t bit(size_t i)
{
	return INT64_C(1) << i;
}

static void put_names(struct pg_call *call, const struct lane *lane, size_t i)
{
	char kind = lane->kind == LANE_STALLS ? 's' : 'c';
	struct buf name = { 0 };

	for (size_t k = 0; k < lane->n_names; k++) {
		buf_reset(&name);
		buf_add(&name, &kind, 1);
		buf_text(&name, lane->names[k]);
		pg_put_i64(pg_call_put(call, NAME_BIT), bit(i));
		pg_put_bytes(pg_call_put(call, NAME), name.p, name.n);
	}
	buf_deinit(&name);
}

static void put_rule(struct pg_call *call, const struct lane *lane, size_t i)
{
	switch (lane->kind) {
	case LANE_REST:
		return;
	case LANE_BUCKETS_RANGE:
		pg_put_i64(pg_call_put(call, BUCKET_BIT), bit(i));
		pg_put_i32(pg_call_put(call, BUCKET_LOW), lane->bucket_from);
		pg_put_i32(pg_call_put(call, BUCKET_HIGH), lane->bucket_to);
		return;
	case LANE_STALLS:
	case LANE_CUSTOMERS:
		put_names(call, lane, i);
		return;
	}
}

/* The partitions in which the lane that lives there is held, as bits. */
static int64_t held_in(const struct worker_held *held, size_t i)
{
	const struct lane *lanes = held->lanes->lanes;
	int64_t bits = 0;

	while (i > 0 && lanes[i].ended)
		i = (size_t)lanes[i].parent;
	for (size_t k = 0; k < held->n_positions; k++)
		if (!strcmp(held->positions[k].lane, lanes[i].name))
			bits |= bit((size_t)held->positions[k].partition);
	return bits;
}

/* What has to be so of a row for which lanes_find() goes down as far as to
 * lane @last, whether that one has ended or not. */
static void put_way(struct pg_call *call, const struct lanes *lanes,
		    size_t last, int64_t partitions)
{
	int64_t care = 0, want = 0;

	for (size_t i = 1; i < lanes->n_lanes; i++)
		if (lanes->lanes[i].parent == (int)last)
			care |= bit(i);
	for (size_t at = last; at > 0; at = (size_t)lanes->lanes[at].parent) {
		want |= bit(at);
		for (size_t i = 1; i <= at; i++)
			if (lanes->lanes[i].parent == lanes->lanes[at].parent)
				care |= bit(i);
	}
	pg_put_i64(pg_call_put(call, CARE), care);
	pg_put_i64(pg_call_put(call, WANT), want);
	pg_put_i64(pg_call_put(call, HELD_IN), partitions);
}

static void put_lanes(struct pg_call *call, const struct worker_held *held)
{
	const struct lanes *lanes = held->lanes;

	for (size_t i = 1; i < lanes->n_lanes; i++)
		put_rule(call, &lanes->lanes[i], i);
	for (size_t i = 0; i < lanes->n_lanes; i++) {
		int64_t partitions = held_in(held, i);

		if (partitions)
			put_way(call, lanes, i, partitions);
	}
}

void held_sql_put(struct pg_call *call, const struct worker_held *held)
{
	int64_t partitions = 0;

	pg_call_begin(call);
	for (size_t i = 0; i < held->n_positions; i++)
		partitions |= bit((size_t)held->positions[i].partition);
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
		if (partitions & bit((size_t)i))
			pg_put_i32(pg_call_put(call, PARTITIONS), i);
	if (held->lanes->n_lanes > 1)
		put_lanes(call, held);
	for (int i = 0; i < HELD_ARGS; i++) {
		if (i == ALL)
			pg_put_bool(pg_arg(&call->args),
				    held->lanes->n_lanes <= 1);
		else
			pg_arg_array(&call->args, types[i], &call->arrays[i]);
	}
}
