/* SPDX-License-Identifier: MIT */
/* Sql fixture: two workers whose transactions a test fills and runs by hand.
 * For *_test.c only. */
#ifndef JAFFLR_SQL_FIXTURE_H
#define JAFFLR_SQL_FIXTURE_H

#include "workers/jafflr/grill.h"
#include "workers/jafflr/jafflr_fixture.h"

enum { N_PLATES = 4 };

static struct who me, other;
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

static inline void offer(struct who *who, int plate)
{
	TX_ADD(&who->tx, plates) = (struct tx_plate){
		.grill = "g1",
		.stalls = &all_stalls,
		.plate = plate,
		.boot = (uint32_t)plate + 100,
	};
}

/* The queues of all stalls are counted. */
static inline void serve_all(struct who *who)
{
	TX_ADD(&who->tx, served) = &all_stalls;
}

static inline int run_sql(struct who *who)
{
	struct sql *sql = &who->jafflr.sql;
	int r = sql_read(sql, who->pg, &who->assignments, &who->tx);

	if (r)
		return r;
	scheduler_tx_choose(&who->tx);
	return sql_write(sql, who->pg, &who->assignments, &who->tx);
}

static inline int try(struct who *who)
{
	int r;

	who->tx.asks.now_ms = NOW_MS;
	who->tx.asks.tries_max = 3;
	if (!who->tx.asks.queue_max)
		who->tx.asks.queue_max = 100;
	r = run_sql(who);
	if (r)
		postgres_exec(who->pg, "ROLLBACK");
	return r;
}

static inline void run(struct who *who)
{
	int r = try(who);

	ck_assert_msg(!r, "%s", pg_message(who->pg));
}

static inline const struct tx_row *row_of(const struct who *who, int n)
{
	for (size_t i = 0; i < who->tx.n_rows; i++)
		if (who->tx.rows[i].row.number == n)
			return &who->tx.rows[i];
	ck_abort_msg("toastie %d did not come out", n);
	return NULL;
}

/* The one toastie that a plate was claimed for. */
static inline struct tx_row claim(struct who *who, int plate)
{
	struct tx_row row;

	scheduler_tx_reset(&who->tx);
	offer(who, plate);
	run(who);
	ck_assert_uint_eq(who->tx.n_rows, 1);
	row = who->tx.rows[0];
	ck_assert_int_eq(row.kind, TX_CLAIMED);
	scheduler_tx_reset(&who->tx);
	return row;
}

/* Toastie 1 on plate 0. */
static inline struct tx_row claim_first(void)
{
	add((struct toast){ .n = 1 });
	return claim(&me, 0);
}

static inline void finish(struct who *who, const struct tx_row *claimed,
			  enum row_state state, bool keep_plate)
{
	scheduler_tx_reset(&who->tx);
	TX_ADD(&who->tx, finish) = (struct tx_finish){
		.order_id = claimed->row.order_id,
		.intent_id = claimed->intent_id,
		.state = state,
		.reason = state == ROW_DONE ? NULL : "why",
		.keep_plate = keep_plate,
	};
	run(who);
}

static inline void run_raise(struct who *who, const struct tx_row *claimed,
			     uint32_t seen)
{
	scheduler_tx_reset(&who->tx);
	TX_ADD(&who->tx, raise) = (struct tx_raise){
		.tag = 7,
		.intent_id = claimed->intent_id,
		.seen = seen,
	};
	run(who);
}

#endif
