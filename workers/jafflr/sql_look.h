/* SPDX-License-Identifier: MIT */
/* Sql look: what a tx reads before it changes anything. */
#ifndef JAFFLR_SQL_LOOK_H
#define JAFFLR_SQL_LOOK_H

#include "workers/jafflr/choice.h"
#include "workers/jafflr/sql.h"

/* Stalls where anything waits: one step in the index for each. */
#define QUEUED_STALLS                                                          \
	"WITH RECURSIVE s(stall) AS ((SELECT q.stall FROM toasties q"          \
	" WHERE q.state = 'queued' ORDER BY q.stall LIMIT 1)"                  \
	" UNION ALL SELECT (SELECT q.stall FROM toasties q"                    \
	" WHERE q.state = 'queued' AND q.stall > s.stall"                      \
	" ORDER BY q.stall LIMIT 1) FROM s WHERE s.stall IS NOT NULL)"

/* Toasties that a statement reads at most: so many for plates, so many of demo
 * stalls, and so many that are cancelled. */
enum { FOR_PLATES_MAX = 256, DEMOS_MAX = 256, CANCELLED_MAX = 256 };

/* Which of the queue goes where. */
struct chosen {
	struct toastie_row rows[FOR_PLATES_MAX + DEMOS_MAX];
	size_t n_rows;
	struct choice_pair pairs[FOR_PLATES_MAX];
	size_t n_pairs;
	size_t n_demo;
	/* In the queue, and cancelled by what did not know of the queue. */
	struct order_id cancelled[CANCELLED_MAX];
	size_t n_cancelled;
};

/* In one message. Gives what pg_run() gave. */
int sql_look(struct sql *sql, struct pg *pg,
	     const struct worker_assignments *held, struct scheduler_tx *tx,
	     struct chosen *ret);
/* A row of a statement that gives ROW_COLUMNS, and for CLAIMED and ADOPTED
 * what the intent says, into the tx. */
struct tx_row *sql_take_row(const struct pg *pg, int statement, int row,
			    struct scheduler_tx *tx, enum tx_kind kind);

#endif
