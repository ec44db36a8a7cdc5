/* SPDX-License-Identifier: MIT */
/*
 * Sql fixture: a real server with the migrations applied. Two workers are two
 * sessions that hold different partitions. For *_test.c only.
 */
#ifndef JAFFLR_SQL_FIXTURE_H
#define JAFFLR_SQL_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "infra/lib/postgres_fixture.h"
#include "workers/jafflr/sql.h"

#define TIMEOUT_MS POSTGRES_TIMEOUT_MS
enum { N_PLATES = 4, HELD_MAX = 4 };
#define NOW_MS INT64_C(1800000000000)

/* A worker: its session, what it holds, its statements, its tick. */
struct who {
	struct pg *pg;
	struct identity identity;
	struct positions *taken;
	struct assigned_position rows[HELD_MAX];
	struct worker_assignments held;
	struct sql sql;
	struct tick tick;
};

static const char *url;
static struct pg *db; /* what a test looks at and changes by hand */
static struct who me, other;

static inline void take_over(struct who *who, int32_t first_partition)
{
	struct position_key keys[] = { { 0, first_partition },
				       { 0, first_partition + 1 } };
	int r = positions_acquire(who->pg, &who->identity, keys, 2, who->taken);

	ck_assert_msg(!r, "%s", pg_message(who->pg));
	ck_assert_uint_le(who->taken->n_rows, HELD_MAX);
	for (size_t i = 0; i < who->taken->n_rows; i++) {
		const struct position *row = &who->taken->rows[i];

		who->rows[i] = (struct assigned_position){
			.partition = row->partition,
			.lane = who->taken->lanes.lanes[row->lane].name,
			.epoch = row->epoch,
		};
	}
	who->held = (struct worker_assignments){
		.identity = &who->identity,
		.lanes = &who->taken->lanes,
		.positions = who->rows,
		.n_positions = who->taken->n_rows,
	};
}

static inline void begin(struct who *who, const char *name,
			 int32_t first_partition)
{
	who->pg = postgres_connect(url, "galore");
	who->identity = (struct identity){
		.service = "jafflr",
		.colour = "blue",
		.holder = name,
		.topics = { &topic_table[TOPIC_PICKS] },
		.n_topics = 1,
	};
	who->taken = xcalloc(1, sizeof(*who->taken));
	take_over(who, first_partition);
}

static inline void end(struct who *who)
{
	sql_deinit(&who->sql);
	tick_deinit(&who->tick);
	if (who->taken)
		lanes_deinit(&who->taken->lanes);
	free(who->taken);
	who->taken = NULL;
	who->pg = pg_free(who->pg);
}

static inline void setup(void)
{
	url = postgres_database();
	db = postgres_connect(url, "galore");
	postgres_exec(db, "INSERT INTO control.grills (grill, address)"
			  " VALUES ('g1', '127.0.0.1:502');"
			  "INSERT INTO control.plates (grill, plate)"
			  " SELECT 'g1', generate_series(0, 3)");
	begin(&me, "me", 0);
	begin(&other, "other", 2);
}

static inline void teardown(void)
{
	end(&me);
	end(&other);
	db = pg_free(db);
}

/* ---- rows ---- */

struct toast {
	int n; /* the last byte of its id */
	int partition;
	const char *stall, *state;
	const char *doneness;
};

/* Queued one after the other; clocks said what its number says. */
static inline void add(struct toast toast)
{
	char sql[512];

	(void)snprintf(
		sql, sizeof(sql),
		"INSERT INTO toasties (order_id, number, stall, doneness,"
		" state, seq, published_seq, lines, partition,"
		" \"offset\", bucket, changed_at) VALUES"
		" ('00000000-0000-0000-0000-0000000000%02d', %d, '%s',"
		" '%s', '%s', 1, 1, 1, %d, %d, 0,"
		" timestamptz 'epoch' + interval '1 s' * %d)",
		toast.n, toast.n, toast.stall ? toast.stall : "main",
		toast.doneness ? toast.doneness : "light",
		toast.state ? toast.state : "queued", toast.partition, toast.n,
		toast.n);
	postgres_exec(db, sql);
}

static inline struct order_id id_of(int n)
{
	return (struct order_id){ .bytes = { [15] = (uint8_t)(n / 10 * 16 +
							      n % 10) } };
}

/* A column of one toastie, or of its open intent. */
static inline int64_t look(int n, const char *what)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM toasties t LEFT JOIN intents i"
		       " ON i.order_id = t.order_id AND i.closed_at IS NULL"
		       " WHERE t.number = %d",
		       what, n);
	return postgres_number(url, sql);
}

static inline bool is_in(int n, enum row_state state)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "(t.state = '%s')::int",
		       row_state_name(state));
	return look(n, sql) == 1;
}

static inline int64_t count(const char *sql)
{
	return postgres_number(url, sql);
}

static inline int64_t n_open(void)
{
	return count("SELECT count(*) FROM intents WHERE closed_at IS NULL");
}

/* ---- ticks ---- */

static inline void offer(struct who *who, int plate)
{
	TICK_ADD(&who->tick, plates) = (struct tick_plate){
		.grill = "g1",
		.plate = plate,
		.boot = (uint32_t)plate + 100,
	};
}

/* The queues of all stalls are counted. */
static inline void serve_all(struct who *who)
{
	TICK_ADD(&who->tick, served) = (struct tick_served){ 0 };
}

static inline int try(struct who *who)
{
	int r;

	who->tick.now_ms = NOW_MS;
	who->tick.tries_max = 3;
	who->tick.queue_max = 100;
	r = sql_tick(&who->sql, who->pg, &who->held, &who->tick);
	if (r)
		postgres_exec(who->pg, "ROLLBACK");
	return r;
}

static inline void run(struct who *who)
{
	int r = try(who);

	ck_assert_msg(!r, "%s", pg_message(who->pg));
}

static inline const struct tick_row *row_of(const struct who *who, int n)
{
	for (size_t i = 0; i < who->tick.n_rows; i++)
		if (who->tick.rows[i].row.number == n)
			return &who->tick.rows[i];
	ck_abort_msg("toastie %d did not come out", n);
	return NULL;
}

/* The one toastie that a plate was claimed for. */
static inline struct tick_row claim(struct who *who, int plate)
{
	struct tick_row row;

	tick_reset(&who->tick);
	offer(who, plate);
	run(who);
	ck_assert_uint_eq(who->tick.n_rows, 1);
	row = who->tick.rows[0];
	ck_assert_int_eq(row.kind, TICK_CLAIMED);
	tick_reset(&who->tick);
	return row;
}

static inline void finish(struct who *who, const struct tick_row *claimed,
			  enum row_state state, bool keep_plate)
{
	tick_reset(&who->tick);
	TICK_ADD(&who->tick, finish) = (struct tick_finish){
		.order_id = claimed->row.order_id,
		.intent_id = claimed->intent_id,
		.state = state,
		.reason = state == ROW_DONE ? NULL : "why",
		.keep_plate = keep_plate,
	};
	run(who);
}

#endif
