/* SPDX-License-Identifier: MIT */
/*
 * Positions: every statement on them. Each compares the epoch as the last
 * thing in its transaction, so that a worker that was taken over from changes
 * nothing. A take-over must read the lanes after its UPDATE, never before.
 */
#include "workers/runtime/database/positions.h"

#include <string.h>

#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"
#include "schemas/lanes/lane_rows.h"
#include "schemas/limits.h"
#include "workers/runtime/database/session.h"

#define ACQUIRE_TRIES 20
/* No key of ours is longer; what is, stands with the original alone. */
#define DEAD_KEY_MAX_BYTES ((size_t)4 * TEXT_MAX_BYTES)

static const struct pg_statement take_over = {
	"take_over",
	"SELECT lane, topic, partition, next_offset, emitted_offset, epoch,"
	" true FROM take_over($1, $2, $3, $4, $5)",
	5,
};

static const struct pg_statement refresh = {
	"look_positions",
	"SELECT lane, topic, partition, next_offset, emitted_offset, epoch,"
	" colour = $2 FROM positions WHERE service = $1 AND colour <> ''"
	" AND (topic, partition) IN"
	" (SELECT * FROM unnest($3::text[], $4::int[]))",
	4,
};

static const struct pg_statement move = {
	"move_positions",
	"SELECT move_positions($1, $2, $3, $4, $5, $6, $7, $8)",
	8,
};

static const struct pg_statement confirm = {
	"hold_positions",
	"SELECT hold_positions($1, $2, $3, $4, $5)",
	5,
};

static const struct pg_statement release = {
	"release_positions",
	"UPDATE positions p SET holder = NULL,"
	" emitted_offset = greatest(p.emitted_offset,"
	" least(mine.emitted, p.next_offset))"
	" FROM (SELECT q.lane, q.topic, q.partition, m.emitted"
	" FROM positions q JOIN unnest($2::text[], $3::text[], $4::int[],"
	" $5::bigint[], $6::bigint[])"
	" AS m(lane, topic, partition, epoch, emitted)"
	" ON q.lane = m.lane AND q.topic = m.topic"
	" AND q.partition = m.partition AND q.epoch = m.epoch"
	" WHERE q.service = $1 ORDER BY q.lane, q.topic, q.partition"
	" FOR UPDATE OF q) mine"
	" WHERE p.service = $1 AND p.lane = mine.lane"
	" AND p.topic = mine.topic AND p.partition = mine.partition",
	6,
};

static const struct pg_statement add_dead = {
	"add_dead_letters",
	"INSERT INTO dead_letters (service, topic, partition, \"offset\","
	" reason, detail, event_id, key, at)"
	" SELECT $1, d.topic, d.partition, d.off, d.reason, d.detail,"
	" d.event_id, d.key, $9 FROM unnest($2::text[], $3::int[],"
	" $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bytea[])"
	" AS d(topic, partition, off, reason, detail, event_id, key)"
	" ORDER BY d.topic, d.partition, d.off ON CONFLICT DO NOTHING",
	9,
};

static const struct pg_statement recall_dead = {
	"recall_dead_letters",
	"SELECT topic, partition, \"offset\", reason, detail FROM dead_letters"
	" WHERE service = $1 AND (topic, partition, \"offset\") IN"
	" (SELECT * FROM unnest($2::text[], $3::int[], $4::bigint[]))",
	4,
};

/* ---- reading ---- */

static struct text text_at(const struct pg *pg, int statement, int row,
			   int column)
{
	struct text text;

	text.p = pg_bytes(pg, statement, row, column, &text.n);
	return text;
}

static int topic_of(const struct identity *identity, struct text name)
{
	for (size_t i = 0; i < identity->n_topics; i++)
		if (text_equal(text_of(identity->topics[i]->name), name))
			return (int)i;
	return -1;
}

static void put(struct buf *to, const char *word)
{
	pg_put_bytes(to, word, strlen(word));
}

static int get_lanes(struct pg *pg, const struct identity *identity,
		     struct lanes *ret)
{
	struct pg_args args = { 0 };
	int i, r;

	put(pg_arg(&args), identity->service);
	put(pg_arg(&args), identity->colour);
	i = pg_add(pg, &lane_rows_of_worker, &args);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	pg_args_deinit(&args);
	if (r)
		return r;
	return lane_rows_read(pg, i, ret) ? POSITIONS_E_TOO_MANY : 0;
}

static int read_rows(const struct pg *pg, int i,
		     const struct identity *identity, struct positions *ret)
{
	ret->n_rows = 0;
	if (pg_n_rows(pg, i) > ASSIGNMENTS_MAX * LANES_MAX)
		return POSITIONS_E_TOO_MANY;
	for (int row = 0; row < pg_n_rows(pg, i); row++) {
		struct position *position = &ret->rows[ret->n_rows++];
		struct text lane = text_at(pg, i, row, 0);

		*position = (struct position){
			.topic = topic_of(identity, text_at(pg, i, row, 1)),
			.partition = (int32_t)pg_i64(pg, i, row, 2),
			.next_offset = pg_i64(pg, i, row, 3),
			.emitted_offset = pg_i64(pg, i, row, 4),
			.epoch = pg_i64(pg, i, row, 5),
			.mine = pg_bool(pg, i, row, 6),
		};
		(void)str_n_copy(position->lane_name, LANE_NAME_BYTES, lane.p,
				 lane.n);
	}
	return 0;
}

static int get_rows(struct pg *pg, const struct identity *identity,
		    const struct pg_statement *statement,
		    const struct position_key *keys, size_t n_keys,
		    struct positions *ret)
{
	static const enum pg_type types[] = { PG_TEXT, PG_INT4 };
	struct pg_call call = { 0 };
	int i, r;

	put(pg_arg(&call.args), identity->service);
	put(pg_arg(&call.args), identity->colour);
	if (statement == &take_over)
		put(pg_arg(&call.args), identity->holder);
	for (size_t k = 0; k < n_keys; k++) {
		put(pg_call_put(&call, 0),
		    identity->topics[keys[k].topic]->name);
		pg_put_i32(pg_call_put(&call, 1), keys[k].partition);
	}
	pg_call_arrays(&call, types, 2);
	i = pg_add(pg, statement, &call.args);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	if (!r)
		r = read_rows(pg, i, identity, ret);
	pg_call_deinit(&call);
	return r;
}

/* Do the lanes name exactly these rows: each of our lanes, at each key? */
static bool lanes_agree(struct positions *positions, size_t n_keys)
{
	const struct lanes *lanes = &positions->lanes;
	size_t n_mine = 0, n_rows = 0;

	for (size_t i = 0; i < lanes->n_lanes; i++)
		n_mine += lanes->lanes[i].mine;
	for (size_t i = 0; i < positions->n_rows; i++) {
		struct position *position = &positions->rows[i];

		if (!position->mine)
			continue;
		n_rows++;
		position->lane =
			lanes_by_name(lanes, text_of(position->lane_name));
		if (position->lane < 0 || !lanes->lanes[position->lane].mine)
			return false;
	}
	return n_rows == n_mine * n_keys;
}

static int get_positions(struct pg *pg, const struct identity *identity,
			 const struct pg_statement *statement,
			 const struct position_key *keys, size_t n_keys,
			 struct positions *ret)
{
	int r = 0;

	for (int i = 0; i < ACQUIRE_TRIES; i++) {
		r = get_rows(pg, identity, statement, keys, n_keys, ret);
		if (!r)
			r = get_lanes(pg, identity, &ret->lanes);
		if (r || lanes_agree(ret, n_keys))
			break;
		r = POSITIONS_E_UNLIKE;
	}
	return r;
}

int positions_acquire(struct pg *pg, const struct identity *identity,
		      const struct position_key *keys, size_t n_keys,
		      struct positions *ret)
{
	return get_positions(pg, identity, &take_over, keys, n_keys, ret);
}

int positions_refresh(struct pg *pg, const struct identity *identity,
		      const struct position_key *keys, size_t n_keys,
		      struct positions *ret)
{
	return get_positions(pg, identity, &refresh, keys, n_keys, ret);
}

/* ---- writing ---- */

/* Parameters behind the service, as arrays; a statement takes the first ones,
 * release_positions those of a confirm and `emitted`. */
enum { COLUMNS_CONFIRM = 4, COLUMN_EMITTED = 6, COLUMNS_MOVE = 7 };

static void put_held(struct pg_call *call, int n_columns,
		     const struct held_positions *held)
{
	static const enum pg_type types[] = { PG_TEXT, PG_TEXT, PG_INT4,
					      PG_INT8, PG_INT8, PG_INT8,
					      PG_INT8 };
	const struct identity *identity = held->identity;

	pg_call_begin(call);
	for (size_t i = 0; i < held->n_rows; i++) {
		const struct assigned_position *row = &held->rows[i];

		put(pg_call_put(call, 0), row->lane);
		put(pg_call_put(call, 1), identity->topics[row->topic]->name);
		pg_put_i32(pg_call_put(call, 2), row->partition);
		pg_put_i64(pg_call_put(call, 3), row->epoch);
		pg_put_i64(pg_call_put(call, 4), row->next_offset);
		pg_put_i64(pg_call_put(call, 5), row->to_next);
		pg_put_i64(pg_call_put(call, COLUMN_EMITTED), row->emitted);
	}
	put(pg_arg(&call->args), identity->service);
	pg_call_arrays(call, types, n_columns);
}

void positions_add_move(struct pg *pg, const struct held_positions *held,
			struct pg_call *call)
{
	if (!POSITIONS_MOVE)
		return;
	put_held(call, COLUMNS_MOVE, held);
	(void)pg_add(pg, &move, &call->args);
}

void worker_add_confirm(struct pg *pg, const struct worker_assignments *held,
			struct pg_call *call)
{
	put_held(call, COLUMNS_CONFIRM, held->positions);
	(void)pg_add(pg, &confirm, &call->args);
}

int positions_emit(struct pg *pg, const struct held_positions *held)
{
	struct pg_call call = { 0 };
	int r;

	if (!POSITIONS_MOVE)
		return 0;
	/* A move from next_offset to itself: only emitted_offset follows. */
	positions_add_move(pg, held, &call);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	pg_call_deinit(&call);
	return r;
}

int positions_release(struct pg *pg, const struct held_positions *held)
{
	struct pg_call call = { 0 };
	int r;

	put_held(&call, COLUMNS_CONFIRM, held);
	pg_arg_array(&call.args, PG_INT8, &call.arrays[COLUMN_EMITTED]);
	(void)pg_add(pg, &release, &call.args);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	pg_call_deinit(&call);
	return r;
}

/* ---- dead letters ---- */

static const enum pg_type dead_types[] = { PG_TEXT, PG_INT4, PG_INT8, PG_TEXT,
					   PG_TEXT, PG_TEXT, PG_BYTEA };

static void put_place(struct pg_call *call, const struct identity *identity,
		      const struct record *record)
{
	put(pg_call_put(call, 0), identity->topics[record->kafka.topic]->name);
	pg_put_i32(pg_call_put(call, 1), record->kafka.partition);
	pg_put_i64(pg_call_put(call, 2), record->kafka.offset);
}

static void put_dead(struct pg_call *call, const struct record *record)
{
	struct text id = record->event_id;

	put(pg_call_put(call, 3), record->dead_reason);
	put(pg_call_put(call, 4), record->dead_detail);
	/* What could not be checked may be anything but text. */
	if (text_is_clean(id) && id.n <= TEXT_MAX_BYTES)
		pg_put_text(pg_call_put(call, 5), id.p, id.n);
	else
		pg_put_null(pg_call_put(call, 5));
	if (record->kafka.key && record->kafka.n_key <= DEAD_KEY_MAX_BYTES)
		pg_put_bytes(pg_call_put(call, 6), record->kafka.key,
			     record->kafka.n_key);
	else
		pg_put_null(pg_call_put(call, 6));
}

void positions_add_dead(struct pg *pg, const struct identity *identity,
			const struct batch *batch, struct pg_call *call)
{
	size_t n_dead = 0;

	pg_call_begin(call);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];

		if (!record->dead_reason || record->decided)
			continue;
		put_place(call, identity, record);
		put_dead(call, record);
		n_dead++;
	}
	if (!n_dead)
		return;
	put(pg_arg(&call->args), identity->service);
	pg_call_arrays(call, dead_types, 7);
	pg_put_wall_ms(pg_arg(&call->args), batch->decided_at_ms);
	(void)pg_add(pg, &add_dead, &call->args);
}

static void mark_dead(const struct pg *pg, int i, int row,
		      const struct identity *identity, struct batch *batch)
{
	int topic = topic_of(identity, text_at(pg, i, row, 0));
	int32_t partition = (int32_t)pg_i64(pg, i, row, 1);
	int64_t offset = pg_i64(pg, i, row, 2);
	struct text reason = text_at(pg, i, row, 3);
	struct text detail = text_at(pg, i, row, 4);

	for (size_t k = 0; k < batch->n_records; k++) {
		struct record *record = &batch->records[k];
		char *copy;

		if (record->kafka.topic != topic ||
		    record->kafka.partition != partition ||
		    record->kafka.offset != offset)
			continue;
		copy = arena_alloc(&batch->arena, reason.n + detail.n + 2);
		(void)str_n_copy(copy, reason.n + 1, reason.p, reason.n);
		(void)str_n_copy(copy + reason.n + 1, detail.n + 1, detail.p,
				 detail.n);
		record->dead_reason = copy;
		record->dead_detail = copy + reason.n + 1;
	}
}

int positions_recall_dead(struct pg *pg, const struct identity *identity,
			  struct batch *batch)
{
	struct pg_call call = { 0 };
	int i, r;

	put(pg_arg(&call.args), identity->service);
	for (size_t k = 0; k < batch->n_records; k++)
		if (batch->records[k].decided)
			put_place(&call, identity, &batch->records[k]);
	pg_call_arrays(&call, dead_types, 3);
	i = pg_add(pg, &recall_dead, &call.args);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	for (int row = 0; !r && row < pg_n_rows(pg, i); row++)
		mark_dead(pg, i, row, identity, batch);
	pg_call_deinit(&call);
	return r;
}
