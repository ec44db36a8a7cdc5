/* SPDX-License-Identifier: MIT */
/*
 * Sql tick: the scheduler's half. First, in one message, what is to be seen;
 * then, in another, all changes, the lock on the positions, and COMMIT.
 */
#include <string.h>

#include "workers/jafflr/doneness_time.h"
#include "workers/jafflr/grill.h"
#include "workers/jafflr/row_sql.h"
#include "workers/jafflr/schedule.h"
#include "workers/jafflr/sql.h"

#define TICK_TIMEOUT_MS 10000
#define UNTOLD_MAX 5000
/* Rows looked at: some are another lane's or a demo's. */
#define CANDIDATES_MAX 512

/* ---- statements that look ---- */

static const struct pg_statement list_grills = {
	"list_grills",
	"SELECT g.grill, g.address, g.unit, g.stalls, max(p.plate) + 1"
	" FROM control.grills g JOIN control.plates p USING (grill)"
	" WHERE g.enabled GROUP BY g.grill ORDER BY g.grill",
	0,
};

/* The oldest of all, if a free plate serves all or it is time for demos; and
 * the oldest of each stall that a free plate is for, so that none waits behind
 * those of another whose grill is away. */
static const struct pg_statement candidates = {
	"queued_toasties",
	"SELECT" ROW_COLUMNS "FROM toasties t WHERE t.order_id IN ("
	"(SELECT q.order_id FROM toasties q WHERE q.state = 'queued'"
	" AND q.partition = ANY ($1::int[]) AND ($3::boolean OR $4::boolean)"
	" AND ($3 OR q.stall LIKE 'demo-%')"
	" ORDER BY q.changed_at LIMIT $2::bigint / 2)"
	" UNION ALL SELECT n.order_id FROM unnest($5::text[]) AS s(stall),"
	" LATERAL (SELECT q.order_id FROM toasties q WHERE q.state = 'queued'"
	" AND q.partition = ANY ($1) AND q.stall = s.stall"
	" ORDER BY q.changed_at LIMIT 32) n)"
	" ORDER BY t.changed_at LIMIT $2",
	5,
};

/* Plates that others use, or that are out of use. */
static const struct pg_statement busy_plates = {
	"busy_plates",
	"SELECT grill, plate FROM intents WHERE closed_at IS NULL"
	" UNION ALL SELECT grill, plate FROM control.plates"
	" WHERE out_since IS NOT NULL",
	0,
};

static const struct pg_statement untold = {
	"untold_toasties",
	"SELECT" ROW_COLUMNS "FROM toasties t WHERE published_seq < seq"
	" AND partition = ANY ($1::int[]) ORDER BY changed_at LIMIT $2",
	2,
};

static const struct pg_statement count_queued = {
	"count_queued_toasties",
	"SELECT count(*) FROM toasties WHERE state = 'queued'"
	" AND partition = ANY ($1::int[])",
	1,
};

static const struct pg_statement open_intents = {
	"open_intents",
	"SELECT" ROW_COLUMNS ", i.intent_id, i.token, i.boot, i.time_ms,"
	" t.published_seq >= t.seq FROM intents i"
	" JOIN toasties t USING (order_id) WHERE i.closed_at IS NULL"
	" AND t.state IN ('grilling', 'uncertain')"
	" AND t.partition = ANY ($1::int[])",
	1,
};

/* ---- statements that change ---- */

/*
 * A plate's next token, above what the plate itself has seen. The last one is
 * for nobody: who comes to it finds the plate out of use, and a person has to
 * reset the plate and the row. It never begins again at 0 by itself, since the
 * plate would refuse what comes then.
 */
#define TEXT_OF(x) #x
#define TEXT_OF_VALUE(x) TEXT_OF(x)
#define TOKEN_LAST TEXT_OF_VALUE(GRILL_TOKEN_LAST)
#define SET_NEXT_TOKEN(seen, now)                                              \
	" SET token = least(greatest(p.token, " seen ") + 1, " TOKEN_LAST ")," \
	" out_since = CASE WHEN greatest(p.token, " seen ") + 1 < " TOKEN_LAST \
	" THEN p.out_since ELSE coalesce(p.out_since, " now ") END,"           \
	" out_reason = CASE WHEN greatest(p.token, " seen                      \
	") + 1 < " TOKEN_LAST                                                  \
	" THEN p.out_reason ELSE 'it has had its last token' END"

/* What is over, or was parked and is settled; its intent is still open, or a
 * person has decided. */
static const struct pg_statement finish = {
	"finish_toasties",
	"WITH f AS MATERIALIZED (SELECT * FROM unnest($1::uuid[],"
	" $2::bigint[], $3::text[], $4::text[], $5::boolean[])"
	" AS f(order_id, intent_id, state, reason, keep_plate)),"
	" l AS MATERIALIZED (SELECT t.order_id FROM toasties t JOIN f"
	" USING (order_id) WHERE t.state IN ('grilling', 'uncertain')"
	" AND EXISTS (SELECT FROM intents i WHERE i.intent_id = f.intent_id"
	" AND i.closed_at IS NULL)"
	" ORDER BY t.order_id FOR UPDATE OF t),"
	" c AS (UPDATE intents i SET closed_at = $6, outcome = f.state"
	" FROM f JOIN l USING (order_id) WHERE i.intent_id = f.intent_id"
	" AND NOT f.keep_plate)"
	" UPDATE toasties t SET seq = t.seq + 1, changed_at = $6,"
	" reason = f.reason, state = CASE WHEN f.state = 'queued' AND"
	" (SELECT count(*) FROM intents i WHERE i.order_id = f.order_id)"
	" >= $7 THEN 'returned' ELSE f.state END"
	" FROM f JOIN l USING (order_id) WHERE t.order_id = f.order_id"
	" RETURNING" ROW_COLUMNS,
	7,
};

/* Out of order, a lower seq never takes back a higher one. */
static const struct pg_statement told = {
	"told_toasties",
	"UPDATE toasties t SET published_seq = s.seq FROM (SELECT t.order_id,"
	" max(s.seq) AS seq FROM toasties t JOIN unnest($1::uuid[],"
	" $2::bigint[]) AS s(order_id, seq) USING (order_id)"
	" GROUP BY t.order_id ORDER BY t.order_id) s"
	" WHERE t.order_id = s.order_id AND t.published_seq < s.seq"
	" AND s.seq <= t.seq",
	2,
};

/* clang-format off */
static const struct pg_statement raise = {
	"raise_tokens",
	"WITH i AS MATERIALIZED (SELECT n.intent_id, n.grill, n.plate, r.seen"
	" FROM intents n JOIN unnest($1::bigint[], $2::bigint[])"
	" AS r(intent_id, seen) USING (intent_id) WHERE n.closed_at IS NULL"
	" ORDER BY n.grill, n.plate FOR UPDATE OF n),"
	" p AS (UPDATE control.plates p" SET_NEXT_TOKEN("i.seen", "$3")
	" FROM i WHERE p.grill = i.grill AND p.plate = i.plate"
	" RETURNING i.intent_id, p.token)"
	" UPDATE intents n SET token = p.token FROM p"
	" WHERE n.intent_id = p.intent_id RETURNING n.intent_id, n.token",
	3,
};
/* clang-format on */

static const struct pg_statement finish_demo = {
	"finish_demo_toasties",
	"UPDATE toasties t SET state = 'done', seq = seq + 1, changed_at = $2"
	" WHERE order_id = ANY ($1::uuid[]) AND state = 'queued'"
	" RETURNING" ROW_COLUMNS,
	2,
};

/*
 * A plate is taken by locking its row, and then by the unique index on open
 * intents: whoever comes second gets nothing, and no error.
 */
/* clang-format off */
static const struct pg_statement claim = {
	"claim_plates",
	"WITH w AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::text[],"
	" $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])"
	" AS w(order_id, grill, plate, boot, time_ms, seen)),"
	" l AS MATERIALIZED (SELECT w.* FROM w JOIN toasties t"
	" USING (order_id) JOIN control.plates p"
	" ON p.grill = w.grill AND p.plate = w.plate"
	" WHERE t.state = 'queued' AND p.out_since IS NULL"
	" AND NOT EXISTS (SELECT FROM intents i WHERE i.grill = w.grill"
	" AND i.plate = w.plate AND i.closed_at IS NULL)"
	" ORDER BY w.grill, w.plate FOR UPDATE OF t, p SKIP LOCKED),"
	" p AS (UPDATE control.plates p" SET_NEXT_TOKEN("l.seen", "$7")
	" FROM l WHERE p.grill = l.grill AND p.plate = l.plate"
	" RETURNING l.*, p.token),"
	" i AS (INSERT INTO intents (order_id, grill, plate, token, time_ms,"
	" boot, opened_at) SELECT order_id, grill, plate, token, time_ms,"
	" boot, $7 FROM p WHERE token < " TOKEN_LAST
	" ON CONFLICT DO NOTHING RETURNING *)"
	" UPDATE toasties t SET state = 'grilling', seq = t.seq + 1,"
	" changed_at = $7, grill = i.grill, plate = i.plate, reason = NULL"
	" FROM i WHERE t.order_id = i.order_id RETURNING" ROW_COLUMNS
	", i.intent_id, i.token, i.boot, i.time_ms, false",
	7,
};
/* clang-format on */

/* ---- looking ---- */

/* Indexes of statements in the first message; -1: not asked. */
struct looked {
	int grills, queued, busy, untold, count, open;
};

static void put_partitions(struct pg_call *call, const struct worker_held *held)
{
	static const enum pg_type types[] = { PG_INT4 };
	int32_t last = -1;

	pg_call_begin(call);
	for (size_t i = 0; i < held->n_positions; i++) {
		if (held->positions[i].partition != last)
			pg_put_i32(pg_call_put(call, 0),
				   held->positions[i].partition);
		last = held->positions[i].partition;
	}
	pg_call_arrays(call, types, 1);
}

static int add_partitions(struct pg *pg, const struct pg_statement *statement,
			  struct pg_call *call, const struct worker_held *held,
			  int64_t limit)
{
	put_partitions(call, held);
	if (limit)
		pg_put_i64(pg_arg(&call->args), limit);
	return pg_add(pg, statement, &call->args);
}

static bool names(const struct pg_array *stalls, const char *stall)
{
	struct pg_elements elements = { stalls->elements.p,
					stalls->elements.n };
	const char *p;
	size_t n;

	while (pg_next_element(&elements, &p, &n))
		if (n == strlen(stall) && !memcmp(p, stall, n))
			return true;
	return false;
}

/* Whose toasties the free plates are for. */
static int add_candidates(struct pg *pg, struct pg_call *call,
			  const struct worker_held *held,
			  const struct tick *tick)
{
	struct pg_array *stalls = &call->arrays[1];
	bool all = false;

	put_partitions(call, held);
	for (size_t i = 0; i < tick->n_plates; i++) {
		const struct tick_plate *plate = &tick->plates[i];

		all = all || !plate->stalls;
		for (size_t k = 0; plate->stalls && k < plate->n_stalls; k++)
			if (!names(stalls, plate->stalls[k]))
				pg_put_text(pg_element(stalls),
					    plate->stalls[k],
					    strlen(plate->stalls[k]));
	}
	pg_put_i64(pg_arg(&call->args), CANDIDATES_MAX);
	pg_put_bool(pg_arg(&call->args), all);
	pg_put_bool(pg_arg(&call->args), tick->look);
	pg_arg_array(&call->args, PG_TEXT, stalls);
	return pg_add(pg, &candidates, &call->args);
}

static int look(struct sql *sql, struct pg *pg, const struct worker_held *held,
		const struct tick *tick, struct looked *ret)
{
	*ret = (struct looked){ -1, -1, -1, -1, -1, -1 };
	if (tick->list_grills)
		ret->grills = pg_add(pg, &list_grills, NULL);
	if (tick->n_plates || tick->look)
		ret->queued = add_candidates(pg, &sql->calls[0], held, tick);
	if (tick->n_plates)
		ret->busy = pg_add(pg, &busy_plates, NULL);
	if (tick->look) {
		ret->untold = add_partitions(pg, &untold, &sql->calls[1], held,
					     UNTOLD_MAX);
		ret->count = add_partitions(pg, &count_queued, &sql->calls[2],
					    held, 0);
	}
	if (tick->adopt)
		ret->open = add_partitions(pg, &open_intents, &sql->calls[3],
					   held, 0);
	if (ret->grills < 0 && ret->queued < 0 && ret->open < 0)
		return 0;
	return pg_run(pg, TICK_TIMEOUT_MS);
}

static void take_grill(const struct pg *pg, int i, int row, struct tick *tick)
{
	struct tick_grill *grill = &TICK_ADD(tick, grills);
	const char *p;
	size_t n;

	grill->grill = row_text(pg, i, row, 0, &tick->arena);
	grill->address = row_text(pg, i, row, 1, &tick->arena);
	grill->unit = (int)pg_i64(pg, i, row, 2);
	grill->n_plates = (int)pg_i64(pg, i, row, 4);
	if (pg_null(pg, i, row, 3))
		return;
	for (int pass = 0; pass < 2; pass++) {
		struct pg_elements names = pg_elements(pg, i, row, 3);

		if (pass)
			grill->stalls = arena_alloc(
				&tick->arena,
				(grill->n_stalls + 1) * sizeof(*grill->stalls));
		for (grill->n_stalls = 0; pg_next_element(&names, &p, &n);
		     grill->n_stalls++)
			if (pass)
				grill->stalls[grill->n_stalls] = (struct text){
					arena_copy(&tick->arena, p, n), n
				};
	}
}

static void take_row(const struct pg *pg, int i, int row, struct tick *tick,
		     enum tick_kind kind)
{
	struct tick_row *out = &TICK_ADD(tick, rows);

	out->kind = kind;
	out->row = row_read(pg, i, row, &tick->arena);
	if (kind != TICK_CLAIMED && kind != TICK_ADOPTED)
		return;
	out->intent_id = pg_i64(pg, i, row, N_ROW_COLUMNS);
	out->token = (uint32_t)pg_i64(pg, i, row, N_ROW_COLUMNS + 1);
	out->boot = pg_null(pg, i, row, N_ROW_COLUMNS + 2)
			    ? -1
			    : pg_i64(pg, i, row, N_ROW_COLUMNS + 2);
	out->time_ms = pg_i64(pg, i, row, N_ROW_COLUMNS + 3);
	out->told = pg_bool(pg, i, row, N_ROW_COLUMNS + 4);
}

static void take_rows(const struct pg *pg, int i, struct tick *tick,
		      enum tick_kind kind)
{
	for (int row = 0; i >= 0 && row < pg_n_rows(pg, i); row++)
		take_row(pg, i, row, tick, kind);
}

/* ---- which of the candidates are ours, and where they go ---- */

struct chosen {
	struct toastie_row rows[CANDIDATES_MAX];
	size_t n_rows;
	struct schedule_pair pairs[CANDIDATES_MAX];
	size_t n_pairs;
	size_t n_demo;
};

static bool is_ours(const struct worker_held *held,
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

static bool is_busy(const struct pg *pg, int busy,
		    const struct tick_plate *plate)
{
	for (int row = 0; row < pg_n_rows(pg, busy); row++) {
		size_t n;
		const char *grill = pg_bytes(pg, busy, row, 0, &n);

		if (pg_i64(pg, busy, row, 1) == plate->plate &&
		    strlen(plate->grill) == n &&
		    !memcmp(plate->grill, grill, n))
			return true;
	}
	return false;
}

static void choose(const struct pg *pg, const struct looked *looked,
		   const struct worker_held *held, struct tick *tick,
		   struct chosen *ret)
{
	size_t n_plates = 0;

	for (int row = 0;
	     looked->queued >= 0 && row < pg_n_rows(pg, looked->queued);
	     row++) {
		struct toastie_row *next = &ret->rows[ret->n_rows];

		*next = row_read(pg, looked->queued, row, &tick->arena);
		if (!is_ours(held, next))
			continue;
		ret->n_demo += schedule_is_demo(next->stall);
		ret->n_rows++;
	}
	for (size_t i = 0; looked->busy >= 0 && i < tick->n_plates; i++)
		if (!is_busy(pg, looked->busy, &tick->plates[i]) &&
		    n_plates < CANDIDATES_MAX)
			tick->plates[n_plates++] = tick->plates[i];
	tick->n_plates = n_plates;
	ret->n_pairs = schedule(ret->rows, ret->n_rows, tick->plates, n_plates,
				ret->pairs);
}

/* ---- changing ---- */

/* Indexes of statements in the second message; -1: nothing of that kind. */
struct changed {
	int finish, raise, demo, claim;
	bool any;
};

static int add_finish(struct sql *sql, struct pg *pg, const struct tick *tick)
{
	static const enum pg_type types[] = { PG_UUID, PG_INT8, PG_TEXT,
					      PG_TEXT, PG_BOOL };
	struct pg_call *call = &sql->calls[0];

	pg_call_begin(call);
	for (size_t i = 0; i < tick->n_finish; i++) {
		const struct tick_finish *row = &tick->finish[i];
		const char *state = row_state_name(row->state);

		pg_put_uuid(pg_call_put(call, 0), row->order_id.bytes);
		pg_put_i64(pg_call_put(call, 1), row->intent_id);
		pg_put_bytes(pg_call_put(call, 2), state, strlen(state));
		if (row->reason)
			pg_put_bytes(pg_call_put(call, 3), row->reason,
				     strlen(row->reason));
		else
			pg_put_null(pg_call_put(call, 3));
		pg_put_bool(pg_call_put(call, 4), row->keep_plate);
	}
	pg_call_arrays(call, types, 5);
	pg_put_wall_ms(pg_arg(&call->args), tick->now_ms);
	pg_put_i64(pg_arg(&call->args), tick->tries_max);
	return pg_add(pg, &finish, &call->args);
}

static void add_told(struct sql *sql, struct pg *pg, const struct tick *tick)
{
	static const enum pg_type types[] = { PG_UUID, PG_INT8 };
	struct pg_call *call = &sql->calls[1];

	pg_call_begin(call);
	for (size_t i = 0; i < tick->n_told; i++) {
		pg_put_uuid(pg_call_put(call, 0), tick->told[i].order_id.bytes);
		pg_put_i64(pg_call_put(call, 1), tick->told[i].seq);
	}
	pg_call_arrays(call, types, 2);
	(void)pg_add(pg, &told, &call->args);
}

static int add_raise(struct sql *sql, struct pg *pg, const struct tick *tick)
{
	static const enum pg_type types[] = { PG_INT8, PG_INT8 };
	struct pg_call *call = &sql->calls[2];

	pg_call_begin(call);
	for (size_t i = 0; i < tick->n_raise; i++) {
		pg_put_i64(pg_call_put(call, 0), tick->raise[i].intent_id);
		pg_put_i64(pg_call_put(call, 1), tick->raise[i].seen);
	}
	pg_call_arrays(call, types, 2);
	pg_put_wall_ms(pg_arg(&call->args), tick->now_ms);
	return pg_add(pg, &raise, &call->args);
}

static int add_demo(struct sql *sql, struct pg *pg, const struct tick *tick,
		    const struct chosen *chosen)
{
	static const enum pg_type types[] = { PG_UUID };
	struct pg_call *call = &sql->calls[3];

	pg_call_begin(call);
	for (size_t i = 0; i < chosen->n_rows; i++)
		if (schedule_is_demo(chosen->rows[i].stall))
			pg_put_uuid(pg_call_put(call, 0),
				    chosen->rows[i].order_id.bytes);
	pg_call_arrays(call, types, 1);
	pg_put_wall_ms(pg_arg(&call->args), tick->now_ms);
	return pg_add(pg, &finish_demo, &call->args);
}

static int add_claim(struct sql *sql, struct pg *pg, const struct tick *tick,
		     const struct chosen *chosen)
{
	static const enum pg_type types[] = { PG_UUID, PG_TEXT, PG_INT4,
					      PG_INT8, PG_INT8, PG_INT8 };
	struct pg_call *call = &sql->calls[4];

	pg_call_begin(call);
	for (size_t i = 0; i < chosen->n_pairs; i++) {
		const struct toastie_row *row =
			&chosen->rows[chosen->pairs[i].row];
		const struct tick_plate *plate =
			&tick->plates[chosen->pairs[i].plate];

		pg_put_uuid(pg_call_put(call, 0), row->order_id.bytes);
		pg_put_bytes(pg_call_put(call, 1), plate->grill,
			     strlen(plate->grill));
		pg_put_i32(pg_call_put(call, 2), plate->plate);
		pg_put_i64(pg_call_put(call, 3), plate->boot);
		pg_put_i64(pg_call_put(call, 4),
			   doneness_time_ms[row->doneness]);
		pg_put_i64(pg_call_put(call, 5), plate->token);
	}
	pg_call_arrays(call, types, 6);
	pg_put_wall_ms(pg_arg(&call->args), tick->now_ms);
	return pg_add(pg, &claim, &call->args);
}

static int change(struct sql *sql, struct pg *pg,
		  const struct worker_held *held, const struct tick *tick,
		  const struct chosen *chosen, struct changed *ret)
{
	struct positions_args hold = { 0 };
	int r;

	*ret = (struct changed){ -1, -1, -1, -1, false };
	if (!tick->n_finish && !tick->n_told && !tick->n_raise &&
	    !chosen->n_demo && !chosen->n_pairs)
		return 0;
	ret->any = true;
	(void)pg_add(pg, &pg_begin, NULL);
	if (tick->n_finish)
		ret->finish = add_finish(sql, pg, tick);
	if (tick->n_told)
		add_told(sql, pg, tick);
	if (tick->n_raise)
		ret->raise = add_raise(sql, pg, tick);
	if (chosen->n_demo)
		ret->demo = add_demo(sql, pg, tick, chosen);
	if (chosen->n_pairs)
		ret->claim = add_claim(sql, pg, tick, chosen);
	positions_add_hold(pg, held->identity, held->positions,
			   held->n_positions, &hold);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, TICK_TIMEOUT_MS);
	positions_args_deinit(&hold);
	return r;
}

static void take_tokens(const struct pg *pg, int i, struct tick *tick)
{
	for (int row = 0; i >= 0 && row < pg_n_rows(pg, i); row++)
		for (size_t k = 0; k < tick->n_raise; k++) {
			if (tick->raise[k].intent_id != pg_i64(pg, i, row, 0))
				continue;
			tick->raise[k].token = (uint32_t)pg_i64(pg, i, row, 1);
			tick->raise[k].done = true;
		}
}

/* Of a partition's rows, those of our lanes. */
static void take_our_rows(const struct pg *pg, int i,
			  const struct worker_held *held, struct tick *tick,
			  enum tick_kind kind)
{
	for (int row = 0; i >= 0 && row < pg_n_rows(pg, i); row++) {
		take_row(pg, i, row, tick, kind);
		if (!is_ours(held, &tick->rows[tick->n_rows - 1].row))
			tick->n_rows--;
	}
}

static void take_look(const struct pg *pg, const struct looked *looked,
		      const struct worker_held *held, struct tick *tick)
{
	for (int row = 0;
	     looked->grills >= 0 && row < pg_n_rows(pg, looked->grills); row++)
		take_grill(pg, looked->grills, row, tick);
	take_our_rows(pg, looked->untold, held, tick, TICK_UNTOLD);
	take_our_rows(pg, looked->open, held, tick, TICK_ADOPTED);
	if (looked->count >= 0) {
		tick->looked = true;
		tick->n_queued = pg_i64(pg, looked->count, 0, 0);
	}
}

int sql_tick(struct sql *sql, struct pg *pg, const struct worker_held *held,
	     struct tick *tick)
{
	struct chosen *chosen = arena_alloc(&tick->arena, sizeof(*chosen));
	struct looked looked;
	struct changed changed;
	int r;

	chosen->n_rows = 0;
	chosen->n_pairs = 0;
	chosen->n_demo = 0;
	r = look(sql, pg, held, tick, &looked);
	if (r)
		return r;
	take_look(pg, &looked, held, tick);
	choose(pg, &looked, held, tick, chosen);
	r = change(sql, pg, held, tick, chosen, &changed);
	if (r || !changed.any)
		return r;
	take_rows(pg, changed.finish, tick, TICK_FINISHED);
	take_rows(pg, changed.demo, tick, TICK_FINISHED);
	take_rows(pg, changed.claim, tick, TICK_CLAIMED);
	take_tokens(pg, changed.raise, tick);
	if (changed.claim >= 0)
		tick->n_claimed = (size_t)pg_n_rows(pg, changed.claim);
	return 0;
}
