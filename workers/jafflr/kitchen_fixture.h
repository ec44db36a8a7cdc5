/* SPDX-License-Identifier: MIT */
/*
 * Kitchen fixture: workers with a kitchen each, grills in memory, a publisher
 * that keeps what it gets, and a real database. A test turns the kitchens by
 * hand, and says when a fact is acknowledged. For *_test.c only.
 */
#ifndef JAFFLR_KITCHEN_FIXTURE_H
#define JAFFLR_KITCHEN_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "infra/lib/postgres_fixture.h"
#include "workers/jafflr/grill_modbus_fake.h"
#include "workers/jafflr/kitchen.h"
#include "workers/jafflr/sql.h"
#include "workers/runtime/publish_fake.h"

#define DEADLINE_MS 15000
enum { N_PLATES = 8, N_GRILLS = 2, HELD_MAX = 16, TEXT_BYTES = 512 };

/* A worker: its kitchen and what the runtime does for it. */
struct who {
	struct loop *loop;
	struct pg *pg;
	struct publisher *publisher;
	struct identity identity;
	struct positions *taken;
	struct assigned_position rows[HELD_MAX];
	struct worker_assignments held;
	struct sql sql;
	struct kitchen kitchen;
	const struct published *heard; /* the last one that was acknowledged */
	int n_failed;                  /* ticks */
};

static const char *url;
static struct pg *db; /* what a test looks at and changes by hand */
static struct grill_fake *fakes[N_GRILLS];
static struct who me, other;

/* ---- a worker ---- */

static inline void take_over(struct who *who)
{
	struct position_key keys[] = { { 0, 0 }, { 0, 1 } };
	int r = positions_acquire(who->pg, &who->identity, keys, 2, who->taken);

	ck_assert_msg(!r, "%s", pg_message(who->pg));
	for (size_t i = 0; i < who->taken->n_rows; i++)
		who->rows[i] = (struct assigned_position){
			.partition = who->taken->rows[i].partition,
			.lane = "stable",
			.epoch = who->taken->rows[i].epoch,
		};
	who->held = (struct worker_assignments){
		.identity = &who->identity,
		.lanes = &who->taken->lanes,
		.positions = who->rows,
		.n_positions = who->taken->n_rows,
	};
	kitchen_forget(&who->kitchen);
}

static inline void begin(struct who *who, const char *name)
{
	struct kitchen_params params = {
		.queue_max = 1000,
		.poll_ms = 5,
		.patience_ms = 1000,
		.tries_max = 3,
		.connect_ms = 100,
		.answer_ms = 100,
	};
	struct publisher_params publisher = { .producer = "jafflr@test" };

	ck_assert_int_eq(loop_new(&who->loop), 0);
	who->pg = postgres_connect(url, "galore");
	ck_assert_int_eq(publisher_new(&who->publisher, &publisher), 0);
	who->identity = (struct identity){
		.service = "jafflr",
		.colour = "blue",
		.holder = name,
		.topics = { &topic_table[TOPIC_PICKS] },
		.n_topics = 1,
	};
	who->taken = xcalloc(1, sizeof(*who->taken));
	ck_assert_int_eq(kitchen_open(&who->kitchen, &params, who->loop), 0);
}

static inline void end(struct who *who)
{
	if (!who->loop)
		return;
	kitchen_close(&who->kitchen);
	sql_deinit(&who->sql);
	lanes_deinit(&who->taken->lanes);
	free(who->taken);
	who->publisher = publisher_free(who->publisher);
	who->pg = pg_free(who->pg);
	who->loop = loop_free(who->loop);
}

static inline void run_tick(struct who *who)
{
	int r;

	kitchen_begin_tick(&who->kitchen);
	r = sql_tick(&who->sql, who->pg, &who->held, who->kitchen.running);
	if (r) {
		ck_assert_str_eq(pg_sqlstate(who->pg), POSITIONS_LOST);
		postgres_exec(who->pg, "ROLLBACK");
		who->n_failed++;
	}
	kitchen_end_tick(&who->kitchen, r, who->publisher);
}

static inline void turn(struct who *who)
{
	loop_wait(who->loop, 2);
	kitchen_turn(&who->kitchen, clock_now_ms());
	if (kitchen_wants_tick(&who->kitchen, clock_now_ms()))
		run_tick(who);
}

/* What was published is on its topic. */
static inline void acknowledge(struct who *who)
{
	const struct published *next =
		who->heard ? who->heard->next
			   : publish_fake_first(who->publisher);

	for (; next; next = next->next) {
		who->heard = next;
		ck_assert(next->own);
		kitchen_delivered(&who->kitchen, next->token);
	}
}

static inline void work(struct who *who)
{
	turn(who);
	acknowledge(who);
}

/* Long enough for a grill to have been read anew, and then again. */
static inline void work_a_while(struct who *who)
{
	const struct grill_of *grill;
	uint64_t until;

	CHECK_WITHIN(DEADLINE_MS, who->kitchen.grills.n == N_GRILLS, turn(who));
	grill = who->kitchen.grills.list[0];
	until = grill->asked + 3;
	CHECK_WITHIN(DEADLINE_MS, grill->read >= until,
		     (turn(who), (void)grills_ask(who->kitchen.grills.list[0],
						  clock_now_ms())));
}

static inline void setup(void)
{
	url = postgres_database();
	db = postgres_connect(url, "galore");
	postgres_exec(db, "INSERT INTO control.grills (grill, address)"
			  " VALUES ('g0', 'fake:0'), ('g1', 'fake:1');"
			  "INSERT INTO control.plates (grill, plate)"
			  " SELECT 'g' || g, p FROM generate_series(0, 1) AS g,"
			  " generate_series(0, 7) AS p");
	for (int i = 0; i < N_GRILLS; i++) {
		fakes[i] = grill_fake_new(N_PLATES);
		grill_modbus_fake_serve(i, fakes[i]);
	}
	begin(&me, "me");
	take_over(&me);
}

static inline void teardown(void)
{
	end(&me);
	end(&other);
	for (int i = 0; i < N_GRILLS; i++)
		fakes[i] = grill_fake_free(fakes[i]);
	db = pg_free(db);
}

/* ---- toasties ---- */

static inline struct order_id id_of(int n)
{
	return (struct order_id){ .bytes = { 0x10, [15] = (uint8_t)n } };
}

/* Queued and not told, as intake leaves it when nobody tells it. */
static inline void add(int n, const char *stall)
{
	struct order_id id = id_of(n);
	char text[ORDER_ID_CHARS + 1], sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO toasties (order_id, number, stall,"
		       " doneness, state, seq, lines, partition, \"offset\","
		       " bucket, changed_at) VALUES ('%s', %d, '%s', 'light',"
		       " 'queued', 1, 1, 0, %d, 0, now())",
		       order_id_format(&id, text), n, stall, n);
	postgres_exec(db, sql);
}

static inline bool is_in(int n, enum row_state state)
{
	char sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM toasties WHERE number = %d"
		       " AND state = '%s'",
		       n, row_state_name(state));
	return postgres_number(url, sql) == 1;
}

static inline int64_t n_open(void)
{
	return postgres_number(url, "SELECT count(*) FROM intents"
				    " WHERE closed_at IS NULL");
}

static inline int64_t highest_token(void)
{
	return postgres_number(url, "SELECT max(token) FROM control.plates");
}

static inline int n_starts(void)
{
	return grill_fake_n_starts(fakes[0]) + grill_fake_n_starts(fakes[1]);
}

static inline int n_starts_of(int n)
{
	struct order_id id = id_of(n);

	return grill_fake_n_starts_of(fakes[0], id.bytes) +
	       grill_fake_n_starts_of(fakes[1], id.bytes);
}

/* Which grill it is on. */
static inline struct grill_fake *fake_of(int n)
{
	char sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT substr(grill, 2)::int FROM toasties"
		       " WHERE number = %d",
		       n);
	return fakes[postgres_number(url, sql)];
}

static inline void end_toastings(void)
{
	for (int i = 0; i < N_GRILLS; i++)
		for (int plate = 0; plate < N_PLATES; plate++)
			grill_fake_done(fakes[i], plate);
}

static inline void next_start(enum grill_fake_end how, int n)
{
	for (int i = 0; i < N_GRILLS; i++)
		grill_fake_next(fakes[i], GRILL_FAKE_START, how, n);
}

static inline void decode(const struct published *published,
			  struct toastie *ret)
{
	struct envelope envelope;
	struct schema_fault fault;
	int r;

	envelope_init(&envelope);
	for (size_t i = 0; i < published->n_headers; i++)
		envelope_read(&envelope, published->headers[i].name,
			      published->headers[i].value.p,
			      published->headers[i].value.n);
	r = envelope_check(&envelope, &fault);
	if (!r)
		r = toastie_decode(ret, &envelope, published->body.p,
				   published->body.n, &fault);
	ck_assert_msg(!r, "%s", fault.what);
}

/* What a reader makes of the facts: those above what it has. */
static inline const char *story_of(const struct who *who, int n)
{
	static char story[TEXT_BYTES];
	struct order_id id = id_of(n);
	int64_t seq = 0;
	size_t at = 0;

	story[0] = '\0';
	for (const struct published *published =
		     publish_fake_first(who->publisher);
	     published; published = published->next) {
		struct toastie toastie = { 0 };

		decode(published, &toastie);
		if (order_id_compare(&toastie.order_id, &id) ||
		    toastie.seq <= seq)
			continue;
		seq = toastie.seq;
		at += (size_t)snprintf(story + at, sizeof(story) - at, "%s%s",
				       at ? " " : "",
				       toastie_state_name(toastie.state));
	}
	return story;
}

static inline void start_one(int n)
{
	add(n, "main");
	CHECK_WITHIN(DEADLINE_MS, n_starts_of(n) == 1, work(&me));
}

#endif
