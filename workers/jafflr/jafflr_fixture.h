/* SPDX-License-Identifier: MIT */
/*
 * Jafflr fixture: workers with a scheduler each, a real database, grills in
 * memory, and a publisher that keeps what it gets. A test turns the schedulers
 * by hand on a clock of its own, and says when a fact is acknowledged. For
 * *_test.c only.
 */
#ifndef JAFFLR_JAFFLR_FIXTURE_H
#define JAFFLR_JAFFLR_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "infra/lib/postgres/postgres_fixture.h"
#include "workers/jafflr/jafflr.h"
#include "workers/runtime/database/positions.h"

#define DEADLINE_MS 15000
#define NOW_MS INT64_C(1800000000000)
enum { HELD_MAX = 16, TEXT_BYTES = 1024 };

/* A worker: its state, and what the runtime does for it. */
struct test_worker {
	struct jafflr jafflr;
	struct scheduler *scheduler; /* of jafflr */
	struct scheduler_tx tx;      /* of a test that has no scheduler */
	struct pg *pg;
	struct identity identity;
	struct positions *acquired;
	struct assigned_position rows[HELD_MAX];
	struct held_positions positions;
	struct worker_assignments assignments;
	struct publisher *publisher;
	const struct published *heard; /* the last one that was acknowledged */
	int n_failed;                  /* transactions */
};

static char url[512];
static struct pg *db; /* what a test looks at and changes by hand */

/* ---- the database ---- */

/* Once, before the tests: the migrations take longer than a test does. */
static inline void make_database(void)
{
	struct pg *pg;

	(void)str_copy(url, sizeof(url), postgres_database());
	pg = postgres_connect(url, "galore");
	postgres_exec(pg, "CREATE FUNCTION test_number(text) RETURNS bigint"
			  " LANGUAGE plpgsql AS $$ DECLARE n bigint;"
			  " BEGIN EXECUTE $1 INTO n; RETURN coalesce(n, -1);"
			  " END $$");
	(void)pg_free(pg);
}

/* Empty, as the migrations have left it. */
static inline void clean_database(void)
{
	db = postgres_connect(url, "galore");
	postgres_exec(db, "DELETE FROM intents; DELETE FROM toasties;"
			  "DELETE FROM control.plates;"
			  "DELETE FROM control.grills;"
			  "DELETE FROM positions WHERE lane <> 'stable';"
			  "DELETE FROM control.lanes WHERE lane <> 'stable';"
			  "DROP TABLE IF EXISTS plates, grills");
}

/* A statement's only value; NULL is -1. */
static inline int64_t count(const char *sql)
{
	static const struct pg_statement number = {
		"number", "SELECT test_number($1::text)", 1
	};
	struct pg_args args = { 0 };
	int i, r;

	pg_put_bytes(pg_arg(&args), sql, strlen(sql));
	i = pg_add(db, &number, &args);
	r = pg_run(db, POSTGRES_TIMEOUT_MS);
	pg_args_deinit(&args);
	ck_assert_msg(!r, "%s: %s", sql, pg_message(db));
	return pg_i64(db, i, 0, 0);
}

/* ---- a worker ---- */

/* Two partitions, this one and the next. */
static inline void take_over(struct test_worker *worker, int32_t partition)
{
	struct position_key keys[] = { { 0, partition }, { 0, partition + 1 } };
	int r = positions_acquire(worker->pg, &worker->identity, keys, 2,
				  worker->acquired);

	ck_assert_msg(!r, "%s", pg_message(worker->pg));
	ck_assert_uint_le(worker->acquired->n_rows, HELD_MAX);
	worker->assignments = (struct worker_assignments){ 0 };
	for (size_t i = 0; i < worker->acquired->n_rows; i++) {
		const struct position *row = &worker->acquired->rows[i];

		worker->rows[i] = (struct assigned_position){
			.partition = row->partition,
			.lane = worker->acquired->lanes.lanes[row->lane].name,
			.epoch = row->epoch,
		};
		worker->assignments.partitions[0][row->lane] |=
			INT64_C(1) << row->partition;
	}
	worker->positions =
		(struct held_positions){ &worker->identity, worker->rows,
					 worker->acquired->n_rows };
	worker->assignments.lanes = &worker->acquired->lanes;
	worker->assignments.positions = &worker->positions;
	scheduler_task.changed(&worker->jafflr);
}

static inline void begin(struct test_worker *worker, const char *name)
{
	struct publisher_params publisher = { 0 };

	*worker = (struct test_worker){
		.jafflr = {
			.magic = JAFFLR_MAGIC,
			.conf = {
				.queue_max = 1000,
				.poll_ms = 5,
				.patience_ms = 1000,
				.tries_max = 3,
				.connect_ms = 100,
				.answer_ms = 100,
			},
		},
		.identity = {
			.service = "jafflr",
			.colour = "blue",
			.holder = name,
			.topics = { &topic_table[TOPIC_PICKS] },
			.n_topics = 1,
		},
		.pg = postgres_connect(url, "galore"),
		.acquired = xcalloc(1, sizeof(*worker->acquired)),
	};
	/* As a worker's session is: lanes are found by the path. */
	postgres_exec(worker->pg, "SET search_path = galore, control");
	worker->scheduler = &worker->jafflr.scheduler;
	ck_assert_int_eq(publisher_new(&worker->publisher, &publisher), 0);
	ck_assert_int_eq(scheduler_task.open(&worker->jafflr, NULL), 0);
}

static inline void end(struct test_worker *worker)
{
	if (!worker->pg)
		return;
	scheduler_task.close(&worker->jafflr);
	jafflr_deinit(&worker->jafflr);
	scheduler_tx_deinit(&worker->tx);
	lanes_deinit(&worker->acquired->lanes);
	free(worker->acquired);
	worker->publisher = publisher_free(worker->publisher);
	worker->pg = pg_free(worker->pg);
}

/* ---- toasties ---- */

struct toast {
	int n; /* its number, and the last byte of its id */
	int partition;
	const char *stall, *customer, *state, *doneness;
	bool unpublished;
};

static inline struct order_id id_of(int n)
{
	return (struct order_id){ .bytes = { 0x10, [15] = (uint8_t)n } };
}

/* @n rows with numbers from that of @toast on; @id is SQL. By clocks a toastie
 * was queued when its number says. */
static inline void insert(const char *id, struct toast toast, int n)
{
	char customer[64] = "NULL", sql[TEXT_BYTES];

	if (toast.customer)
		(void)snprintf(customer, sizeof(customer), "'%s'",
			       toast.customer);
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO toasties (order_id, number, stall,"
		       " customer, doneness, state, seq, published_seq, lines,"
		       " partition, \"offset\", bucket, changed_at) SELECT %s,"
		       " n, '%s', %s, '%s', '%s', 1, %d, 1, %d, n, 0,"
		       " timestamptz 'epoch' + interval '1 s' * n"
		       " FROM generate_series(%d, %d) AS n",
		       id, toast.stall ? toast.stall : "main", customer,
		       toast.doneness ? toast.doneness : "light",
		       toast.state ? toast.state : "queued", !toast.unpublished,
		       toast.partition, toast.n, toast.n + n - 1);
	postgres_exec(db, sql);
}

/* As intake leaves it. */
static inline void add(struct toast toast)
{
	struct order_id id = id_of(toast.n);
	char text[ORDER_ID_CHARS + 1], sql[64];

	(void)snprintf(sql, sizeof(sql), "'%s'::uuid",
		       order_id_format(&id, text));
	insert(sql, toast, 1);
}

/* A column of one toastie, or of its open intent. */
static inline int64_t look(int n, const char *what)
{
	char sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM toasties t LEFT JOIN intents i"
		       " ON i.order_id = t.order_id AND i.closed_at IS NULL"
		       " WHERE t.number = %d",
		       what, n);
	return count(sql);
}

static inline bool is_in(int n, enum row_state state)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "(t.state = '%s')::int",
		       row_state_name(state));
	return look(n, sql) == 1;
}

static inline int64_t n_open(void)
{
	return count("SELECT count(*) FROM intents WHERE closed_at IS NULL");
}

/* What main() returns. Each test has the database, empty, and @setup. */
static inline int run_tests(const char *name, SFun setup, SFun teardown,
			    const struct check_row *rows)
{
	Suite *suite = suite_create(name);
	TCase *tcase = check_case(suite, 60);

	tcase_add_unchecked_fixture(tcase, make_database, NULL);
	tcase_add_checked_fixture(tcase, setup, teardown);
	check_add(tcase, rows);
	return postgres_run(suite);
}

#endif
