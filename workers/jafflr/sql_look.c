/* SPDX-License-Identifier: MIT */
/*
 * Sql look: see sql_look.h. Each LIMIT counts only rows that are ours, and the
 * queue is read stall by stall, so that nothing waits behind what another
 * lane, another worker or another stall has in it.
 */
#include "workers/jafflr/sql_look.h"

#include <string.h>

#include "workers/jafflr/grill.h"
#include "workers/jafflr/grills.h"
#include "workers/jafflr/held_sql.h"
#include "workers/jafflr/row_sql.h"

#define LOOK_TIMEOUT_MS 10000
#define UNPUBLISHED_MAX 5000
#define STALLS_MAX 1000

/* ---- statements ---- */

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

#define IS_OFF_PLATES                                                          \
	" NOT EXISTS (SELECT FROM intents i WHERE i.order_id = t.order_id"     \
	" AND i.closed_at IS NULL)"
#define OLDEST_OF_STALLS(which, limit)                                         \
	"(SELECT" ROW_COLUMNS "FROM s, LATERAL (SELECT * FROM toasties t"      \
	" WHERE t.state = 'queued' AND t.stall = s.stall AND NOT t.cancelled"  \
	" AND" HELD_ROWS " AND" IS_OFF_PLATES                                  \
	" ORDER BY t.queue_number NULLS FIRST LIMIT " limit ") t"              \
	" WHERE " which " ORDER BY t.queue_number NULLS FIRST LIMIT " limit    \
	")"

/* For each free plate, the oldest of those that it may take. */
/* clang-format off */
static const struct pg_statement candidates = {
	"queued_toasties",
	QUEUED_STALLS " "
	OLDEST_OF_STALLS("NOT starts_with(s.stall, 'demo-')"
			 " AND ($13::boolean OR s.stall = ANY ($14::text[]))",
			 "$11::bigint")
	" UNION ALL "
	OLDEST_OF_STALLS("$12::boolean AND starts_with(s.stall, 'demo-')",
			 "256"),
	14,
};
/* clang-format on */

/* Plates that nobody uses, and that are in use at all. */
static const struct pg_statement free_plates = {
	"free_plates",
	"SELECT p.grill, p.plate FROM control.plates p"
	" WHERE p.out_since IS NULL AND NOT EXISTS (SELECT FROM intents i"
	" WHERE i.grill = p.grill AND i.plate = p.plate"
	" AND i.closed_at IS NULL)",
	0,
};

static const struct pg_statement unpublished = {
	"untold_toasties",
	"SELECT" ROW_COLUMNS "FROM toasties t WHERE t.published_seq < t.seq"
	" AND" HELD_ROWS " ORDER BY t.queue_number NULLS FIRST LIMIT $11",
	11,
};

/* An older jafflr puts back into the queue what is cancelled. */
static const struct pg_statement queued_cancelled = {
	"queued_cancelled_toasties",
	"SELECT t.order_id FROM toasties t WHERE t.state = 'queued'"
	" AND t.cancelled AND" HELD_ROWS " AND" IS_OFF_PLATES " LIMIT $11",
	11,
};

/* Where no grill serves, nobody asks how many wait. */
static const struct pg_statement count_queued = {
	"count_queued_toasties",
	QUEUED_STALLS
	" SELECT s.stall, c.n FROM s, LATERAL (SELECT count(*) AS n FROM"
	" (SELECT FROM toasties t WHERE t.state = 'queued'"
	" AND t.stall = s.stall AND" HELD_ROWS " LIMIT $11) AS few) c"
	" WHERE c.n > 0 AND (starts_with(s.stall, 'demo-') OR $13::boolean"
	" OR s.stall = ANY ($14::text[]))"
	" ORDER BY c.n DESC, s.stall LIMIT $12",
	14,
};

static const struct pg_statement open_intents = {
	"open_intents",
	"SELECT" ROW_COLUMNS ", i.intent_id, i.token, i.boot, i.time_ms,"
	" t.published_seq >= t.seq FROM intents i"
	" JOIN toasties t USING (order_id) WHERE i.closed_at IS NULL"
	" AND t.state IN ('grilling', 'uncertain') AND" HELD_ROWS,
	HELD_ARGS,
};

/* ---- asking ---- */

/* Indexes of statements in the message; -1: not asked. */
struct looked {
	int grills, queued, free, unpublished, count, cancelled, open;
};

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

/* Whose toasties the free plates are for. True: everybody's. */
static bool put_stalls(struct pg_array *stalls, const struct scheduler_tx *tx)
{
	bool all = false;

	for (size_t i = 0; i < tx->n_plates; i++) {
		const struct tx_plate *plate = &tx->plates[i];

		all = all || !plate->stalls;
		for (size_t k = 0; plate->stalls && k < plate->n_stalls; k++)
			if (!names(stalls, plate->stalls[k]))
				pg_put_bytes(pg_element(stalls),
					     plate->stalls[k],
					     strlen(plate->stalls[k]));
	}
	return all;
}

static int add_candidates(struct pg *pg, struct pg_call *call,
			  const struct worker_assignments *held,
			  const struct scheduler_tx *tx)
{
	struct pg_array *stalls = &call->arrays[HELD_ARGS];
	bool all;

	held_sql_put(call, held);
	all = put_stalls(stalls, tx);
	pg_put_i64(pg_arg(&call->args), tx->n_plates < FOR_PLATES_MAX
						? (int64_t)tx->n_plates
						: FOR_PLATES_MAX);
	pg_put_bool(pg_arg(&call->args), all || tx->look);
	pg_put_bool(pg_arg(&call->args), all);
	pg_arg_array(&call->args, PG_TEXT, stalls);
	return pg_add(pg, &candidates, &call->args);
}

static int add_count(struct pg *pg, struct pg_call *call,
		     const struct worker_assignments *held,
		     const struct scheduler_tx *tx)
{
	struct pg_array *stalls = &call->arrays[HELD_ARGS];
	bool all = false;

	held_sql_put(call, held);
	for (size_t i = 0; i < tx->n_served; i++) {
		const struct tx_served *served = &tx->served[i];

		all = all || !served->stalls;
		for (size_t k = 0; served->stalls && k < served->n_stalls; k++)
			pg_put_bytes(pg_element(stalls), served->stalls[k],
				     strlen(served->stalls[k]));
	}
	pg_put_i64(pg_arg(&call->args), tx->queue_max + 1);
	pg_put_i64(pg_arg(&call->args), STALLS_MAX);
	pg_put_bool(pg_arg(&call->args), all);
	pg_arg_array(&call->args, PG_TEXT, stalls);
	return pg_add(pg, &count_queued, &call->args);
}

static int add_grills(struct pg *pg, struct pg_call *call)
{
	pg_call_begin(call);
	pg_put_i64(pg_arg(&call->args), GRILLS_MAX + 1);
	return pg_add(pg, &list_grills, &call->args);
}

static int ask(struct sql *sql, struct pg *pg,
	       const struct worker_assignments *held,
	       const struct scheduler_tx *tx, struct looked *ret)
{
	struct pg_call *calls = sql->calls;

	*ret = (struct looked){ -1, -1, -1, -1, -1, -1, -1 };
	if (tx->list_grills)
		ret->grills = add_grills(pg, &calls[4]);
	if (tx->n_plates || tx->look)
		ret->queued = add_candidates(pg, &calls[0], held, tx);
	if (tx->n_plates)
		ret->free = pg_add(pg, &free_plates, NULL);
	if (tx->look) {
		held_sql_put(&calls[1], held);
		pg_put_i64(pg_arg(&calls[1].args), UNPUBLISHED_MAX);
		ret->unpublished = pg_add(pg, &unpublished, &calls[1].args);
		ret->count = add_count(pg, &calls[2], held, tx);
		held_sql_put(&calls[5], held);
		pg_put_i64(pg_arg(&calls[5].args), CANCELLED_MAX);
		ret->cancelled = pg_add(pg, &queued_cancelled, &calls[5].args);
	}
	if (tx->adopt) {
		held_sql_put(&calls[3], held);
		ret->open = pg_add(pg, &open_intents, &calls[3].args);
	}
	if (ret->grills < 0 && ret->queued < 0 && ret->open < 0)
		return 0;
	return pg_run(pg, LOOK_TIMEOUT_MS);
}

/* ---- taking ---- */

static void take_grill(const struct pg *pg, int i, int row,
		       struct scheduler_tx *tx)
{
	struct tx_grill *grill = &TX_ADD(tx, grills);
	const char *p;
	size_t n;

	grill->grill = row_text(pg, i, row, 0, &tx->arena);
	grill->address = row_text(pg, i, row, 1, &tx->arena);
	grill->unit = (int)pg_i64(pg, i, row, 2);
	grill->n_plates = (int)pg_i64(pg, i, row, 4);
	grill->enabled = pg_bool(pg, i, row, 5);
	if (pg_null(pg, i, row, 3))
		return;
	for (int pass = 0; pass < 2; pass++) {
		struct pg_elements names = pg_elements(pg, i, row, 3);

		if (pass)
			grill->stalls = arena_alloc(
				&tx->arena,
				(grill->n_stalls + 1) * sizeof(*grill->stalls));
		for (grill->n_stalls = 0; pg_next_element(&names, &p, &n);
		     grill->n_stalls++)
			if (pass)
				grill->stalls[grill->n_stalls] = (struct text){
					arena_copy(&tx->arena, p, n), n
				};
	}
}

struct tx_row *sql_take_row(const struct pg *pg, int i, int row,
			    struct scheduler_tx *tx, enum tx_kind kind)
{
	struct tx_row *out = &TX_ADD(tx, rows);

	out->kind = kind;
	out->waited_ms = -1;
	out->row = row_read(pg, i, row, &tx->arena);
	if (kind != TX_CLAIMED && kind != TX_ADOPTED)
		return out;
	out->intent_id = pg_i64(pg, i, row, N_ROW_COLUMNS);
	out->token = (uint32_t)pg_i64(pg, i, row, N_ROW_COLUMNS + 1);
	out->boot = pg_null(pg, i, row, N_ROW_COLUMNS + 2)
			    ? -1
			    : pg_i64(pg, i, row, N_ROW_COLUMNS + 2);
	out->time_ms = pg_i64(pg, i, row, N_ROW_COLUMNS + 3);
	out->published = pg_bool(pg, i, row, N_ROW_COLUMNS + 4);
	return out;
}

static void take_rows(const struct pg *pg, int i, struct scheduler_tx *tx,
		      enum tx_kind kind)
{
	for (int row = 0; i >= 0 && row < pg_n_rows(pg, i); row++)
		(void)sql_take_row(pg, i, row, tx, kind);
}

static void take_stalls(const struct pg *pg, int i, struct scheduler_tx *tx)
{
	for (int row = 0; row < pg_n_rows(pg, i); row++)
		TX_ADD(tx, stalls) = (struct tx_stall){
			.stall = row_text(pg, i, row, 0, &tx->arena),
			.n = pg_i64(pg, i, row, 1),
		};
}

static void take_look(const struct pg *pg, const struct looked *looked,
		      struct scheduler_tx *tx)
{
	for (int row = 0;
	     looked->grills >= 0 && row < pg_n_rows(pg, looked->grills); row++)
		take_grill(pg, looked->grills, row, tx);
	take_rows(pg, looked->unpublished, tx, TX_UNPUBLISHED);
	take_rows(pg, looked->open, tx, TX_ADOPTED);
	if (looked->count < 0)
		return;
	tx->looked = true;
	take_stalls(pg, looked->count, tx);
}

static void take_cancelled(const struct pg *pg, int i, struct chosen *ret)
{
	for (int row = 0; i >= 0 && row < pg_n_rows(pg, i); row++) {
		struct order_id *id = &ret->cancelled[ret->n_cancelled];
		size_t n;
		const char *p = pg_bytes(pg, i, row, 0, &n);

		if (n != sizeof(id->bytes))
			continue;
		memcpy(id->bytes, p, n);
		ret->n_cancelled++;
	}
}

/* ---- which of the queue goes where ---- */

static bool is_free(const struct pg *pg, int i, const struct tx_plate *plate)
{
	for (int row = 0; row < pg_n_rows(pg, i); row++) {
		size_t n;
		const char *grill = pg_bytes(pg, i, row, 0, &n);

		if (pg_i64(pg, i, row, 1) == plate->plate &&
		    strlen(plate->grill) == n &&
		    !memcmp(plate->grill, grill, n))
			return true;
	}
	return false;
}

static void choose(const struct pg *pg, const struct looked *looked,
		   struct scheduler_tx *tx, struct chosen *ret)
{
	size_t n_plates = 0;

	for (int row = 0;
	     looked->queued >= 0 && row < pg_n_rows(pg, looked->queued);
	     row++) {
		struct toastie_row *next = &ret->rows[ret->n_rows];

		*next = row_read(pg, looked->queued, row, &tx->arena);
		ret->n_demo += choice_is_demo(next->stall);
		ret->n_rows++;
	}
	for (size_t i = 0; looked->free >= 0 && i < tx->n_plates; i++)
		if (is_free(pg, looked->free, &tx->plates[i]) &&
		    n_plates < FOR_PLATES_MAX)
			tx->plates[n_plates++] = tx->plates[i];
	tx->n_plates = n_plates;
	ret->n_pairs = choose_pairs(ret->rows, ret->n_rows, tx->plates,
				    n_plates, ret->pairs);
}

int sql_look(struct sql *sql, struct pg *pg,
	     const struct worker_assignments *held, struct scheduler_tx *tx,
	     struct chosen *ret)
{
	struct looked looked;
	int r;

	ret->n_rows = 0;
	ret->n_pairs = 0;
	ret->n_demo = 0;
	ret->n_cancelled = 0;
	r = ask(sql, pg, held, tx, &looked);
	if (r)
		return r;
	take_look(pg, &looked, tx);
	take_cancelled(pg, looked.cancelled, ret);
	choose(pg, &looked, tx, ret);
	return 0;
}
