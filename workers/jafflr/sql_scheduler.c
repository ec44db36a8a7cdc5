/* SPDX-License-Identifier: MIT */
/*
 * Sql scheduler: a scheduler transaction's statements. First, in one message,
 * what it reads; then, in another, all changes, the lock on the positions, and
 * COMMIT, which is the only one.
 *
 * Each LIMIT counts only rows that are ours, and the queue is read stall by
 * stall, so that nothing waits behind what another lane, another worker or
 * another stall has in it.
 */
#include <string.h>

#include "workers/jafflr/grill/grill.h"
#include "workers/jafflr/grill/grills.h"
#include "workers/jafflr/sql.h"

#define TIMEOUT_MS 10000
#define UNPUBLISHED_MAX "5000"
#define STALLS_MAX "1000"
#define CANCELLED_MAX "256"
#define DEMOS_MAX "256"

/* How long each doneness is grilled. */
static const int64_t doneness_time_ms[N_DONENESS] = {
#define DONENESS(name, ms, what) [DONENESS_##name] = ms,
#include "workers/jafflr/doneness.def"
#undef DONENESS
};

/* ---- statements that read ---- */

/* Whatever a person has put there: at most one grill more than are used, and
 * a list of stalls that is flat. One that is not enabled is listed as long as
 * anything is on it. */
static const struct pg_statement list_grills = {
	"list_grills",
	"SELECT g.grill, g.address, g.unit, CASE WHEN g.stalls IS NOT NULL THEN"
	" ARRAY(SELECT s FROM unnest(g.stalls) AS s WHERE s IS NOT NULL) END,"
	" least(max(p.plate)::bigint + 1, 1000000), g.enabled"
	" FROM control.grills g JOIN control.plates p USING (grill)"
	" WHERE g.enabled OR EXISTS (SELECT FROM intents i"
	" WHERE i.grill = g.grill AND i.closed_at IS NULL)"
	" GROUP BY g.grill ORDER BY g.enabled DESC, g.grill LIMIT $1",
	1,
};

/*
 * An open intent is looked up by a subquery with a LIMIT, which cannot become a
 * join: a plan is made once, when the tables may still be empty, and a join
 * then reads all intents there ever were. -> its id, or NULL
 */
#define OPEN_INTENT(which)                                                     \
	" (SELECT i.intent_id FROM intents i WHERE " which                     \
	" AND i.closed_at IS NULL LIMIT 1)"
#define IS_OFF_PLATES OPEN_INTENT("i.order_id = t.order_id") " IS NULL"
#define OLDEST_OF_STALLS(which, limit)                                         \
	"(SELECT" ROW_COLUMNS "FROM s, LATERAL (SELECT * FROM toasties t"      \
	" WHERE t.state = 'queued' AND t.stall = s.stall AND NOT t.cancelled"  \
	" AND" OUR_ROWS " AND" IS_OFF_PLATES                                   \
	" ORDER BY t.queue_number NULLS FIRST LIMIT " limit ") t"              \
	" WHERE " which " ORDER BY t.queue_number NULLS FIRST LIMIT " limit    \
	")"

/* A statement that reads stall by stall: how many rows of each at most, and
 * which stalls are served (put_served). */
#define A_STALL "$11::bigint"
#define IS_SERVED "($12::boolean OR s.stall = ANY ($13::text[]))"
#define IS_DEMO "starts_with(s.stall, '" DEMO_STALL "')"
enum { SERVED_ARGS = OUR_ARGS + 3 };

/* For each free plate, the oldest toasties of the stalls that it serves. */
/* clang-format off */
static const struct pg_statement candidates = {
	"queued_toasties",
	WITH_QUEUED_STALLS " "
	OLDEST_OF_STALLS("NOT " IS_DEMO " AND " IS_SERVED, A_STALL)
	" UNION ALL "
	OLDEST_OF_STALLS("$14::boolean AND " IS_DEMO, DEMOS_MAX),
	SERVED_ARGS + 1,
};
/* clang-format on */

/* Plates that are not out of use and have no open intent, but for one that this
 * transaction will close before it claims. */
/* clang-format off */
static const struct pg_statement free_plates = {
	"free_plates",
	"SELECT p.grill, p.plate FROM control.plates p"
	" WHERE p.out_since IS NULL AND coalesce("
	OPEN_INTENT("i.grill = p.grill AND i.plate = p.plate")
	", 0) = ANY (0::bigint || $1::bigint[])",
	1,
};
/* clang-format on */

static const struct pg_statement unpublished = {
	"unpublished_toasties",
	"SELECT" ROW_COLUMNS "FROM toasties t WHERE t.published_seq < t.seq"
	" AND" OUR_ROWS " ORDER BY t.queue_number NULLS FIRST"
	" LIMIT " UNPUBLISHED_MAX,
	OUR_ARGS,
};

/* An older jafflr puts back into the queue what is cancelled. */
static const struct pg_statement queued_cancelled = {
	"queued_cancelled_toasties",
	"SELECT t.order_id FROM toasties t WHERE t.state = 'queued'"
	" AND t.cancelled AND" OUR_ROWS " AND" IS_OFF_PLATES
	" LIMIT " CANCELLED_MAX,
	OUR_ARGS,
};

/* Toasties of a stall that no grill serves are not counted. */
static const struct pg_statement count_queued = {
	"count_queued_toasties",
	WITH_QUEUED_STALLS
	" SELECT s.stall, c.n FROM s, LATERAL (SELECT count(*) AS n FROM"
	" (SELECT FROM toasties t WHERE t.state = 'queued'"
	" AND t.stall = s.stall AND" OUR_ROWS " LIMIT " A_STALL ") AS few) c"
	" WHERE c.n > 0 AND (" IS_DEMO " OR " IS_SERVED ")"
	" ORDER BY c.n DESC, s.stall LIMIT " STALLS_MAX,
	SERVED_ARGS,
};

static const struct pg_statement open_intents = {
	"open_intents",
	"SELECT" ROW_COLUMNS ", i.intent_id, i.token, i.boot, i.time_ms,"
	" t.published_seq >= t.seq FROM intents i"
	" JOIN toasties t USING (order_id) WHERE i.closed_at IS NULL"
	" AND t.state IN ('grilling', 'uncertain') AND" OUR_ROWS,
	OUR_ARGS,
};

/* ---- reading ---- */

/* The statements of a message, by what is read; -1: not asked. */
struct read {
	int grills, queued, free, unpublished, count, cancelled, open;
};

static void put_text(struct pg_call *call, int column, const char *s)
{
	if (s)
		pg_put_bytes(pg_call_put(call, column), s, strlen(s));
	else
		pg_put_null(pg_call_put(call, column));
}

/* True: they are all there are. */
static bool put_stalls(struct pg_call *call, const struct stalls *stalls)
{
	for (size_t i = 0; i < stalls->n; i++)
		put_text(call, OUR_ARGS, stalls->names[i]);
	return !stalls->names;
}

static void put_served(struct pg_call *call, int64_t a_stall, bool all)
{
	pg_put_i64(pg_arg(&call->args), a_stall);
	pg_put_bool(pg_arg(&call->args), all);
	pg_arg_array(&call->args, PG_TEXT, &call->arrays[OUR_ARGS]);
}

static int add_candidates(struct pg *pg, struct pg_call *call,
			  const struct worker_assignments *assignments,
			  const struct scheduler_tx *tx)
{
	const struct stalls *last = NULL; /* plates of a grill come together */
	size_t n = tx->n_plates;
	bool all = false;

	sql_our_rows(call, assignments);
	for (size_t i = 0; i < n; i++) {
		if (tx->plates[i].stalls != last)
			all |= put_stalls(call, tx->plates[i].stalls);
		last = tx->plates[i].stalls;
	}
	put_served(call, n < TX_FOR_PLATES_MAX ? (int64_t)n : TX_FOR_PLATES_MAX,
		   all);
	pg_put_bool(pg_arg(&call->args), all || tx->asks.look);
	return pg_add(pg, &candidates, &call->args);
}

static int add_count(struct pg *pg, struct pg_call *call,
		     const struct worker_assignments *assignments,
		     const struct scheduler_tx *tx)
{
	bool all = false;

	sql_our_rows(call, assignments);
	for (size_t i = 0; i < tx->n_served; i++)
		all |= put_stalls(call, tx->served[i]);
	put_served(call, tx->asks.queue_max + 1, all);
	return pg_add(pg, &count_queued, &call->args);
}

static int add_ours(struct pg *pg, struct pg_call *call,
		    const struct pg_statement *statement,
		    const struct worker_assignments *assignments)
{
	sql_our_rows(call, assignments);
	return pg_add(pg, statement, &call->args);
}

static int add_grills(struct pg *pg, struct pg_call *call)
{
	pg_call_begin(call);
	pg_put_i64(pg_arg(&call->args), GRILLS_MAX + 1);
	return pg_add(pg, &list_grills, &call->args);
}

static int add_free_plates(struct pg *pg, struct pg_call *call,
			   const struct scheduler_tx *tx)
{
	static const enum pg_type types[] = { PG_INT8 };

	pg_call_begin(call);
	for (size_t i = 0; i < tx->n_finish; i++)
		if (!tx->finish[i].keep_plate)
			pg_put_i64(pg_call_put(call, 0),
				   tx->finish[i].intent_id);
	pg_call_arrays(call, types, 1);
	return pg_add(pg, &free_plates, &call->args);
}

static int ask(struct sql *sql, struct pg *pg,
	       const struct worker_assignments *assignments,
	       const struct scheduler_tx *tx, struct read *ret)
{
	struct pg_call *calls = sql->calls;

	*ret = (struct read){ -1, -1, -1, -1, -1, -1, -1 };
	if (tx->asks.list_grills)
		ret->grills = add_grills(pg, &calls[0]);
	if (tx->n_plates || tx->asks.look)
		ret->queued = add_candidates(pg, &calls[1], assignments, tx);
	if (tx->n_plates)
		ret->free = add_free_plates(pg, &calls[6], tx);
	if (tx->asks.look) {
		ret->unpublished =
			add_ours(pg, &calls[2], &unpublished, assignments);
		ret->count = add_count(pg, &calls[3], assignments, tx);
		ret->cancelled =
			add_ours(pg, &calls[4], &queued_cancelled, assignments);
	}
	if (tx->asks.adopt)
		ret->open = add_ours(pg, &calls[5], &open_intents, assignments);
	if (ret->grills < 0 && ret->queued < 0 && ret->open < 0)
		return 0;
	return pg_run(pg, TIMEOUT_MS);
}

static int n_rows(const struct pg *pg, int i)
{
	return i < 0 ? 0 : pg_n_rows(pg, i);
}

static void read_stalls(const struct pg *pg, int i, int row,
			struct tx_grill *grill, struct arena *arena)
{
	struct pg_elements names = pg_elements(pg, i, row, 3);
	const char *p;
	size_t n;

	while (pg_next_element(&names, &p, &n))
		grill->n_stalls++;
	grill->stalls = arena_alloc(arena, (grill->n_stalls + 1) *
						   sizeof(*grill->stalls));
	names = pg_elements(pg, i, row, 3);
	for (size_t k = 0; pg_next_element(&names, &p, &n); k++)
		grill->stalls[k] = (struct text){ arena_copy(arena, p, n), n };
}

static void read_grill(const struct pg *pg, int i, int row,
		       struct scheduler_tx *tx)
{
	struct tx_grill *grill = &TX_ADD(tx, grills);

	grill->grill = sql_text(pg, i, row, 0, &tx->arena);
	grill->address = sql_text(pg, i, row, 1, &tx->arena);
	grill->unit = (int)pg_i64(pg, i, row, 2);
	grill->n_plates = (int)pg_i64(pg, i, row, 4);
	grill->enabled = pg_bool(pg, i, row, 5);
	if (!pg_null(pg, i, row, 3))
		read_stalls(pg, i, row, grill, &tx->arena);
}

/* Rows of a statement that gives ROW_COLUMNS, and for CLAIMED and ADOPTED
 * what the intent says, for FINISHED how long the customer has waited. */
static void read_rows(const struct pg *pg, int i, struct scheduler_tx *tx,
		      enum tx_row_kind kind)
{
	for (int row = 0; row < n_rows(pg, i); row++) {
		struct tx_row *out = &TX_ADD(tx, rows);

		out->kind = kind;
		out->waited_ms = -1;
		out->row = sql_row(pg, i, row, &tx->arena);
		if (kind == TX_FINISHED && !pg_null(pg, i, row, N_ROW_COLUMNS))
			out->waited_ms = pg_i64(pg, i, row, N_ROW_COLUMNS);
		if (kind != TX_CLAIMED && kind != TX_ADOPTED)
			continue;
		out->intent_id = pg_i64(pg, i, row, N_ROW_COLUMNS);
		out->token = (uint32_t)pg_i64(pg, i, row, N_ROW_COLUMNS + 1);
		out->boot = pg_null(pg, i, row, N_ROW_COLUMNS + 2)
				    ? -1
				    : pg_i64(pg, i, row, N_ROW_COLUMNS + 2);
		out->time_ms = pg_i64(pg, i, row, N_ROW_COLUMNS + 3);
		out->published = pg_bool(pg, i, row, N_ROW_COLUMNS + 4);
	}
}

static void read_cancelled(const struct pg *pg, int i, struct scheduler_tx *tx)
{
	for (int row = 0; row < n_rows(pg, i); row++) {
		size_t n;
		const char *p = pg_bytes(pg, i, row, 0, &n);

		if (n == sizeof(struct order_id))
			memcpy(TX_ADD(tx, plateless).bytes, p, n);
	}
}

int sql_read(struct sql *sql, struct pg *pg,
	     const struct worker_assignments *assignments,
	     struct scheduler_tx *tx)
{
	struct read read;
	int r = ask(sql, pg, assignments, tx, &read);

	if (r)
		return r;
	for (int row = 0; row < n_rows(pg, read.grills); row++)
		read_grill(pg, read.grills, row, tx);
	read_rows(pg, read.unpublished, tx, TX_UNPUBLISHED);
	read_rows(pg, read.open, tx, TX_ADOPTED);
	read_cancelled(pg, read.cancelled, tx);
	for (int row = 0; row < n_rows(pg, read.count); row++)
		TX_ADD(tx, stalls) = (struct tx_stall){
			.stall = sql_text(pg, read.count, row, 0, &tx->arena),
			.n = pg_i64(pg, read.count, row, 1),
		};
	for (int row = 0; row < n_rows(pg, read.queued); row++)
		TX_ADD(tx, queued) = sql_row(pg, read.queued, row, &tx->arena);
	for (int row = 0; row < n_rows(pg, read.free); row++)
		TX_ADD(tx, free_plates) = (struct tx_free_plate){
			.grill = sql_text(pg, read.free, row, 0, &tx->arena),
			.plate = (int)pg_i64(pg, read.free, row, 1),
		};
	return 0;
}

/* ---- statements that change ---- */

/*
 * A plate's next token, above what the plate itself has seen. The last token is
 * not used: when it is reached, the plate is out of use until a person resets
 * the plate and the row. Tokens never begin again at 0 by themselves, since the
 * plate would refuse them.
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
/* clang-format off */
static const struct pg_statement finish = {
	"finish_toasties",
	"WITH f AS MATERIALIZED (SELECT * FROM unnest($1::uuid[],"
	" $2::bigint[], $3::text[], $4::text[], $5::boolean[])"
	" AS f(order_id, intent_id, state, reason, keep_plate)),"
	" l AS MATERIALIZED (SELECT f.* FROM toasties t JOIN f"
	" USING (order_id) WHERE t.state IN ('grilling', 'uncertain')"
	" AND" OPEN_INTENT("i.intent_id = f.intent_id") " IS NOT NULL"
	" ORDER BY t.order_id FOR UPDATE OF t),"
	" c AS (UPDATE intents i SET closed_at = $6, outcome = l.state"
	" FROM l WHERE i.intent_id = l.intent_id AND NOT l.keep_plate)"
	" UPDATE toasties t SET seq = t.seq + 1, changed_at = $6,"
	" reason = CASE WHEN l.state = 'queued' AND t.cancelled"
	" THEN 'cancelled' ELSE l.reason END,"
	" state = CASE WHEN l.state = 'queued' AND (t.cancelled OR"
	" (SELECT count(*) FROM intents i WHERE i.order_id = l.order_id)"
	" >= $7) THEN 'returned' ELSE l.state END"
	" FROM l WHERE t.order_id = l.order_id"
	" RETURNING" ROW_COLUMNS WAITED_MS,
	7,
};
/* clang-format on */

/* Acknowledgements come in any order: published_seq never falls. */
static const struct pg_statement published = {
	"published_toasties",
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

/* What leaves the queue and needs no plate: a demo toastie is done, and what
 * an older jafflr has put back though it is cancelled is returned. */
static const struct pg_statement finish_queued = {
	"finish_queued_toasties",
	"UPDATE toasties t SET seq = seq + 1, changed_at = $2,"
	" state = CASE WHEN cancelled THEN 'returned' ELSE 'done' END,"
	" reason = CASE WHEN cancelled THEN 'cancelled' ELSE reason END"
	" WHERE order_id = ANY ($1::uuid[]) AND state = 'queued'"
	" AND (cancelled OR starts_with(stall, '" DEMO_STALL "'))"
	" RETURNING" ROW_COLUMNS WAITED_MS,
	2,
};

/* Of several workers, one that hears the grill is believed: a worker that does
 * not writes that once, and again only when no worker has heard it lately. */
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
 * A plate is claimed by locking its row, and then by the unique index on open
 * intents: the second worker gets nothing, and no error.
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
	" AND" OPEN_INTENT("i.grill = w.grill AND i.plate = w.plate")
	" IS NULL"
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

static void put_finish(struct pg_call *call, const struct scheduler_tx *tx)
{
	for (size_t i = 0; i < tx->n_finish; i++) {
		const struct tx_finish *row = &tx->finish[i];

		pg_put_uuid(pg_call_put(call, 0), row->order_id.bytes);
		pg_put_i64(pg_call_put(call, 1), row->intent_id);
		put_text(call, 2, row_state_name(row->state));
		put_text(call, 3, row->reason);
		pg_put_bool(pg_call_put(call, 4), row->keep_plate);
	}
}

static void put_published(struct pg_call *call, const struct scheduler_tx *tx)
{
	for (size_t i = 0; i < tx->n_published; i++) {
		pg_put_uuid(pg_call_put(call, 0),
			    tx->published[i].order_id.bytes);
		pg_put_i64(pg_call_put(call, 1), tx->published[i].seq);
	}
}

static void put_raise(struct pg_call *call, const struct scheduler_tx *tx)
{
	for (size_t i = 0; i < tx->n_raise; i++) {
		pg_put_i64(pg_call_put(call, 0), tx->raise[i].intent_id);
		pg_put_i64(pg_call_put(call, 1), tx->raise[i].seen);
	}
}

static void put_plateless(struct pg_call *call, const struct scheduler_tx *tx)
{
	for (size_t i = 0; i < tx->n_plateless; i++)
		pg_put_uuid(pg_call_put(call, 0), tx->plateless[i].bytes);
}

static void put_claims(struct pg_call *call, const struct scheduler_tx *tx)
{
	for (size_t i = 0; i < tx->n_claims; i++) {
		const struct toastie_row *row = tx->claims[i].row;
		const struct tx_plate *plate = tx->claims[i].plate;

		pg_put_uuid(pg_call_put(call, 0), row->order_id.bytes);
		put_text(call, 1, plate->grill);
		pg_put_i32(pg_call_put(call, 2), plate->plate);
		pg_put_i64(pg_call_put(call, 3), plate->boot);
		pg_put_i64(pg_call_put(call, 4),
			   doneness_time_ms[row->doneness]);
		pg_put_i64(pg_call_put(call, 5), plate->token);
	}
}

static void put_health(struct pg_call *call, const struct scheduler_tx *tx)
{
	for (size_t i = 0; i < tx->n_health; i++) {
		put_text(call, 0, tx->health[i].grill);
		put_text(call, 1, tx->health[i].reason);
		pg_put_bool(pg_call_put(call, 2), tx->health[i].changed);
	}
}

enum { FINISH, PUBLISHED, RAISE, PLATELESS, CLAIM, HEALTH, N_WRITES };
enum { TYPES_MAX = 6 };

_Static_assert((int)N_WRITES <= (int)SQL_CALLS,
	       "each statement has its parameters");

/* Statements in the order of a transaction: arrays of one length, then
 * whatever else the statement has. One without rows is left out. */
/* clang-format off */
static const struct {
	const struct pg_statement *statement;
	void (*put)(struct pg_call *call, const struct scheduler_tx *tx);
	bool now, tries; /* further parameters */
	int n_types;
	enum pg_type types[TYPES_MAX];
} writes[N_WRITES] = {
	[FINISH] = { &finish, put_finish, true, true,
		     5, { PG_UUID, PG_INT8, PG_TEXT, PG_TEXT, PG_BOOL } },
	[PUBLISHED] = { &published, put_published, false, false,
			2, { PG_UUID, PG_INT8 } },
	[RAISE] = { &raise, put_raise, true, false, 2, { PG_INT8, PG_INT8 } },
	[PLATELESS] = { &finish_queued, put_plateless, true, false,
			1, { PG_UUID } },
	[CLAIM] = { &claim, put_claims, true, false, 6,
		    { PG_UUID, PG_TEXT, PG_INT4, PG_INT8, PG_INT8, PG_INT8 } },
	[HEALTH] = { &write_health, put_health, false, false,
		     3, { PG_TEXT, PG_TEXT, PG_BOOL } },
};
/* clang-format on */

/* Returns the statement's index, or -1. */
static int add_write(struct pg *pg, struct pg_call *call, int write,
		     const struct scheduler_tx *tx)
{
	pg_call_begin(call);
	writes[write].put(call, tx);
	if (!call->arrays[0].n)
		return -1;
	pg_call_arrays(call, writes[write].types, writes[write].n_types);
	if (writes[write].now)
		pg_put_wall_ms(pg_arg(&call->args), tx->asks.now_ms);
	if (writes[write].tries)
		pg_put_i64(pg_arg(&call->args), tx->asks.tries_max);
	return pg_add(pg, writes[write].statement, &call->args);
}

static void read_tokens(const struct pg *pg, int i, struct scheduler_tx *tx)
{
	for (int row = 0; row < n_rows(pg, i); row++)
		for (size_t k = 0; k < tx->n_raise; k++) {
			if (tx->raise[k].intent_id != pg_i64(pg, i, row, 0))
				continue;
			tx->raise[k].token = (uint32_t)pg_i64(pg, i, row, 1);
			tx->raise[k].done = true;
		}
}

int sql_write(struct sql *sql, struct pg *pg,
	      const struct worker_assignments *assignments,
	      struct scheduler_tx *tx)
{
	struct pg_call confirm = { 0 };
	int at[N_WRITES], r;

	if (!tx->n_finish && !tx->n_published && !tx->n_raise &&
	    !tx->n_health && !tx->n_plateless && !tx->n_claims)
		return 0;
	(void)pg_add(pg, &pg_begin, NULL);
	for (int i = 0; i < N_WRITES; i++)
		at[i] = add_write(pg, &sql->calls[i], i, tx);
	worker_add_confirm(pg, assignments, &confirm);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, TIMEOUT_MS);
	pg_call_deinit(&confirm);
	if (r)
		return r;
	read_rows(pg, at[FINISH], tx, TX_FINISHED);
	read_rows(pg, at[PLATELESS], tx, TX_FINISHED);
	read_rows(pg, at[CLAIM], tx, TX_CLAIMED);
	read_tokens(pg, at[RAISE], tx);
	tx->n_claimed = (size_t)n_rows(pg, at[CLAIM]);
	return 0;
}
