/* SPDX-License-Identifier: MIT */
/*
 * Transaction: BEGIN and the rows, then one message with all that others wait
 * for and COMMIT, so that no shared lock ever waits for this client.
 */
#include "workers/runtime/database/transaction.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "workers/runtime/batches/batch_extent.h"
#include "workers/runtime/counters.h"

/* Below this many records one round trip with arrays is cheaper than COPY's
 * three. */
#define COPY_MIN ((size_t)64)
#define MISSES_MAX 3
#define CHECKED_AHEAD_MAX 64u
#define ERROR_UNIQUE "23505"
#define HALVE_MS 3000

/* Beside pg_run()'s outcomes: the rest of the batch comes again later. */
enum { PART_E_LATER = 100 };

/* Stock rows are held while this client decides: not for long. */
static const char begin_locked[] =
	"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '250ms'";

/* A row was not what the decision rests on: decide again. */
static bool missed(const struct pg *pg, int r)
{
	const char *state = pg_sqlstate(pg);

	return r == PG_E_SQL &&
	       (!strcmp(state, ROWS_CHANGED) || !strcmp(state, ROWS_KNOWN) ||
		!strcmp(state, ERROR_UNIQUE));
}

static int roll_back(struct pg *pg)
{
	(void)pg_add(pg, &pg_rollback, NULL);
	return pg_run(pg, SESSION_TIMEOUT_MS);
}

static int load(struct transaction *tx, struct pg *pg)
{
	int r = 0;

	if (tx->batch->mode == BATCH_LOCKED)
		r = pg_exec(pg, begin_locked, SESSION_TIMEOUT_MS);
	if (!r && tx->batch->n_decided)
		r = positions_recall_dead(pg, tx->identity, tx->batch);
	if (!r && tx->ops->load)
		r = tx->ops->load(tx->arg, pg, tx->batch);
	return r;
}

/* The last message: whatever others wait for, then COMMIT. */
static int store(struct transaction *tx, struct pg *pg, bool copied)
{
	struct pg_call dead = { 0 }, moves = { 0 };
	int r;

	if (!copied && tx->batch->mode != BATCH_LOCKED)
		(void)pg_add(pg, &pg_begin, NULL);
	tx->ops->store(tx->arg, pg, tx->batch, copied);
	positions_add_dead(pg, tx->identity, tx->batch, &dead);
	positions_add_move(
		pg,
		&(struct held_positions){ tx->identity, tx->part, tx->n_part },
		&moves);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	pg_call_deinit(&dead);
	pg_call_deinit(&moves);
	return r;
}

static int copy(struct transaction *tx, struct pg *pg)
{
	int r = pg_copy_begin(pg, tx->ops->copy_sql, SESSION_TIMEOUT_MS);

	if (!r)
		r = tx->ops->copy(tx->arg, pg, tx->batch);
	if (!r)
		r = pg_copy_end(pg, SESSION_TIMEOUT_MS);
	return r;
}

/* One try in the batch's mode. */
static int attempt(struct transaction *tx, struct pg *pg)
{
	bool by_copy = tx->batch->mode != BATCH_LOCKED && tx->ops->copy &&
		       tx->batch->n_records >= COPY_MIN;
	int r = 0;

	batch_undo(tx->batch);
	if (tx->batch->mode != BATCH_FAST)
		r = load(tx, pg);
	if (r)
		return r;
	if (tx->ops->decide)
		tx->ops->decide(tx->arg, tx->batch);
	if (by_copy)
		r = copy(tx, pg);
	return r ? r : store(tx, pg, by_copy);
}

static void begin_mode(struct transaction *tx)
{
	struct transaction_history *history = &tx->history;

	tx->batch->mode = BATCH_FAST;
	if (tx->batch->needs_load)
		tx->batch->mode = BATCH_CHECKED;
	else if (history->n_checked_ahead && tx->ops->load) {
		history->n_checked_ahead--;
		tx->batch->mode = BATCH_CHECKED;
	}
}

static void fall_back(struct transaction *tx, unsigned int n_misses)
{
	struct transaction_history *history = &tx->history;

	counter_add(&runtime_counters.batch_misses, 1);
	if (tx->batch->mode == BATCH_FAST) {
		history->n_next = history->n_next ? history->n_next * 2 : 2;
		if (history->n_next > CHECKED_AHEAD_MAX)
			history->n_next = CHECKED_AHEAD_MAX;
		history->n_checked_ahead = history->n_next;
	}
	tx->batch->mode = n_misses >= MISSES_MAX ? BATCH_LOCKED : BATCH_CHECKED;
}

static void count(struct transaction *tx)
{
	static struct counter *const by_mode[] = {
		[BATCH_FAST] = &runtime_counters.batches_fast,
		[BATCH_CHECKED] = &runtime_counters.batches_checked,
		[BATCH_LOCKED] = &runtime_counters.batches_locked,
	};

	if (tx->batch->mode == BATCH_FAST)
		tx->history.n_next = 0;
	counter_add(by_mode[tx->batch->mode], 1);
}

/* Tries until every row is what the decision rests on. */
static int decide_and_store(struct transaction *tx, struct pg *pg)
{
	unsigned int n_misses = 0;
	int r;

	for (;;) {
		r = attempt(tx, pg);
		if (!missed(pg, r) || tx->batch->mode == BATCH_LOCKED ||
		    !tx->ops->load)
			return r;
		r = roll_back(pg);
		if (r)
			return r;
		fall_back(tx, ++n_misses);
	}
}

/* ---- a batch in parts ---- */

/* Records [from, to) of all that the batch has. */
struct part {
	struct record *records;
	size_t n_records;
	size_t from, to;
};

/* Where the next record of that reader behind the part stands, else where the
 * batch ends. */
static int64_t part_end(const struct part *part,
			const struct assigned_position *move)
{
	for (size_t i = part->to; i < part->n_records; i++)
		if (part->records[i].assignment == move->reader)
			return part->records[i].kafka.offset;
	return move->to_next;
}

/* Parts go in order, so each begins where the one before it has moved to. */
static void part_moves(struct transaction *tx, const struct part *part)
{
	const struct batch_extent *extent = tx->batch->extent;

	tx->n_part = 0;
	for (size_t i = 0; i < extent->n_moves; i++) {
		int64_t to = part_end(part, &extent->moves[i]);

		if (to <= extent->moves[i].next_offset)
			continue;
		tx->part[tx->n_part] = extent->moves[i];
		tx->part[tx->n_part++].to_next = to;
	}
}

static int store_part(struct transaction *tx, struct pg *pg,
		      const struct part *part)
{
	struct batch_extent *extent = tx->batch->extent;
	int r;

	part_moves(tx, part);
	tx->batch->records = part->records + part->from;
	tx->batch->n_records = part->to - part->from;
	r = decide_and_store(tx, pg);
	tx->batch->records = part->records;
	tx->batch->n_records = part->n_records;
	for (size_t i = 0; !r && i < extent->n_moves; i++) {
		int64_t to = part_end(part, &extent->moves[i]);

		if (to > extent->moves[i].next_offset)
			extent->moves[i].next_offset = to;
	}
	if (!r) {
		count(tx);
		tx->moved = tx->moved || tx->n_part > 0;
	}
	return r;
}

/* Does it follow from what is stored: a value, a constraint, a limit? */
static bool is_content(const struct pg *pg, int r)
{
	const char *state = pg_sqlstate(pg);

	return r == PG_E_SQL &&
	       (!strncmp(state, "22", 2) || !strncmp(state, "23", 2) ||
		!strncmp(state, "54", 2));
}

/* The database refuses that record by itself. */
static int give_up(struct transaction *tx, struct pg *pg,
		   const struct part *part)
{
	struct record *record = &part->records[part->from];
	char fault[BACKOFF_REASON_BYTES];
	size_t n;
	int r;

	if (record->decided || record->poison)
		return PG_E_SQL; /* it is not what it says that is refused */
	(void)snprintf(fault, sizeof(fault), "%s: %s", pg_sqlstate(pg),
		       pg_message(pg));
	/* It was cut at a byte, and has to be text. */
	for (n = strlen(fault); n && !text_is_clean(text_of(fault)); n--)
		fault[n - 1] = '\0';
	r = roll_back(pg);
	if (r)
		return r;
	record->poison = true;
	batch_dead(tx->batch, record, "sql-error", fault);
	r = store_part(tx, pg, part);
	if (r == PG_E_SQL) {
		/* Nor is it with this one: nobody is given up for it. */
		record->poison = false;
		record->dead_reason = NULL;
	}
	return r;
}

/* Halves what the database refuses, down to the record at fault. */
static int store_halves(struct transaction *tx, struct pg *pg,
			const struct part *part)
{
	struct part first = *part, second = *part;
	int r = store_part(tx, pg, part);

	if (is_content(pg, r) && tx->batch->mode == BATCH_FAST &&
	    tx->ops->load) {
		/* Perhaps it rests on what was taken for granted. */
		r = roll_back(pg);
		tx->batch->mode = BATCH_CHECKED;
		r = r ? r : store_part(tx, pg, part);
	}
	if (!is_content(pg, r))
		return r;
	if (part->to - part->from <= 1)
		return part->to > part->from ? give_up(tx, pg, part) : r;
	r = roll_back(pg);
	if (r)
		return r;
	first.to = second.from = part->from + (part->to - part->from) / 2;
	r = store_halves(tx, pg, &first);
	if (r)
		return r;
	/* Many are refused: the others of this worker's jobs have a turn. */
	if (tx->moved && clock_left_ms(tx->halve_until_ms) == 0)
		return PART_E_LATER;
	return store_halves(tx, pg, &second);
}

int transaction_run(struct transaction *tx, struct session *session,
		    char error[static BACKOFF_REASON_BYTES])
{
	const struct part all = { .records = tx->batch->records,
				  .n_records = tx->batch->n_records,
				  .to = tx->batch->n_records };
	struct pg *pg = session->work;
	bool later;
	int r;

	begin_mode(tx);
	tx->moved = false;
	tx->halve_until_ms = clock_now_ms() + HALVE_MS;
	r = store_halves(tx, pg, &all);
	later = r == PART_E_LATER;
	r = session_outcome(session, later ? 0 : r, error);
	if (later && !r)
		r = SESSION_E_FENCED;
	if (r && r != SESSION_E_LOST && roll_back(pg))
		r = SESSION_E_LOST;
	/* A part is committed: what the rows are now is to be read. */
	if (r == SESSION_E_BACKOFF && tx->moved)
		r = SESSION_E_FENCED;
	return r;
}
