/* SPDX-License-Identifier: MIT */
/*
 * Sql: chillybin's statements. Database thread.
 *
 * Rows are locked in one order: keys of new orders, orders that are cancelled
 * or returned, changes of stock, stock; and each of these sorted. A statement
 * fails with ROWS_KNOWN when a row of that id is there already, and with
 * ROWS_CHANGED when the stock is not what was read, or does not cover what is
 * reserved. Functions of worker_ops get a struct chillybin.
 */
#ifndef CHILLYBIN_SQL_H
#define CHILLYBIN_SQL_H

#include "infra/lib/postgres/pg.h"
#include "workers/chillybin/decode.h"

/* In the order in which they are sent. */
enum sql_call {
	CALL_ORDERS,
	CALL_LOCKS,
	CALL_CANCELLATIONS,
	CALL_RETURNS,
	CALL_CHANGES,
	CALL_STOCK,
	SQL_CALLS,
};

/* What was read for a batch, and memory that is kept for the next one. */
struct sql {
	struct loaded loaded;
	struct stock_snapshot snapshot;
	struct buf rows;
	const struct input **sorted; /* new orders, by id */
	size_t cap_sorted;
	struct pg_call calls[SQL_CALLS];
};

void sql_deinit(struct sql *sql);

/* Frees what an exceptional batch has needed; between two batches. */
void sql_trim(struct sql *sql);

/*
 * Reads the orders and changes that the batch's inputs name, and then the
 * stock that they touch; orders and stock under locks when @batch->mode is
 * BATCH_LOCKED. Texts are copied into the batch's arena. Returns what
 * pg_run() returned.
 */
int sql_load(void *arg, struct pg *pg, struct batch *batch);

/* Drops what was read for the last batch. */
void sql_forget(struct sql *sql);

/* What /metrics shows of the stock: its first rows by stall and ingredient. */
enum { STOCK_SHOWN_MAX = 100 };

/* The texts are borrowed for the call. */
typedef void (*sql_stock_fn)(void *arg, struct text stall,
			     struct text ingredient, int64_t quantity);

/* Calls @fn for each. Returns what pg_run() returned. */
int sql_read_stock(struct pg *pg, sql_stock_fn fn, void *arg);

/* BEGIN and the COPY of sql_copy()'s rows. */
extern const char sql_copy_text[];
int sql_copy(void *arg, struct pg *pg, const struct batch *batch);

/* Adds what the batch decided to the message; orders too unless @copied. */
void sql_store(void *arg, struct pg *pg, const struct batch *batch,
	       bool copied);

#endif
