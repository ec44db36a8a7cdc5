/* SPDX-License-Identifier: MIT */
/* Sql fixture: two workers whose transactions a test fills and runs by hand.
 * For *_test.c only. */
#ifndef JAFFLR_SQL_FIXTURE_H
#define JAFFLR_SQL_FIXTURE_H

#include "workers/jafflr/grill.h"
#include "workers/jafflr/jafflr_fixture.h"

enum { N_PLATES = 4 };

static struct test_worker me, other;
static const struct stalls all_stalls;

static inline void setup(void)
{
	clean_database();
	postgres_exec(db, "INSERT INTO control.grills (grill, address)"
			  " VALUES ('g1', '127.0.0.1:502');"
			  "INSERT INTO control.plates (grill, plate)"
			  " SELECT 'g1', generate_series(0, 3)");
	begin(&me, "me");
	take_over(&me, 0);
	begin(&other, "other");
	take_over(&other, 2);
}

static inline void teardown(void)
{
	end(&me);
	end(&other);
	db = pg_free(db);
}

static inline void offer(struct test_worker *worker, int plate)
{
	TX_ADD(&worker->tx, plates) = (struct tx_plate){
		.grill = "g1",
		.stalls = &all_stalls,
		.plate = plate,
		.boot = (uint32_t)plate + 100,
	};
}

/* The queues of all stalls are counted. */
static inline void serve_all(struct test_worker *worker)
{
	TX_ADD(&worker->tx, served) = &all_stalls;
}

static inline int run_sql(struct test_worker *worker)
{
	struct sql *sql = &worker->jafflr.sql;
	int r = sql_read(sql, worker->pg, &worker->assignments, &worker->tx);

	if (r)
		return r;
	scheduler_tx_choose(&worker->tx);
	return sql_write(sql, worker->pg, &worker->assignments, &worker->tx);
}

static inline int try(struct test_worker *worker)
{
	int r;

	worker->tx.asks.now_ms = NOW_MS;
	worker->tx.asks.tries_max = 3;
	if (!worker->tx.asks.queue_max)
		worker->tx.asks.queue_max = 100;
	r = run_sql(worker);
	if (r)
		postgres_exec(worker->pg, "ROLLBACK");
	return r;
}

static inline void run(struct test_worker *worker)
{
	int r = try(worker);

	ck_assert_msg(!r, "%s", pg_message(worker->pg));
}

static inline const struct tx_row *row_of(const struct test_worker *worker,
					  int n)
{
	for (size_t i = 0; i < worker->tx.n_rows; i++)
		if (worker->tx.rows[i].row.number == n)
			return &worker->tx.rows[i];
	ck_abort_msg("toastie %d did not come out", n);
	return NULL;
}

/* The one toastie that a plate was claimed for. */
static inline struct tx_row claim(struct test_worker *worker, int plate)
{
	struct tx_row row;

	scheduler_tx_reset(&worker->tx);
	offer(worker, plate);
	run(worker);
	ck_assert_uint_eq(worker->tx.n_rows, 1);
	row = worker->tx.rows[0];
	ck_assert_int_eq(row.kind, TX_CLAIMED);
	scheduler_tx_reset(&worker->tx);
	return row;
}

/* Toastie 1 on plate 0. */
static inline struct tx_row claim_first(void)
{
	add((struct toast){ .n = 1 });
	return claim(&me, 0);
}

static inline void finish(struct test_worker *worker,
			  const struct tx_row *claimed, enum row_state state,
			  bool keep_plate)
{
	scheduler_tx_reset(&worker->tx);
	TX_ADD(&worker->tx, finish) = (struct tx_finish){
		.order_id = claimed->row.order_id,
		.intent_id = claimed->intent_id,
		.state = state,
		.reason = state == ROW_DONE ? NULL : "why",
		.keep_plate = keep_plate,
	};
	run(worker);
}

static inline void run_raise(struct test_worker *worker,
			     const struct tx_row *claimed, uint32_t seen)
{
	scheduler_tx_reset(&worker->tx);
	TX_ADD(&worker->tx, raise) = (struct tx_raise){
		.tag = 7,
		.intent_id = claimed->intent_id,
		.seen = seen,
	};
	run(worker);
}

#endif
