/* SPDX-License-Identifier: MIT */
/*
 * Transaction: BEGIN and the rows, then one message with all that others wait
 * for and COMMIT, so that no shared lock ever waits for this client.
 */
#include "workers/runtime/transaction.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/log.h"
#include "workers/runtime/counters.h"

/* Below this many records one round trip with arrays is cheaper than COPY's
 * three. */
#define COPY_MIN ((size_t)64)
#define MISSES_MAX 3
#define CHECKED_AHEAD_MAX 64u
#define ERROR_UNIQUE "23505"

/* How a try ends in which nothing goes wrong. */
enum ending { COMMIT, ROLL_BACK };

/* Of a part of a batch, beside pg_run()'s outcomes: its content is refused. */
enum { PART_E_REFUSED = 100 };

/* What is checked at the end of a transaction is checked in a part, too. */
static const struct pg_statement check_now = {
	"check_now",
	"SET CONSTRAINTS ALL IMMEDIATE",
	0,
};

/* Stock rows are held while this client decides: not for long. */
static const char begin_locked[] =
	"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '250ms'";

static int outcome_of(struct transaction *tx, struct pg *pg, int r)
{
	const char *state = pg_sqlstate(pg);
	bool unreplicated = pg_unreplicated(pg);

	if (!r && !unreplicated)
		return 0;
	if (r == PART_E_REFUSED)
		return TRANSACTION_E_HOLD; /* tx->error is known */
	(void)snprintf(tx->error, sizeof(tx->error), "%s", pg_message(pg));
	if (unreplicated) {
		log_warn("UNREPLICATED",
			 "a commit was not replicated, will "
			 "take over anew and read what is true");
		(void)str_copy(tx->error, sizeof(tx->error),
			       "a commit was not replicated");
		return TRANSACTION_E_LOST;
	}
	if (r == PG_E_LOST)
		return TRANSACTION_E_LOST;
	if (!strcmp(state, POSITIONS_LOST))
		return TRANSACTION_E_FENCED;
	return TRANSACTION_E_HOLD;
}

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

/* The last message: whatever others wait for, then the end. */
static int store(struct transaction *tx, struct pg *pg, bool copied,
		 enum ending ending)
{
	struct positions_args dead = { 0 }, moves = { 0 };
	int r;

	if (!copied && tx->batch->mode != BATCH_LOCKED)
		(void)pg_add(pg, &pg_begin, NULL);
	tx->ops->store(tx->arg, pg, tx->batch, copied);
	positions_add_dead(pg, tx->identity, tx->batch, &dead);
	positions_add_move(pg, tx->identity, tx->moves, tx->n_moves, &moves);
	if (ending == ROLL_BACK)
		(void)pg_add(pg, &check_now, NULL);
	(void)pg_add(pg, ending == COMMIT ? &pg_commit : &pg_rollback, NULL);
	r = pg_run(pg, SESSION_TIMEOUT_MS);
	positions_args_deinit(&dead);
	positions_args_deinit(&moves);
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
static int attempt(struct transaction *tx, struct pg *pg, enum ending ending)
{
	bool by_copy = tx->batch->mode == BATCH_FAST && tx->ops->copy &&
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
	return r ? r : store(tx, pg, by_copy, ending);
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
	switch (tx->batch->mode) {
	case BATCH_FAST:
		tx->history.n_next = 0;
		counter_add(&runtime_counters.batches_fast, 1);
		break;
	case BATCH_CHECKED:
		counter_add(&runtime_counters.batches_checked, 1);
		break;
	case BATCH_LOCKED:
		counter_add(&runtime_counters.batches_locked, 1);
		break;
	}
}

/* Tries until every row is what the decision rests on. */
static int decide_and_store(struct transaction *tx, struct pg *pg,
			    enum ending ending)
{
	unsigned int n_misses = 0;
	int r;

	for (;;) {
		r = attempt(tx, pg, ending);
		if (!missed(pg, r) || tx->batch->mode == BATCH_LOCKED ||
		    !tx->ops->load)
			return r;
		r = roll_back(pg);
		if (r)
			return r;
		fall_back(tx, ++n_misses);
	}
}

/* ---- the record that the database refuses ---- */

static bool is_content(const struct pg *pg, int r)
{
	const char *state = pg_sqlstate(pg);

	return r == PG_E_SQL &&
	       (!strncmp(state, "22", 2) || !strncmp(state, "23", 2) ||
		!strncmp(state, "54", 2));
}

/* The first @n records, and nothing stays. PART_E_REFUSED: tx->error says
 * why. */
static int try_first(struct transaction *tx, struct pg *pg, size_t n)
{
	size_t n_all = tx->batch->n_records;
	int r;

	tx->batch->n_records = n;
	r = decide_and_store(tx, pg, ROLL_BACK);
	tx->batch->n_records = n_all;
	if (!is_content(pg, r))
		return r;
	(void)snprintf(tx->error, sizeof(tx->error), "%s: %s", pg_sqlstate(pg),
		       pg_message(pg));
	return roll_back(pg) ? PG_E_LOST : PART_E_REFUSED;
}

/* The last of the first @n: they are refused with it, and not without it. */
static int give_up_last(struct transaction *tx, struct pg *pg, size_t n)
{
	struct record *record = &tx->batch->records[n - 1];

	if (record->decided || record->poison)
		return PART_E_REFUSED; /* it is not what it says that is */
	record->poison = true;
	batch_dead(tx->batch, record, "sql-error", tx->error);
	/* If that changes nothing, nobody else is to be given up for it. */
	return try_first(tx, pg, n);
}

/*
 * [0, good) goes well and [0, bad) does not; bad is n + 1 while nobody knows.
 * Steps double, and halve what lies between: records that are refused often
 * stand together.
 */
static int give_up_refused(struct transaction *tx, struct pg *pg)
{
	size_t n = tx->batch->n_records, good = 0, bad = n + 1, step = 1;
	int r = try_first(tx, pg, 0);

	while (!r && good < n) {
		size_t most = bad > n ? n : good + (bad - good) / 2;
		size_t next = good + step < most ? good + step : most;

		if (bad == good + 1) {
			r = give_up_last(tx, pg, bad);
			good = bad;
			bad = n + 1;
			step = 1;
			continue;
		}
		r = try_first(tx, pg, next);
		if (!r) {
			good = next;
			step *= 2;
		} else if (r == PART_E_REFUSED) {
			bad = next;
			step = 1;
			r = 0;
		}
	}
	return r;
}

/* The batch without the records that the database refuses. */
static int store_the_others(struct transaction *tx, struct pg *pg)
{
	int r = roll_back(pg);

	if (r)
		return r;
	tx->batch->mode = tx->ops->load ? BATCH_CHECKED : BATCH_FAST;
	r = give_up_refused(tx, pg);
	return r ? r : decide_and_store(tx, pg, COMMIT);
}

int transaction_run(struct transaction *tx, struct session *session)
{
	struct pg *pg = session->work;
	int r;

	begin_mode(tx);
	r = decide_and_store(tx, pg, COMMIT);
	if (is_content(pg, r))
		r = store_the_others(tx, pg);
	r = outcome_of(tx, pg, r);
	if (!r)
		count(tx);
	else if (r != TRANSACTION_E_LOST && roll_back(pg))
		r = TRANSACTION_E_LOST;
	return r;
}
