/* SPDX-License-Identifier: MIT */
/*
 * Kitchen: from the queue to the plate and back, with grills in memory, a
 * publisher that keeps what it gets, and a real database. A test turns the
 * kitchens by hand, and says when a fact is acknowledged.
 */
#include "workers/jafflr/kitchen.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/postgres_fixture.h"
#include "workers/jafflr/grill_modbus_fake.h"
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
	struct held_position rows[HELD_MAX];
	struct worker_held held;
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

static void take_over(struct who *who)
{
	struct position_key keys[] = { { 0, 0 }, { 0, 1 } };
	int r = positions_take(who->pg, &who->identity, keys, 2, who->taken);

	ck_assert_msg(!r, "%s", pg_message(who->pg));
	for (size_t i = 0; i < who->taken->n_rows; i++)
		who->rows[i] = (struct held_position){
			.partition = who->taken->rows[i].partition,
			.lane = "stable",
			.epoch = who->taken->rows[i].epoch,
		};
	who->held = (struct worker_held){
		.identity = &who->identity,
		.lanes = &who->taken->lanes,
		.positions = who->rows,
		.n_positions = who->taken->n_rows,
	};
	kitchen_forget(&who->kitchen);
}

static void begin(struct who *who, const char *name)
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

static void end(struct who *who)
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

static void run_tick(struct who *who)
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

static void turn(struct who *who)
{
	loop_wait(who->loop, 2);
	kitchen_turn(&who->kitchen, clock_now_ms());
	if (kitchen_wants_tick(&who->kitchen, clock_now_ms()))
		run_tick(who);
}

/* What was published is on its topic. */
static void acknowledge(struct who *who)
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

static void work(struct who *who)
{
	turn(who);
	acknowledge(who);
}

/* Long enough for a grill to have been read anew, and then again. */
static void work_a_while(struct who *who)
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

static void setup(void)
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

static void teardown(void)
{
	end(&me);
	end(&other);
	for (int i = 0; i < N_GRILLS; i++)
		fakes[i] = grill_fake_free(fakes[i]);
	db = pg_free(db);
}

/* ---- toasties ---- */

static struct order_id id_of(int n)
{
	return (struct order_id){ .bytes = { 0x10, [15] = (uint8_t)n } };
}

/* Queued and not told, as intake leaves it when nobody tells it. */
static void add(int n, const char *stall)
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

static bool is_in(int n, enum row_state state)
{
	char sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM toasties WHERE number = %d"
		       " AND state = '%s'",
		       n, row_state_name(state));
	return postgres_number(url, sql) == 1;
}

static int64_t n_open(void)
{
	return postgres_number(url, "SELECT count(*) FROM intents"
				    " WHERE closed_at IS NULL");
}

static int64_t highest_token(void)
{
	return postgres_number(url, "SELECT max(token) FROM control.plates");
}

static int n_starts(void)
{
	return grill_fake_n_starts(fakes[0]) + grill_fake_n_starts(fakes[1]);
}

static int n_starts_of(int n)
{
	struct order_id id = id_of(n);

	return grill_fake_n_starts_of(fakes[0], id.bytes) +
	       grill_fake_n_starts_of(fakes[1], id.bytes);
}

/* Which grill it is on. */
static struct grill_fake *fake_of(int n)
{
	char sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT substr(grill, 2)::int FROM toasties"
		       " WHERE number = %d",
		       n);
	return fakes[postgres_number(url, sql)];
}

static void end_toastings(void)
{
	for (int i = 0; i < N_GRILLS; i++)
		for (int plate = 0; plate < N_PLATES; plate++)
			grill_fake_done(fakes[i], plate);
}

static void next_start(enum grill_fake_end how, int n)
{
	for (int i = 0; i < N_GRILLS; i++)
		grill_fake_next(fakes[i], GRILL_FAKE_START, how, n);
}

static void decode(const struct published *published, struct toastie *ret)
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
static const char *story_of(const struct who *who, int n)
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

/* ---- the usual way ---- */

static void start_one(int n)
{
	add(n, "main");
	CHECK_WITHIN(DEADLINE_MS, n_starts_of(n) == 1, work(&me));
}

START_TEST(a_toastie_goes_from_the_queue_over_a_plate)
	{
		start_one(1);
		ck_assert(is_in(1, ROW_GRILLING));
		end_toastings();
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_DONE), work(&me));
		work(&me);
		ck_assert_str_eq(story_of(&me, 1), "queued grilling done");
		ck_assert_int_eq(n_starts(), 1);
		ck_assert_int_eq(n_open(), 0);
		CHECK_WITHIN(DEADLINE_MS,
			     postgres_number(url, "SELECT published_seq FROM"
						  " toasties") == 3,
			     work(&me));
	}
END_TEST

START_TEST(nothing_is_started_before_its_fact_is_acknowledged)
	{
		add(1, "main");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_GRILLING), turn(&me));
		work_a_while(&me);
		ck_assert_int_eq(n_starts(), 0);
		CHECK_WITHIN(DEADLINE_MS, n_starts() == 1, work(&me));
	}
END_TEST

START_TEST(as_many_are_on_plates_as_there_are_plates)
	{
		for (int n = 1; n <= N_PLATES * N_GRILLS + 5; n++)
			add(n, "main");
		CHECK_WITHIN(DEADLINE_MS, n_starts() == N_PLATES * N_GRILLS,
			     work(&me));
		work_a_while(&me);
		ck_assert_int_eq(n_starts(), N_PLATES * N_GRILLS);
		ck_assert_int_eq(n_open(), N_PLATES * N_GRILLS);
		end_toastings();
		CHECK_WITHIN(DEADLINE_MS, n_starts() == N_PLATES * N_GRILLS + 5,
			     work(&me));
		end_toastings();
		CHECK_WITHIN(DEADLINE_MS,
			     postgres_number(url,
					     "SELECT count(*) FROM toasties"
					     " WHERE state <> 'done'") == 0,
			     work(&me));
	}
END_TEST

START_TEST(a_demo_toastie_is_done_and_no_grill_hears_of_it)
	{
		add(1, "demo-1");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_DONE), work(&me));
		work(&me);
		work_a_while(&me);
		ck_assert_int_eq(n_starts(), 0);
		ck_assert_int_eq(highest_token(), 0);
		ck_assert_str_eq(story_of(&me, 1), "queued done");
	}
END_TEST

START_TEST(a_row_that_intake_committed_is_told_and_claimed_at_once)
	{
		struct toastie_row row = {
			.order_id = id_of(1),
			.number = 1,
			.stall = TEXT("main"),
			.state = ROW_QUEUED,
			.seq = 1,
			.plate = TOASTIE_PLATE_NONE,
		};

		work_a_while(&me);
		add(1, "main");
		kitchen_new_row(&me.kitchen, &row, me.publisher);
		ck_assert_str_eq(story_of(&me, 1), "queued");
		CHECK_WITHIN(DEADLINE_MS, n_starts_of(1) == 1, work(&me));
	}
END_TEST

/* ---- doubt ---- */

static const struct {
	enum grill_fake_end end;
	int64_t token; /* that it took */
} doubts[] = {
	{ GRILL_FAKE_SILENT, 2 }, /* it had begun */
	{ GRILL_FAKE_LOSES, 2 },  /* it had not */
	{ GRILL_FAKE_REFUSES, 2 },
	{ GRILL_FAKE_AWAY, 1 }, /* no doubt: nothing was sent */
};

START_TEST(after_a_doubtful_start_it_is_on_the_plate_once)
	{
		next_start(doubts[_i].end, 1);
		start_one(1);
		end_toastings();
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_DONE),
			     (work(&me), end_toastings()));
		ck_assert_int_eq(n_starts(), 1);
		ck_assert_int_eq(highest_token(), doubts[_i].token);
		work(&me);
		ck_assert_str_eq(story_of(&me, 1), "queued grilling done");
	}
END_TEST

START_TEST(a_plate_that_was_reset_leaves_it_to_a_person)
	{
		next_start(GRILL_FAKE_SILENT, 1);
		start_one(1);
		for (int plate = 0; plate < N_PLATES; plate++)
			grill_fake_reset(fake_of(1), plate);
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_UNCERTAIN), work(&me));
		ck_assert_int_eq(n_starts(), 1);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

START_TEST(a_plate_that_cannot_fence_leaves_doubt_to_a_person)
	{
		for (int plate = 0; plate < N_PLATES; plate++)
			for (int i = 0; i < N_GRILLS; i++)
				grill_fake_set_fences(fakes[i], plate, false);
		next_start(GRILL_FAKE_LOSES, 1);
		add(1, "main");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_UNCERTAIN), work(&me));
		ck_assert_int_eq(n_starts(), 0);
	}
END_TEST

START_TEST(what_was_cut_short_is_failed)
	{
		start_one(1);
		for (int plate = 0; plate < N_PLATES; plate++)
			grill_fake_power_cut(fake_of(1), plate);
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_FAILED), work(&me));
		ck_assert_int_eq(n_starts(), 1);
	}
END_TEST

START_TEST(a_plate_that_is_broken_is_left_and_another_one_taken)
	{
		struct grill_fake *broken;

		add(1, "main");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_GRILLING), turn(&me));
		broken = fake_of(1);
		for (int plate = 0; plate < N_PLATES; plate++)
			grill_fake_set_broken(broken, plate, true);
		CHECK_WITHIN(DEADLINE_MS, n_starts() == 1, work(&me));
		ck_assert_int_eq(grill_fake_n_starts(broken), 0);
		ck_assert_ptr_ne(fake_of(1), broken);
		work(&me);
		ck_assert_str_eq(story_of(&me, 1),
				 "queued grilling queued grilling");
	}
END_TEST

START_TEST(a_grill_that_is_away_loses_its_toasties_to_the_others)
	{
		struct grill_fake *away;

		add(1, "main");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_GRILLING), turn(&me));
		away = fake_of(1);
		/* It is not read any more: its plates are not offered. */
		for (int call = GRILL_FAKE_READ; call <= GRILL_FAKE_START;
		     call++)
			grill_fake_next(away, (enum grill_fake_call)call,
					GRILL_FAKE_AWAY, 0);
		CHECK_WITHIN(DEADLINE_MS, n_starts() == 1, work(&me));
		ck_assert_int_eq(grill_fake_n_starts(away), 0);
	}
END_TEST

START_TEST(a_grill_that_falls_silent_keeps_the_plate_and_a_person_decides)
	{
		start_one(1);
		grill_fake_next(fake_of(1), GRILL_FAKE_READ, GRILL_FAKE_LOSES,
				0);
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_UNCERTAIN), work(&me));
		ck_assert_int_eq(n_open(), 1);
		ck_assert_int_eq(n_starts(), 1);
	}
END_TEST

/* ---- taking over ---- */

START_TEST(who_forgets_everything_finds_it_on_the_plates_again)
	{
		for (int n = 1; n <= 5; n++)
			add(n, "main");
		CHECK_WITHIN(DEADLINE_MS, n_starts() == 5, work(&me));
		take_over(&me);
		CHECK_WITHIN(DEADLINE_MS, highest_token() == 2, work(&me));
		end_toastings();
		CHECK_WITHIN(DEADLINE_MS,
			     postgres_number(url,
					     "SELECT count(*) FROM toasties"
					     " WHERE state = 'done'") == 5,
			     work(&me));
		ck_assert_int_eq(n_starts(), 5);
	}
END_TEST

START_TEST(what_was_claimed_and_not_started_is_started_by_the_next)
	{
		add(1, "main");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_GRILLING), turn(&me));
		take_over(&me);
		CHECK_WITHIN(DEADLINE_MS, n_starts_of(1) == 1, work(&me));
		ck_assert_int_eq(highest_token(), 2);
	}
END_TEST

START_TEST(who_was_taken_over_from_starts_nothing_any_more)
	{
		add(1, "main");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_GRILLING), turn(&me));
		begin(&other, "other");
		take_over(&other);
		/* Either it is done by now, or the next has only given the
		 * token. */
		CHECK_WITHIN(DEADLINE_MS,
			     _i ? n_starts_of(1) == 1 : highest_token() == 2,
			     work(&other));
		CHECK_WITHIN(DEADLINE_MS,
			     me.n_failed > 0 || n_starts_of(1) == 1,
			     (work(&me), work(&other)));
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_DONE),
			     (work(&me), work(&other), end_toastings()));
		ck_assert_int_eq(n_starts(), 1);
		ck_assert_str_eq(story_of(&other, 1), "grilling done");
	}
END_TEST

static enum cook_state state_of(const struct who *who)
{
	ck_assert_uint_ge(who->kitchen.n_cooks, 1);
	return who->kitchen.cooks[0].state;
}

START_TEST(a_start_that_comes_late_is_shut_out_by_the_next_ones_token)
	{
		add(1, "main");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_GRILLING), turn(&me));
		begin(&other, "other");
		take_over(&other);
		/* It has fenced and read, and cannot start yet. */
		next_start(GRILL_FAKE_AWAY, 1);
		CHECK_WITHIN(DEADLINE_MS,
			     other.kitchen.n_cooks &&
				     state_of(&other) == COOK_WAITING,
			     work(&other));
		acknowledge(&me);
		ck_assert_int_eq(state_of(&me), COOK_STARTING);
		CHECK_WITHIN(DEADLINE_MS, state_of(&me) != COOK_STARTING,
			     turn(&me));
		ck_assert_int_eq(n_starts(), 0);
		CHECK_WITHIN(DEADLINE_MS, n_starts() == 1, work(&other));
	}
END_TEST

START_TEST(a_first_tick_that_fails_makes_nothing_uncertain)
	{
		start_one(1);
		begin(&other, "other");
		take_over(&other);
		take_over(&me);
		/* It is no holder, and has something to change: told rows. */
		TICK_ADD(other.kitchen.next, told) =
			(struct tick_told){ id_of(1), 1 };
		turn(&other);
		ck_assert_int_eq(other.n_failed, 1);
		take_over(&other);
		end_toastings();
		CHECK_WITHIN(DEADLINE_MS, !is_in(1, ROW_GRILLING),
			     work(&other));
		ck_assert(is_in(1, ROW_DONE));
	}
END_TEST

START_TEST(acknowledgements_of_what_was_forgotten_start_nothing)
	{
		add(1, "main");
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_GRILLING), turn(&me));
		kitchen_forget(&me.kitchen);
		acknowledge(&me);
		kitchen_turn(&me.kitchen, clock_now_ms());
		ck_assert_int_eq(n_starts(), 0);
		ck_assert_uint_eq(me.kitchen.next->n_told, 0);
	}
END_TEST

/* ---- grills come and go ---- */

static void disable(const char *where)
{
	char sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "UPDATE control.grills SET enabled = false WHERE %s",
		       where);
	postgres_exec(db, sql);
}

START_TEST(a_grill_taken_out_in_the_moment_of_a_claim_gives_it_back)
	{
		work_a_while(&me);
		ck_assert_uint_eq(me.kitchen.grills.n, 2);
		add(1, "main");
		disable("true");
		me.kitchen.list_at_ms = 0;
		me.kitchen.maybe_queued = true;
		run_tick(&me);
		ck_assert(is_in(1, ROW_GRILLING));
		acknowledge(&me);
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_QUEUED), work(&me));
		ck_assert_int_eq(n_starts(), 0);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

START_TEST(the_last_grill_can_be_taken_out_too)
	{
		work_a_while(&me);
		disable("true");
		CHECK_WITHIN(DEADLINE_MS, me.kitchen.grills.n == 0, work(&me));
		add(1, "main");
		ck_assert_int_eq(n_starts(), 0);
		postgres_exec(db, "UPDATE control.grills SET enabled = true");
		CHECK_WITHIN(DEADLINE_MS, n_starts_of(1) == 1, work(&me));
	}
END_TEST

START_TEST(a_grill_that_is_taken_out_finishes_what_is_on_it)
	{
		start_one(1);
		disable("true");
		CHECK_WITHIN(DEADLINE_MS, !me.kitchen.grills.list[0]->enabled,
			     work(&me));
		end_toastings();
		CHECK_WITHIN(DEADLINE_MS, is_in(1, ROW_DONE), work(&me));
		CHECK_WITHIN(DEADLINE_MS, me.kitchen.grills.n == 0, work(&me));
	}
END_TEST

/* ---- all of it at once ---- */

enum { N_ORDERS = 60, N_MISHAPS = 400 };

static uint32_t chance(uint32_t *random, uint32_t n)
{
	*random = *random * 1664525 + 1013904223;
	return (*random >> 8) % n;
}

/* No plate loses its history: that is for a person. */
static void mishap(uint32_t *random)
{
	static const enum grill_fake_end ends[] = {
		GRILL_FAKE_AWAY,
		GRILL_FAKE_REFUSES,
		GRILL_FAKE_LOSES,
		GRILL_FAKE_SILENT,
	};
	enum grill_fake_call call = chance(random, 3);

	switch (chance(random, 20)) {
	case 0:
	case 1:
	case 2:
		grill_fake_next(fakes[chance(random, N_GRILLS)], call,
				ends[chance(random, 4)], 1);
		return;
	case 3:
		take_over(&me);
		return;
	case 4:
		take_over(&other);
		return;
	case 5:
		kitchen_forget(&me.kitchen);
		return;
	default:
		end_toastings();
		return;
	}
}

static bool all_over(void)
{
	return postgres_number(
		       url,
		       "SELECT count(*) FROM toasties WHERE state IN"
		       " ('queued', 'grilling') OR published_seq < seq") == 0;
}

START_TEST(whatever_happens_an_order_is_on_a_plate_once_or_given_back)
	{
		uint32_t random = (uint32_t)_i + 11;

		begin(&other, "other");
		take_over(&other);
		for (int n = 1; n <= N_ORDERS; n++)
			add(n, "main");
		for (int i = 0; i < N_MISHAPS; i++) {
			mishap(&random);
			turn(&me);
			if (chance(&random, 3))
				acknowledge(&me);
			turn(&other);
			if (chance(&random, 3))
				acknowledge(&other);
		}
		for (int i = 0; i < N_GRILLS; i++)
			for (int call = GRILL_FAKE_READ;
			     call <= GRILL_FAKE_START; call++)
				grill_fake_next(fakes[i],
						(enum grill_fake_call)call,
						GRILL_FAKE_WELL, 0);
		take_over(&me);
		CHECK_WITHIN(2 * DEADLINE_MS, all_over(),
			     (work(&me), end_toastings()));
		for (int n = 1; n <= N_ORDERS; n++) {
			ck_assert_int_le(n_starts_of(n), 1);
			ck_assert_int_eq(n_starts_of(n), is_in(n, ROW_DONE));
			ck_assert(is_in(n, ROW_DONE) || is_in(n, ROW_RETURNED));
		}
		ck_assert_int_gt(n_starts(), N_ORDERS / 2);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

static void add_doubts(TCase *tcase)
{
	tcase_add_loop_test(tcase,
			    after_a_doubtful_start_it_is_on_the_plate_once, 0,
			    CHECK_N(doubts));
	tcase_add_test(tcase, a_plate_that_was_reset_leaves_it_to_a_person);
	tcase_add_test(tcase,
		       a_plate_that_cannot_fence_leaves_doubt_to_a_person);
	tcase_add_test(tcase, what_was_cut_short_is_failed);
	tcase_add_test(tcase,
		       a_plate_that_is_broken_is_left_and_another_one_taken);
	tcase_add_test(tcase,
		       a_grill_that_is_away_loses_its_toasties_to_the_others);
	tcase_add_test(
		tcase,
		a_grill_that_falls_silent_keeps_the_plate_and_a_person_decides);
}

static void add_take_overs(TCase *tcase)
{
	tcase_add_test(tcase,
		       who_forgets_everything_finds_it_on_the_plates_again);
	tcase_add_test(tcase,
		       what_was_claimed_and_not_started_is_started_by_the_next);
	tcase_add_loop_test(
		tcase, who_was_taken_over_from_starts_nothing_any_more, 0, 2);
	tcase_add_test(
		tcase,
		a_start_that_comes_late_is_shut_out_by_the_next_ones_token);
	tcase_add_test(tcase, a_first_tick_that_fails_makes_nothing_uncertain);
	tcase_add_test(tcase,
		       acknowledgements_of_what_was_forgotten_start_nothing);
}

int main(void)
{
	Suite *suite = suite_create("kitchen");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_toastie_goes_from_the_queue_over_a_plate);
	tcase_add_test(tcase,
		       nothing_is_started_before_its_fact_is_acknowledged);
	tcase_add_test(tcase, as_many_are_on_plates_as_there_are_plates);
	tcase_add_test(tcase, a_demo_toastie_is_done_and_no_grill_hears_of_it);
	tcase_add_test(tcase,
		       a_row_that_intake_committed_is_told_and_claimed_at_once);
	add_doubts(tcase);
	add_take_overs(tcase);
	tcase_add_test(
		tcase,
		a_grill_taken_out_in_the_moment_of_a_claim_gives_it_back);
	tcase_add_test(tcase, the_last_grill_can_be_taken_out_too);
	tcase_add_test(tcase, a_grill_that_is_taken_out_finishes_what_is_on_it);
	tcase_add_loop_test(
		tcase,
		whatever_happens_an_order_is_on_a_plate_once_or_given_back, 0,
		2);
	return postgres_run(suite);
}
