/* SPDX-License-Identifier: MIT */
/*
 * Sql: jafflr's statements. Database thread.
 *
 * Intake writes rows within a batch, which the compare-and-set of positions
 * fences. The scheduler's transactions are transactions of their own, each with
 * a lock on the positions that the worker holds, in one message with COMMIT.
 */
#ifndef JAFFLR_SQL_H
#define JAFFLR_SQL_H

#include "infra/lib/pg.h"
#include "workers/jafflr/intake.h"
#include "workers/jafflr/scheduler_tx.h"
#include "workers/runtime/worker.h"

enum { SQL_CALLS = 8 };

/* Memory of statements; { 0 } is empty. */
struct sql {
	struct pg_call calls[SQL_CALLS];
};

void sql_deinit(struct sql *sql);

/* Rows of the orders that the batch's picks name. Gives what pg_run() gave. */
int sql_load(struct sql *sql, struct pg *pg, struct batch *batch,
	     struct intake_rows *rows);
/* Adds the rows that the batch made or changed. */
void sql_store(struct sql *sql, struct pg *pg, const struct batch *batch);

/* All of a tx. Gives what pg_run() gave. */
int sql_schedule(struct sql *sql, struct pg *pg,
		 const struct worker_assignments *held,
		 struct scheduler_tx *tx);

#endif
