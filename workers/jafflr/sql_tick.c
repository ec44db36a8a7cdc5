/* SPDX-License-Identifier: MIT */
/*
 * Sql tick: the scheduler's half. First, in one message, what is to be seen
 * (sql_look.c); then, in another, all changes, the lock on the positions, and
 * COMMIT, which is the only one of a tick.
 */
#include <string.h>

#include "workers/jafflr/doneness_time.h"
#include "workers/jafflr/grill.h"
#include "workers/jafflr/row_sql.h"
#include "workers/jafflr/sql_look.h"

#define TICK_TIMEOUT_MS 10000

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

/* How long the customer has waited, by the clock of the database. */
#define WAITED_MS                                                              \
	", (extract(epoch FROM clock_timestamp() - t.queued_at) * "            \
	"1000)::bigint"

/* What is over, or was parked and is settled; its intent is still open, or a
 * person has decided. What would go back to the queue and is cancelled, or
 * has been tried often enough, is returned. */
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
	" reason = CASE WHEN f.state = 'queued' AND t.cancelled"
	" THEN 'cancelled' ELSE f.reason END,"
	" state = CASE WHEN f.state = 'queued' AND (t.cancelled OR"
	" (SELECT count(*) FROM intents i WHERE i.order_id = f.order_id)"
	" >= $7) THEN 'returned' ELSE f.state END"
	" FROM f JOIN l USING (order_id) WHERE t.order_id = f.order_id"
	" RETURNING" ROW_COLUMNS WAITED_MS,
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

/* A plate that is not in the tables any more has had its last token, too. */
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
	" UPDATE intents n SET token = coalesce(p.token, " TOKEN_LAST ")"
	" FROM i LEFT JOIN p USING (intent_id)"
	" WHERE n.intent_id = i.intent_id RETURNING n.intent_id, n.token",
	3,
};
/* clang-format on */

static const struct pg_statement finish_demo = {
	"finish_demo_toasties",
	"UPDATE toasties t SET state = 'done', seq = seq + 1, changed_at = $2"
	" WHERE order_id = ANY ($1::uuid[]) AND state = 'queued'"
	" RETURNING" ROW_COLUMNS WAITED_MS,
	2,
};

static const struct pg_statement return_cancelled = {
	"return_cancelled_toasties",
	"UPDATE toasties t SET state = 'returned', seq = seq + 1,"
	" reason = 'cancelled', changed_at = $2"
	" WHERE order_id = ANY ($1::uuid[]) AND state = 'queued'"
	" AND cancelled RETURNING" ROW_COLUMNS WAITED_MS,
	2,
};

/* Of several workers, those that hear a grill are believed: who does not is
 * written down once, and again only when nobody has heard it lately. */
static const struct pg_statement write_health = {
	"write_grill_health",
	"WITH h AS MATERIALIZED (SELECT g.grill, u.reason"
	" FROM control.grills g JOIN unnest($1::text[], $2::text[],"
	" $3::boolean[]) AS u(grill, reason, changed) USING (grill)"
	" WHERE u.reason IS NULL OR u.changed OR g.seen_at IS NULL"
	" OR g.seen_at < now() - interval '10 s'"
	" ORDER BY g.grill FOR NO KEY UPDATE OF g SKIP LOCKED)"
	" UPDATE control.grills g SET silent_reason = h.reason,"
	" seen_at = CASE WHEN h.reason IS NULL THEN now() ELSE g.seen_at END,"
	" silent_since = CASE WHEN h.reason IS NOT NULL"
	" THEN coalesce(g.silent_since, now()) END"
	" FROM h WHERE g.grill = h.grill",
	3,
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

/* ---- changing ---- */

/* Indexes of statements in the second message; -1: nothing of that kind. */
struct changed {
	int finish, raise, demo, cancelled, claim;
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

static int add_cancelled(struct sql *sql, struct pg *pg,
			 const struct tick *tick, const struct chosen *chosen)
{
	static const enum pg_type types[] = { PG_UUID };
	struct pg_call *call = &sql->calls[6];

	pg_call_begin(call);
	for (size_t i = 0; i < chosen->n_cancelled; i++)
		pg_put_uuid(pg_call_put(call, 0), chosen->cancelled[i].bytes);
	pg_call_arrays(call, types, 1);
	pg_put_wall_ms(pg_arg(&call->args), tick->now_ms);
	return pg_add(pg, &return_cancelled, &call->args);
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

static void add_health(struct sql *sql, struct pg *pg, const struct tick *tick)
{
	static const enum pg_type types[] = { PG_TEXT, PG_TEXT, PG_BOOL };
	struct pg_call *call = &sql->calls[5];

	pg_call_begin(call);
	for (size_t i = 0; i < tick->n_health; i++) {
		const struct tick_health *health = &tick->health[i];
		const char *reason = health->reason ? health->reason : "";

		pg_put_bytes(pg_call_put(call, 0), health->grill,
			     strlen(health->grill));
		pg_put_text(pg_call_put(call, 1), reason, strlen(reason));
		pg_put_bool(pg_call_put(call, 2), health->changed);
	}
	pg_call_arrays(call, types, 3);
	(void)pg_add(pg, &write_health, &call->args);
}

static int change(struct sql *sql, struct pg *pg,
		  const struct worker_assignments *held,
		  const struct tick *tick, const struct chosen *chosen,
		  struct changed *ret)
{
	struct pg_call hold = { 0 };
	int r;

	*ret = (struct changed){ -1, -1, -1, -1, -1, false };
	if (!tick->n_finish && !tick->n_told && !tick->n_raise &&
	    !tick->n_health && !chosen->n_demo && !chosen->n_cancelled &&
	    !chosen->n_pairs)
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
	if (chosen->n_cancelled)
		ret->cancelled = add_cancelled(sql, pg, tick, chosen);
	if (chosen->n_pairs)
		ret->claim = add_claim(sql, pg, tick, chosen);
	if (tick->n_health)
		add_health(sql, pg, tick);
	positions_add_confirm(pg, held->identity, held->positions,
			      held->n_positions, &hold);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, TICK_TIMEOUT_MS);
	pg_call_deinit(&hold);
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

static void take_rows(const struct pg *pg, int i, struct tick *tick,
		      enum tick_kind kind)
{
	for (int row = 0; i >= 0 && row < pg_n_rows(pg, i); row++) {
		struct tick_row *out = sql_take_row(pg, i, row, tick, kind);

		if (kind == TICK_FINISHED &&
		    !pg_null(pg, i, row, N_ROW_COLUMNS))
			out->waited_ms = pg_i64(pg, i, row, N_ROW_COLUMNS);
	}
}

int sql_tick(struct sql *sql, struct pg *pg,
	     const struct worker_assignments *held, struct tick *tick)
{
	struct chosen *chosen = arena_alloc(&tick->arena, sizeof(*chosen));
	struct changed changed;
	int r = sql_look(sql, pg, held, tick, chosen);

	if (r)
		return r;
	r = change(sql, pg, held, tick, chosen, &changed);
	if (r || !changed.any)
		return r;
	take_rows(pg, changed.finish, tick, TICK_FINISHED);
	take_rows(pg, changed.demo, tick, TICK_FINISHED);
	take_rows(pg, changed.cancelled, tick, TICK_FINISHED);
	take_rows(pg, changed.claim, tick, TICK_CLAIMED);
	take_tokens(pg, changed.raise, tick);
	if (changed.claim >= 0)
		tick->n_claimed = (size_t)pg_n_rows(pg, changed.claim);
	return 0;
}
