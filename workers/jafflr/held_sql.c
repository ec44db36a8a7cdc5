/* SPDX-License-Identifier: MIT */
/* Held sql: lanes as bits; see held_sql.h. */
#include "workers/jafflr/held_sql.h"

#include <string.h>

_Static_assert(LANES_MAX <= 63 && TOPIC_PARTITIONS <= 63,
	       "lanes and partitions are bits of a bigint");

enum column {
	PARTITIONS,
	ALL, /* a bool; its array is not used */
	BUCKET_BIT,
	BUCKET_LOW,
	BUCKET_HIGH,
	NAME_BIT,
	NAME,
	PARENT,
	UNTIL,
	HELD_IN,
};

static const enum pg_type types[HELD_ARGS] = {
	[PARTITIONS] = PG_INT4, [ALL] = PG_BOOL,         [BUCKET_BIT] = PG_INT8,
	[BUCKET_LOW] = PG_INT4, [BUCKET_HIGH] = PG_INT4, [NAME_BIT] = PG_INT8,
	[NAME] = PG_TEXT,       [PARENT] = PG_INT4,      [UNTIL] = PG_INT4,
	[HELD_IN] = PG_INT8,
};

static int64_t bit(int i)
{
	return INT64_C(1) << i;
}

/* The partitions in which a lane is held, as bits. */
static int64_t held_in(const struct worker_assignments *held, const char *lane)
{
	int64_t bits = 0;

	for (size_t k = 0; k < held->n_positions; k++)
		if (!strcmp(held->positions[k].lane, lane))
			bits |= bit(held->positions[k].partition);
	return bits;
}

static void put_names(struct pg_call *call, const struct lane *lane, int i)
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

static void put_rule(struct pg_call *call, const struct lane *lane, int i)
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

static void put_lanes(struct pg_call *call,
		      const struct worker_assignments *held)
{
	int n = (int)held->lanes->n_lanes;

	for (int i = 0; n > 1 && i < n; i++) {
		const struct lane *lane = &held->lanes->lanes[i];

		put_rule(call, lane, i);
		pg_put_i32(pg_call_put(call, PARENT), lane->parent);
		pg_put_i32(pg_call_put(call, UNTIL),
			   lane->ended ? (int32_t)lane->until : n + 1);
		pg_put_i64(pg_call_put(call, HELD_IN),
			   held_in(held, lane->name));
	}
}

void held_sql_put(struct pg_call *call, const struct worker_assignments *held)
{
	int64_t partitions = 0;

	pg_call_begin(call);
	for (size_t i = 0; i < held->n_positions; i++)
		partitions |= bit(held->positions[i].partition);
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
		if (partitions & bit(i))
			pg_put_i32(pg_call_put(call, PARTITIONS), i);
	put_lanes(call, held);
	for (int i = 0; i < HELD_ARGS; i++) {
		if (i == ALL)
			pg_put_bool(pg_arg(&call->args),
				    held->lanes->n_lanes <= 1);
		else
			pg_arg_array(&call->args, types[i], &call->arrays[i]);
	}
}
