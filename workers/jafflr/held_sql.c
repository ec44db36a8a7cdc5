/* SPDX-License-Identifier: MIT */
/*
 * Held sql: lanes as bits. A way is what has to be so of a row for which
 * lanes_find() ends at a lane that is held: where it looks at a rule whose
 * answer makes a difference to where it ends, the bit has to be as on the way.
 *
 * A history of lanes that has too many ways is not put: then the server finds
 * the rows of our partitions, and lanes_find() the rest.
 */
#include "workers/jafflr/held_sql.h"

#include <string.h>

enum { WAYS_MAX = 256 };

_Static_assert(LANES_MAX <= 63 && TOPIC_PARTITIONS <= 63,
	       "lanes and partitions are bits of a bigint");

struct ways {
	const struct worker_held *held;
	int64_t care; /* lanes whose rule makes a difference anywhere */
	struct way {
		int64_t care, want, partitions;
	} list[WAYS_MAX];
	size_t n;
	size_t n_ends; /* also of ways to lanes that are not held */
	bool too_many;
};

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

static int64_t bit(int i)
{
	return INT64_C(1) << i;
}

/* ---- ways ---- */

/* Up from @at, past what had ended when lane @i was made, as lanes_find(). */
static int living(const struct lanes *lanes, int at, size_t i)
{
	while (at > 0 && lanes->lanes[at].ended && lanes->lanes[at].until <= i)
		at = lanes->lanes[at].parent;
	return at;
}

/* From lane @i on, is it the same whether one is at @a or at @b? */
static bool is_same(const struct lanes *lanes, size_t i, int a, int b)
{
	for (; i <= lanes->n_lanes; i++) {
		a = living(lanes, a, i);
		b = living(lanes, b, i);
		if (a == b)
			return true;
		if (i < lanes->n_lanes && (lanes->lanes[i].parent == a ||
					   lanes->lanes[i].parent == b))
			return false;
	}
	return false;
}

/* The partitions in which a lane is held, as bits. */
static int64_t held_in(const struct worker_held *held, const char *lane)
{
	int64_t bits = 0;

	for (size_t k = 0; k < held->n_positions; k++)
		if (!strcmp(held->positions[k].lane, lane))
			bits |= bit(held->positions[k].partition);
	return bits;
}

static void end_way(struct ways *ways, int at, struct way way)
{
	const struct lanes *lanes = ways->held->lanes;

	at = living(lanes, at, lanes->n_lanes);
	way.partitions = held_in(ways->held, lanes->lanes[at].name);
	ways->too_many = ++ways->n_ends > WAYS_MAX;
	if (way.partitions && !ways->too_many)
		ways->list[ways->n++] = way;
}

/* All ways on from lane @at, when lane @i is the next one to be asked. */
static void follow(struct ways *ways, size_t i, int at, struct way way)
{
	const struct lanes *lanes = ways->held->lanes;

	for (; i < lanes->n_lanes && !ways->too_many; i++) {
		at = living(lanes, at, i);
		if (lanes->lanes[i].parent != at ||
		    is_same(lanes, i + 1, (int)i, at))
			continue;
		way.care |= bit((int)i);
		ways->care |= way.care;
		/* Those that do not meet its rule, and go on, come after. */
		follow(ways, i + 1, (int)i,
		       (struct way){ .care = way.care,
				     .want = way.want | bit((int)i) });
	}
	if (!ways->too_many)
		end_way(ways, at, way);
}

/* ---- parameters ---- */

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

/* False: by partition only. */
static bool put_lanes(struct pg_call *call, const struct worker_held *held)
{
	const struct lanes *lanes = held->lanes;
	struct ways ways = { .held = held };

	if (lanes->n_lanes <= 1)
		return false;
	follow(&ways, 1, 0, (struct way){ 0 });
	if (ways.too_many)
		return false;
	for (int i = 1; i < (int)lanes->n_lanes; i++)
		if (ways.care & bit(i))
			put_rule(call, &lanes->lanes[i], i);
	for (size_t i = 0; i < ways.n; i++) {
		pg_put_i64(pg_call_put(call, CARE), ways.list[i].care);
		pg_put_i64(pg_call_put(call, WANT), ways.list[i].want);
		pg_put_i64(pg_call_put(call, HELD_IN), ways.list[i].partitions);
	}
	return true;
}

void held_sql_put(struct pg_call *call, const struct worker_held *held)
{
	int64_t partitions = 0;
	bool by_lane;

	pg_call_begin(call);
	for (size_t i = 0; i < held->n_positions; i++)
		partitions |= bit(held->positions[i].partition);
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
		if (partitions & bit(i))
			pg_put_i32(pg_call_put(call, PARTITIONS), i);
	by_lane = put_lanes(call, held);
	for (int i = 0; i < HELD_ARGS; i++) {
		if (i == ALL)
			pg_put_bool(pg_arg(&call->args), !by_lane);
		else
			pg_arg_array(&call->args, types[i], &call->arrays[i]);
	}
}

bool held_sql_is_ours(const struct worker_held *held,
		      const struct toastie_row *row)
{
	char id[ORDER_ID_CHARS + 1];
	struct lane_key key = {
		.key = { order_id_format(&row->order_id, id), ORDER_ID_CHARS },
		.customer = row->customer,
		.stall = row->stall,
	};
	const char *lane =
		held->lanes->lanes[lanes_find(held->lanes, &key)].name;

	for (size_t i = 0; i < held->n_positions; i++)
		if (held->positions[i].partition == row->partition &&
		    !strcmp(held->positions[i].lane, lane))
			return true;
	return false;
}
