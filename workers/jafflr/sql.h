/* SPDX-License-Identifier: MIT */
/*
 * Sql: jafflr's statements. Database thread.
 *
 * Intake writes rows within a batch, which the compare-and-set of positions
 * fences. The scheduler's transactions are its own, each with a lock on the
 * positions that the worker holds, in one message with COMMIT.
 *
 * Each function that runs statements returns what pg_run() returned.
 */
#ifndef JAFFLR_SQL_H
#define JAFFLR_SQL_H

#include "infra/lib/postgres/pg.h"
#include "workers/jafflr/intake.h"
#include "workers/jafflr/scheduler_tx.h"
#include "workers/runtime/worker.h"

enum { SQL_CALLS = 8 };

/* Memory of statements; { 0 } is empty. */
struct sql {
	struct pg_call calls[SQL_CALLS];
};

void sql_deinit(struct sql *sql);

/* ---- functions of worker_ops; each argument is the struct jafflr ---- */

/* Rows of the orders that the batch's picks name. */
int sql_load(void *arg, struct pg *pg, struct batch *batch);
/* Adds the rows that the batch made or changed. */
void sql_store(void *arg, struct pg *pg, const struct batch *batch,
	       bool copied);
/* Counts all toasties of the shop that are not at their end. */
int sql_survey(void *arg, struct pg *pg);

/* ---- scheduler: sql_scheduler.c ---- */

/* What the transaction looks at, in one message. Nothing is asked: 0. */
int sql_read(struct sql *sql, struct pg *pg,
	     const struct worker_assignments *assignments,
	     struct scheduler_tx *tx);
/* All changes, the lock on the positions and COMMIT, in one message. There
 * is nothing to change: 0. */
int sql_write(struct sql *sql, struct pg *pg,
	      const struct worker_assignments *assignments,
	      struct scheduler_tx *tx);

/* ---- what statements share: sql.c ---- */

/* Every column of TOASTIE_COLUMNS (toastie_row.h), of the alias t. */
#define SQL_KEY(parameter, column, type, kind, field) " t.\"" #column "\""
#define SQL_COLUMN(parameter, column, type, kind, field) ", t.\"" #column "\""
#define SQL_READ(column, kind, field) ", t.\"" #column "\""
#define ROW_COLUMNS TOASTIE_COLUMNS(SQL_KEY, SQL_COLUMN, SQL_READ) " "

enum row_column {
#define SQL_ROW_COLUMN(parameter, column, type, kind, field) ROW_COLUMN_##field,
#define SQL_ROW_READ(column, kind, field) ROW_COLUMN_##field,
	TOASTIE_COLUMNS(SQL_ROW_COLUMN, SQL_ROW_COLUMN, SQL_ROW_READ)
		N_ROW_COLUMNS
};

/* A result's row, from column 0 on; texts go into @arena. A text is at most
 * as long as a fact may have it, whatever the table says. */
struct toastie_row sql_row(const struct pg *pg, int statement, int row,
			   struct arena *arena);
/* One text of it; absent when it is NULL. */
struct text sql_text(const struct pg *pg, int statement, int row, int column,
		     struct arena *arena);

/*
 * Which rows of `toasties` belong to the partitions and lanes that this worker
 * holds, as a part of a WHERE, so that a LIMIT counts only rows that are ours.
 *
 * A row belongs to a lane as lanes_find() says. The server gets the lanes as
 * bits: a row's mask has the bit of each lane whose rule it meets, and
 * find_lane() goes through the history of lanes for it. With one lane only
 * the partition counts. The parameters are the first ones of the statement.
 */
#define OUR_ARGS 10
#define OUR_ROWS                                                               \
	" t.partition = ANY ($1::int[]) AND ($2::boolean OR"                   \
	" ($10::bigint[])[1 + find_lane("                                      \
	"(SELECT coalesce(bit_or(b.bit), 0)"                                   \
	" FROM unnest($3::bigint[], $4::int[], $5::int[]) AS b(bit, low, "     \
	"high)"                                                                \
	" WHERE t.bucket >= b.low AND t.bucket < b.high) |"                    \
	" (SELECT coalesce(bit_or(n.bit), 0)"                                  \
	" FROM unnest($6::bigint[], $7::text[]) AS n(bit, name)"               \
	" WHERE n.name IN ('s' || t.stall, 'c' || t.customer)),"               \
	" $8::int[], $9::int[])] >> t.partition & 1 = 1)"

/* Begins the call of such a statement. Further parameters are put by
 * pg_arg() and, of arrays, from call->arrays[OUR_ARGS] on. */
void sql_our_rows(struct pg_call *call,
		  const struct worker_assignments *assignments);

/* Stalls where anything waits, as s: one step in the index for each. */
#define WITH_QUEUED_STALLS                                                     \
	"WITH RECURSIVE s(stall) AS ((SELECT q.stall FROM toasties q"          \
	" WHERE q.state = 'queued' ORDER BY q.stall LIMIT 1)"                  \
	" UNION ALL SELECT (SELECT q.stall FROM toasties q"                    \
	" WHERE q.state = 'queued' AND q.stall > s.stall"                      \
	" ORDER BY q.stall LIMIT 1) FROM s WHERE s.stall IS NOT NULL)"

#endif
