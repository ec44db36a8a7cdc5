/* SPDX-License-Identifier: MIT */
/* Sql fixture: two workers whose transactions a test fills and runs by hand.
 * For *_test.c only. */
#ifndef JAFFLR_SQL_FIXTURE_H
#define JAFFLR_SQL_FIXTURE_H

#include "workers/jafflr/grill/grill.h"
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
	if (r) {
		ck_assert_str_eq(pg_sqlstate(worker->pg), POSITIONS_LOST);
		postgres_exec(worker->pg, "ROLLBACK");
	}
	return r;
}

static inline void run(struct test_worker *worker)
{
	ck_assert_int_eq(try(worker), 0);
}

/* A transaction that only reads, and counts the queues of all stalls. */
static inline void run_asks(struct test_worker *worker, struct tx_asks asks)
{
	scheduler_tx_reset(&worker->tx);
	worker->tx.asks = asks;
	if (asks.look)
		TX_ADD(&worker->tx, served) = &all_stalls;
	run(worker);
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

/* What came out of toastie @n; its row says the same. */
static inline void check_row(int n, enum tx_row_kind kind, enum row_state state,
			     int64_t seq)
{
	ck_assert_int_eq(row_of(&me, n)->kind, kind);
	ck_assert_int_eq(row_of(&me, n)->row.state, state);
	ck_assert_int_eq(row_of(&me, n)->row.seq, seq);
	ck_assert(is_in(n, state));
	ck_assert_int_eq(look(n, "t.seq"), seq);
}

static inline void check_reason(int n, const char *reason)
{
	ck_assert(text_equal(row_of(&me, n)->row.reason, text_of(reason)));
}

/* The toasties 1 to @n, which are queued. */
static inline void add_many(int n)
{
	for (int i = 1; i <= n; i++)
		add((struct toast){ .n = i });
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
	add_many(1);
	return claim(&me, 0);
}

static inline void add_finish(const struct tx_row *claimed,
			      enum row_state state, bool keep_plate)
{
	TX_ADD(&me.tx, finish) = (struct tx_finish){
		.order_id = claimed->row.order_id,
		.intent_id = claimed->intent_id,
		.state = state,
		.reason = state == ROW_DONE ? NULL : "why",
		.keep_plate = keep_plate,
	};
}

static inline void finish(const struct tx_row *claimed, enum row_state state,
			  bool keep_plate)
{
	scheduler_tx_reset(&me.tx);
	add_finish(claimed, state, keep_plate);
	run(&me);
}

static inline void add_raise(const struct tx_row *claimed, uint32_t seen)
{
	TX_ADD(&me.tx, raise) = (struct tx_raise){
		.tag = 7,
		.intent_id = claimed->intent_id,
		.seen = seen,
	};
}

static inline void run_raise(const struct tx_row *claimed, uint32_t seen)
{
	scheduler_tx_reset(&me.tx);
	add_raise(claimed, seen);
	run(&me);
}

/* The fact of @seq is on its topic. */
static inline void add_published(int n, int64_t seq)
{
	TX_ADD(&me.tx, published) = (struct tx_published){ id_of(n), seq };
}

#endif
