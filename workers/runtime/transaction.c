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

/* Stock rows are held while this client decides: not for long. */
static const char begin_locked[] =
	"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '250ms'";

static int outcome_of(struct transaction *tx, struct pg *pg, int r)
{
	const char *state = pg_sqlstate(pg);
	bool unreplicated = pg_unreplicated(pg);

	if (!r && !unreplicated)
		return 0;
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

/* The last message: whatever others wait for, then COMMIT. */
static int store(struct transaction *tx, struct pg *pg, bool begun, bool copied)
{
	struct positions_args dead = { 0 }, moves = { 0 };
	int r;

	if (!begun)
		(void)pg_add(pg, &pg_begin, NULL);
	tx->ops->store(tx->arg, pg, tx->batch, copied);
	positions_add_dead(pg, tx->identity, tx->batch, &dead);
	positions_add_move(pg, tx->identity, tx->moves, tx->n_moves, &moves);
	(void)pg_add(pg, &pg_commit, NULL);
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
static int attempt(struct transaction *tx, struct pg *pg)
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
	if (!r)
		r = store(tx, pg, by_copy || tx->batch->mode == BATCH_LOCKED,
			  by_copy);
	return r;
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

int transaction_run(struct transaction *tx, struct session *session)
{
	struct pg *pg = session->work;
	unsigned int n_misses = 0;
	int r;

	begin_mode(tx);
	for (;;) {
		r = attempt(tx, pg);
		if (r == PG_E_SQL && missed(pg, r) &&
		    tx->batch->mode != BATCH_LOCKED && tx->ops->load) {
			r = roll_back(pg);
			if (r)
				break;
			fall_back(tx, ++n_misses);
			continue;
		}
		break;
	}
	r = outcome_of(tx, pg, r);
	if (!r)
		count(tx);
	else if (r != TRANSACTION_E_LOST && roll_back(pg))
		r = TRANSACTION_E_LOST;
	return r;
}
