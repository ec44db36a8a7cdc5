/* SPDX-License-Identifier: MIT */
/*
 * Sql tick: against a real server with the migrations applied. Two workers
 * are two sessions that hold different partitions.
 */
#include "workers/jafflr/sql.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/postgres_fixture.h"
#include "workers/jafflr/grill.h"

#define TIMEOUT_MS POSTGRES_TIMEOUT_MS
enum { N_PLATES = 4, HELD_MAX = 4 };
#define NOW_MS INT64_C(1800000000000)

/* A worker: its session, what it holds, its statements, its tick. */
struct who {
	struct pg *pg;
	struct identity identity;
	struct positions *taken;
	struct held_position rows[HELD_MAX];
	struct worker_held held;
	struct sql sql;
	struct tick tick;
};

static const char *url;
static struct pg *db; /* what a test looks at and changes by hand */
static struct who me, other;

static void take_over(struct who *who, int32_t first_partition)
{
	struct position_key keys[] = { { 0, first_partition },
				       { 0, first_partition + 1 } };
	int r = positions_take(who->pg, &who->identity, keys, 2, who->taken);

	ck_assert_msg(!r, "%s", pg_message(who->pg));
	ck_assert_uint_le(who->taken->n_rows, HELD_MAX);
	for (size_t i = 0; i < who->taken->n_rows; i++) {
		const struct position *row = &who->taken->rows[i];

		who->rows[i] = (struct held_position){
			.partition = row->partition,
			.lane = who->taken->lanes.lanes[row->lane].name,
			.epoch = row->epoch,
		};
	}
	who->held = (struct worker_held){
		.identity = &who->identity,
		.lanes = &who->taken->lanes,
		.positions = who->rows,
		.n_positions = who->taken->n_rows,
	};
}

static void begin(struct who *who, const char *name, int32_t first_partition)
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

static void end(struct who *who)
{
	sql_deinit(&who->sql);
	tick_deinit(&who->tick);
	if (who->taken)
		lanes_deinit(&who->taken->lanes);
	free(who->taken);
	who->taken = NULL;
	who->pg = pg_free(who->pg);
}

static void setup(void)
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

static void teardown(void)
{
	end(&me);
	end(&other);
	db = pg_free(db);
}

static char main_stall[] = "main";
static char *const only_main[] = { main_stall };

/* ---- rows ---- */

struct toast {
	int n; /* the last byte of its id */
	int partition;
	const char *stall, *state;
	const char *doneness;
};

/* Queued one after the other; clocks said what its number says. */
static void add(struct toast toast)
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

static struct order_id id_of(int n)
{
	return (struct order_id){ .bytes = { [15] = (uint8_t)(n / 10 * 16 +
							      n % 10) } };
}

/* A column of one toastie, or of its open intent. */
static int64_t look(int n, const char *what)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM toasties t LEFT JOIN intents i"
		       " ON i.order_id = t.order_id AND i.closed_at IS NULL"
		       " WHERE t.number = %d",
		       what, n);
	return postgres_number(url, sql);
}

static bool is_in(int n, enum row_state state)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "(t.state = '%s')::int",
		       row_state_name(state));
	return look(n, sql) == 1;
}

static int64_t count(const char *sql)
{
	return postgres_number(url, sql);
}

static int64_t n_open(void)
{
	return count("SELECT count(*) FROM intents WHERE closed_at IS NULL");
}

/* ---- ticks ---- */

static void offer(struct who *who, int plate)
{
	TICK_ADD(&who->tick, plates) = (struct tick_plate){
		.grill = "g1",
		.plate = plate,
		.boot = (uint32_t)plate + 100,
	};
}

static int try(struct who *who)
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

static void run(struct who *who)
{
	int r = try(who);

	ck_assert_msg(!r, "%s", pg_message(who->pg));
}

static const struct tick_row *row_of(const struct who *who, int n)
{
	for (size_t i = 0; i < who->tick.n_rows; i++)
		if (who->tick.rows[i].row.number == n)
			return &who->tick.rows[i];
	ck_abort_msg("toastie %d did not come out", n);
	return NULL;
}

/* The one toastie that a plate was claimed for. */
static struct tick_row claim(struct who *who, int plate)
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

static void finish(struct who *who, const struct tick_row *claimed,
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

/* ---- claiming ---- */

START_TEST(a_queued_toastie_gets_a_free_plate_an_intent_and_a_token)
	{
		const struct tick_row *row;

		add((struct toast){ .n = 1 });
		offer(&me, 2);
		run(&me);
		ck_assert_uint_eq(me.tick.n_claimed, 1);
		ck_assert_uint_eq(me.tick.n_rows, 1);
		row = row_of(&me, 1);
		ck_assert_int_eq(row->kind, TICK_CLAIMED);
		ck_assert_int_eq(row->row.state, ROW_GRILLING);
		ck_assert_int_eq(row->row.seq, 2);
		ck_assert(text_equal(row->row.grill, TEXT("g1")));
		ck_assert_int_eq(row->row.plate, 2);
		ck_assert_int_eq(row->row.changed_at_ms, NOW_MS);
		ck_assert_uint_eq(row->token, 1);
		ck_assert_int_eq(row->boot, 102);
		ck_assert(!row->told);
		ck_assert(is_in(1, ROW_GRILLING));
		ck_assert_int_eq(look(1, "t.seq"), 2);
		ck_assert_int_eq(look(1, "t.published_seq"), 1);
		ck_assert_int_eq(look(1, "i.intent_id"), row->intent_id);
		ck_assert_int_eq(look(1, "i.boot"), 102);
		ck_assert_int_eq(count("SELECT token FROM control.plates"
				       " WHERE plate = 2"),
				 1);
	}
END_TEST

static const struct {
	const char *doneness;
	int64_t time_ms;
} times[] = {
	{ "light", 1000 },
	{ "medium", 2000 },
	{ "well-done", 5000 },
	{ "burnt", 10000 },
};

START_TEST(how_it_is_wanted_says_how_long_it_is_grilled)
	{
		struct tick_row row;

		add((struct toast){ .n = 1, .doneness = times[_i].doneness });
		row = claim(&me, 0);
		ck_assert_int_eq(row.time_ms, times[_i].time_ms);
		ck_assert_int_eq(look(1, "i.time_ms"), times[_i].time_ms);
	}
END_TEST

START_TEST(what_came_first_goes_first_whatever_the_clocks_said)
	{
		add((struct toast){ .n = 9 });
		add((struct toast){ .n = 3 });
		add((struct toast){ .n = 5 });
		ck_assert_int_eq(claim(&me, 0).row.number, 9);
		ck_assert_int_eq(claim(&me, 1).row.number, 3);
		ck_assert_int_eq(claim(&me, 2).row.number, 5);
	}
END_TEST

START_TEST(what_goes_back_to_the_queue_keeps_its_place)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		claimed = claim(&me, 0);
		finish(&me, &claimed, ROW_QUEUED, false);
		ck_assert_int_eq(claim(&me, 1).row.number, 1);
		ck_assert_int_eq(claim(&me, 2).row.number, 2);
	}
END_TEST

/* Rows of before the numbers came. */
START_TEST(what_has_no_number_goes_before_all_that_have_one)
	{
		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		postgres_exec(db, "UPDATE toasties SET queue_number = NULL"
				  " WHERE number = 2");
		ck_assert_int_eq(claim(&me, 0).row.number, 2);
	}
END_TEST

START_TEST(a_plate_with_an_open_intent_is_not_given_again)
	{
		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2, .partition = 2 });
		(void)claim(&me, 0);
		offer(&other, 0);
		run(&other);
		ck_assert_uint_eq(other.tick.n_rows, 0);
		ck_assert(is_in(2, ROW_QUEUED));
		ck_assert_int_eq(claim(&other, 1).row.number, 2);
	}
END_TEST

START_TEST(a_plate_that_is_out_of_use_is_not_given)
	{
		add((struct toast){ .n = 1 });
		postgres_exec(db, "UPDATE control.plates SET out_since = now()"
				  " WHERE plate = 0");
		offer(&me, 0);
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

START_TEST(what_another_has_under_lock_is_passed_over_without_a_wait)
	{
		int64_t began_ms = clock_now_ms();

		add((struct toast){ .n = 1 });
		postgres_exec(
			db, "BEGIN; SELECT FROM control.plates WHERE plate = 0"
			    " FOR UPDATE");
		offer(&me, 0);
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		ck_assert_int_lt(clock_now_ms() - began_ms, 5000);
		postgres_exec(db, "ROLLBACK");
		ck_assert_int_eq(claim(&me, 0).row.number, 1);
	}
END_TEST

START_TEST(rows_of_partitions_that_are_not_held_are_left_alone)
	{
		add((struct toast){ .n = 1, .partition = 2 });
		add((struct toast){ .n = 2, .partition = 7 });
		for (int plate = 0; plate < N_PLATES; plate++)
			offer(&me, plate);
		me.tick.look = true;
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		ck_assert_uint_eq(me.tick.n_stalls, 0);
	}
END_TEST

START_TEST(rows_of_another_colours_lane_are_left_alone)
	{
		postgres_exec(
			db,
			"INSERT INTO control.lanes (service, lane, parent, "
			"kind,"
			" names, colour) VALUES ('jafflr', 'beach', 'stable',"
			" 'stalls', '{beach}', 'green');"
			"INSERT INTO positions (service, lane, topic, "
			"partition,"
			" colour) SELECT 'jafflr', 'beach', 'picks', p, 'green'"
			" FROM generate_series(0, 11) AS p");
		take_over(&me, 0);
		add((struct toast){ .n = 1, .stall = "beach" });
		add((struct toast){ .n = 2, .stall = "main" });
		offer(&me, 0);
		offer(&me, 1);
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 1);
		ck_assert_int_eq(me.tick.rows[0].row.number, 2);
		ck_assert(is_in(1, ROW_QUEUED));
	}
END_TEST

/* A lane of another colour, whose rows fill every LIMIT. */
static void add_beach(int n)
{
	char sql[1024];

	postgres_exec(db,
		      "INSERT INTO control.lanes (service, lane, parent, kind,"
		      " names, colour) VALUES ('jafflr', 'gita', 'stable',"
		      " 'customers', '{gita}', 'green');"
		      "INSERT INTO positions (service, lane, topic, partition,"
		      " colour) SELECT 'jafflr', 'gita', 'picks', p, 'green'"
		      " FROM generate_series(0, 11) AS p");
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO toasties (order_id, number, stall,"
		       " customer, doneness, state, seq, lines, partition,"
		       " \"offset\", bucket, changed_at) SELECT"
		       " gen_random_uuid(), 1000 + n, 'main', 'gita', 'light',"
		       " 'queued', 1, 1, 0, n, 0, now()"
		       " FROM generate_series(1, %d) AS n",
		       n);
	postgres_exec(db, sql);
	take_over(&me, 0);
}

START_TEST(rows_of_another_lane_hide_none_of_ours)
	{
		add_beach(6000);
		add((struct toast){ .n = 1 });
		postgres_exec(db, "UPDATE toasties SET seq = 2"
				  " WHERE number = 1");
		offer(&me, 0);
		me.tick.look = true;
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 2);
		ck_assert_int_eq(me.tick.rows[0].kind, TICK_UNTOLD);
		ck_assert_int_eq(me.tick.rows[0].row.number, 1);
		ck_assert_int_eq(me.tick.rows[1].kind, TICK_CLAIMED);
		ck_assert_int_eq(me.tick.rows[1].row.number, 1);
		ck_assert_uint_eq(me.tick.n_stalls, 1);
		ck_assert_int_eq(me.tick.stalls[0].n, 1);
	}
END_TEST

START_TEST(a_long_queue_of_one_stall_hides_no_other_and_is_counted_so_far)
	{
		for (int n = 1; n <= 40; n++)
			add((struct toast){ .n = n, .stall = "west" });
		add((struct toast){ .n = 41, .stall = "main" });
		add((struct toast){ .n = 42, .stall = "demo-1" });
		me.tick.look = true;
		me.tick.queue_max = 10;
		TICK_ADD(&me.tick, plates) = (struct tick_plate){
			.grill = "g1",
			.stalls = only_main,
			.n_stalls = 1,
		};
		me.tick.now_ms = NOW_MS;
		ck_assert_int_eq(sql_tick(&me.sql, me.pg, &me.held, &me.tick),
				 0);
		ck_assert_int_eq(row_of(&me, 41)->kind, TICK_CLAIMED);
		ck_assert_int_eq(row_of(&me, 42)->kind, TICK_FINISHED);
		ck_assert_uint_eq(me.tick.n_stalls, 3);
		ck_assert(text_equal(me.tick.stalls[0].stall, TEXT("west")));
		ck_assert_int_eq(me.tick.stalls[0].n, 11);
	}
END_TEST

START_TEST(
	a_row_that_is_on_a_plate_whatever_its_state_keeps_no_plate_from_others)
	{
		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		(void)claim(&me, 0);
		postgres_exec(db, "UPDATE toasties SET state = 'queued'");
		ck_assert_int_eq(claim(&me, 1).row.number, 2);
	}
END_TEST

START_TEST(a_plate_that_is_not_in_the_tables_keeps_nothing_from_one_that_is)
	{
		add((struct toast){ .n = 1 });
		offer(&me, 77);
		offer(&me, 3);
		run(&me);
		ck_assert_int_eq(row_of(&me, 1)->row.plate, 3);
	}
END_TEST

START_TEST(only_what_is_queued_is_claimed)
	{
		static const char *const states[] = {
			"collecting", "cancelled", "grilling", "done",
			"failed",     "uncertain", "returned",
		};

		for (int i = 0; i < CHECK_N(states); i++)
			add((struct toast){ .n = i + 1, .state = states[i] });
		offer(&me, 0);
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

/* ---- two claimers at once ---- */

enum { N_ROUNDS = 40 };

struct claimer {
	struct who *who;
	pthread_barrier_t *barrier;
	size_t n_claimed;
	int r;
};

/* In a thread of its own, where no assertion may fail. */
static void *claim_in_rounds(void *arg)
{
	struct claimer *claimer = arg;

	for (int round = 0; round < N_ROUNDS && !claimer->r; round++) {
		struct tick *tick = &claimer->who->tick;

		tick_reset(tick);
		for (int plate = 0; plate < N_PLATES; plate++)
			offer(claimer->who, plate);
		tick->now_ms = NOW_MS;
		(void)pthread_barrier_wait(claimer->barrier);
		claimer->r = sql_tick(&claimer->who->sql, claimer->who->pg,
				      &claimer->who->held, tick);
		for (size_t i = 0; !claimer->r && i < tick->n_rows; i++)
			claimer->n_claimed +=
				tick->rows[i].kind == TICK_CLAIMED;
		(void)pthread_barrier_wait(claimer->barrier);
	}
	return NULL;
}

static void free_all_plates(void)
{
	postgres_exec(db, "UPDATE intents SET closed_at = now()"
			  " WHERE closed_at IS NULL;"
			  "UPDATE toasties SET state = 'queued'");
}

START_TEST(of_two_claimers_at_once_a_plate_is_one_s)
	{
		pthread_barrier_t barrier;
		struct claimer claimers[] = {
			{ .who = &me, .barrier = &barrier },
			{ .who = &other, .barrier = &barrier }
		};
		pthread_t threads[2];

		for (int n = 1; n <= N_PLATES * 2; n++)
			add((struct toast){ .n = n, .partition = n % 2 * 2 });
		(void)pthread_barrier_init(&barrier, NULL, 3);
		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL,
							claim_in_rounds,
							&claimers[i]),
					 0);
		for (int round = 0; round < N_ROUNDS; round++) {
			(void)pthread_barrier_wait(&barrier);
			(void)pthread_barrier_wait(&barrier);
			/* Nobody is at work now. */
			ck_assert_int_eq(claimers[0].r, 0);
			ck_assert_int_eq(claimers[1].r, 0);
			ck_assert_int_eq(n_open(),
					 (int64_t)(claimers[0].n_claimed +
						   claimers[1].n_claimed));
			ck_assert_int_gt(n_open(), 0);
			claimers[0].n_claimed = claimers[1].n_claimed = 0;
			free_all_plates();
		}
		for (int i = 0; i < 2; i++)
			(void)pthread_join(threads[i], NULL);
		(void)pthread_barrier_destroy(&barrier);
		/* No token was given out twice. */
		ck_assert_int_eq(count("SELECT count(*) - count(DISTINCT"
				       " (grill, plate, token)) FROM intents"),
				 0);
	}
END_TEST

/* ---- ends ---- */

START_TEST(what_is_done_is_told_and_frees_its_plate)
	{
		struct tick_row claimed;
		const struct tick_row *row;

		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		claimed = claim(&me, 0);
		finish(&me, &claimed, ROW_DONE, false);
		row = row_of(&me, 1);
		ck_assert_int_eq(row->kind, TICK_FINISHED);
		ck_assert_int_eq(row->row.state, ROW_DONE);
		ck_assert_int_eq(row->row.seq, 3);
		ck_assert_ptr_null(row->row.reason.p);
		ck_assert(is_in(1, ROW_DONE));
		ck_assert_int_eq(n_open(), 0);
		ck_assert_int_eq(count("SELECT count(*) FROM intents"
				       " WHERE outcome = 'done'"),
				 1);
		ck_assert_int_eq(claim(&me, 0).row.number, 2);
	}
END_TEST

START_TEST(what_could_not_be_started_is_tried_on_so_many_plates_then_returned)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		for (int plate = 0; plate < 2; plate++) {
			claimed = claim(&me, plate);
			finish(&me, &claimed, ROW_QUEUED, false);
			ck_assert_int_eq(row_of(&me, 1)->row.state, ROW_QUEUED);
			ck_assert(is_in(1, ROW_QUEUED));
		}
		claimed = claim(&me, 2);
		finish(&me, &claimed, ROW_QUEUED, false);
		ck_assert_int_eq(row_of(&me, 1)->row.state, ROW_RETURNED);
		ck_assert(text_equal(row_of(&me, 1)->row.reason, TEXT("why")));
		ck_assert(is_in(1, ROW_RETURNED));
		ck_assert_int_eq(look(1, "t.seq"), 7);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

/* Cancelled before its plate was given up, or while it is uncertain. */
START_TEST(what_is_cancelled_and_goes_back_to_the_queue_is_returned)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		if (_i)
			finish(&me, &claimed, ROW_UNCERTAIN, true);
		postgres_exec(db, "UPDATE toasties SET cancelled = true");
		finish(&me, &claimed, ROW_QUEUED, false);
		ck_assert_int_eq(row_of(&me, 1)->row.state, ROW_RETURNED);
		ck_assert(text_equal(row_of(&me, 1)->row.reason,
				     TEXT("cancelled")));
		ck_assert(is_in(1, ROW_RETURNED));
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

START_TEST(what_is_cancelled_and_was_grilled_is_done)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		postgres_exec(db, "UPDATE toasties SET cancelled = true");
		finish(&me, &claimed, ROW_DONE, false);
		ck_assert(is_in(1, ROW_DONE));
		ck_assert_ptr_null(row_of(&me, 1)->row.reason.p);
	}
END_TEST

START_TEST(how_long_a_toastie_has_waited_comes_with_its_end)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		postgres_exec(db, _i ? "UPDATE toasties SET queued_at = NULL"
				     : "UPDATE toasties SET queued_at ="
				       " now() - interval '90 s'");
		finish(&me, &claimed, ROW_DONE, false);
		if (_i) {
			ck_assert_int_eq(row_of(&me, 1)->waited_ms, -1);
			return;
		}
		ck_assert_int_ge(row_of(&me, 1)->waited_ms, 90000);
		ck_assert_int_lt(row_of(&me, 1)->waited_ms, 150000);
	}
END_TEST

START_TEST(a_plate_that_is_kept_is_nobody_elses_until_that_is_settled)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		claimed = claim(&me, 0);
		finish(&me, &claimed, ROW_UNCERTAIN, true);
		ck_assert(is_in(1, ROW_UNCERTAIN));
		ck_assert_int_eq(n_open(), 1);
		tick_reset(&me.tick);
		offer(&me, 0);
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		finish(&me, &claimed, _i ? ROW_UNCERTAIN : ROW_DONE, false);
		ck_assert(is_in(1, _i ? ROW_UNCERTAIN : ROW_DONE));
		ck_assert_int_eq(look(1, "t.seq"), 4);
		ck_assert_int_eq(n_open(), 0);
		ck_assert_int_eq(claim(&me, 0).row.number, 2);
	}
END_TEST

START_TEST(what_a_person_has_resolved_is_not_settled_again)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		finish(&me, &claimed, ROW_UNCERTAIN, true);
		postgres_exec(db, "UPDATE intents SET closed_at = now()");
		if (_i)
			postgres_exec(db,
				      "UPDATE toasties SET state = 'failed'");
		finish(&me, &claimed, ROW_DONE, false);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		ck_assert(is_in(1, _i ? ROW_FAILED : ROW_UNCERTAIN));
	}
END_TEST

START_TEST(what_a_person_has_resolved_is_not_finished_again)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		postgres_exec(
			db, "UPDATE toasties SET state = 'returned', seq = 9");
		finish(&me, &claimed, ROW_DONE, false);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		ck_assert(is_in(1, ROW_RETURNED));
		ck_assert_int_eq(look(1, "t.seq"), 9);
	}
END_TEST

START_TEST(an_end_that_is_said_twice_counts_once)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		finish(&me, &claimed, ROW_DONE, false);
		finish(&me, &claimed, ROW_FAILED, false);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		ck_assert(is_in(1, ROW_DONE));
		ck_assert_int_eq(look(1, "t.seq"), 3);
	}
END_TEST

START_TEST(a_plate_that_one_tick_frees_is_given_in_the_same_tick_or_later)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		claimed = claim(&me, 0);
		TICK_ADD(&me.tick, finish) = (struct tick_finish){
			.order_id = claimed.row.order_id,
			.intent_id = claimed.intent_id,
			.state = ROW_DONE,
		};
		offer(&me, 0);
		offer(&me, 1);
		run(&me);
		ck_assert_int_eq(row_of(&me, 1)->kind, TICK_FINISHED);
		ck_assert_int_eq(row_of(&me, 2)->kind, TICK_CLAIMED);
		ck_assert_int_eq(n_open(), 1);
	}
END_TEST

/* ---- what was told ---- */

static const struct {
	int64_t seqs[3];
	int64_t published_seq;
} tellings[] = {
	{ { 2, 2, 2 }, 2 }, { { 2, 3, 4 }, 4 },  { { 4, 3, 2 }, 4 },
	{ { 5, 2, 5 }, 5 }, { { 6, 7, 99 }, 0 }, { { 0, 0, 0 }, 1 },
};

START_TEST(what_was_told_rises_and_never_above_what_there_is)
	{
		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		postgres_exec(db, "UPDATE toasties SET seq = 5");
		for (int i = 0; i < 3; i++)
			TICK_ADD(&me.tick, told) =
				(struct tick_told){ id_of(1),
						    tellings[_i].seqs[i] };
		TICK_ADD(&me.tick, told) = (struct tick_told){ id_of(77), 1 };
		run(&me);
		ck_assert_int_eq(look(1, "t.published_seq"),
				 tellings[_i].published_seq
					 ? tellings[_i].published_seq
					 : 1);
		ck_assert_int_eq(look(1, "t.seq"), 5);
		ck_assert_int_eq(look(2, "t.published_seq"), 1);
	}
END_TEST

START_TEST(what_was_told_earlier_takes_nothing_back)
	{
		add((struct toast){ .n = 1 });
		postgres_exec(db,
			      "UPDATE toasties SET seq = 5, published_seq = 4");
		TICK_ADD(&me.tick, told) = (struct tick_told){ id_of(1), 3 };
		run(&me);
		ck_assert_int_eq(look(1, "t.published_seq"), 4);
	}
END_TEST

START_TEST(rows_that_are_not_told_are_found_where_they_are_held)
	{
		for (int n = 1; n <= 4; n++)
			add((struct toast){ .n = n, .partition = n / 3 * 2 });
		postgres_exec(db,
			      "UPDATE toasties SET seq = 2 WHERE number <> 1");
		me.tick.look = true;
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 1);
		ck_assert_int_eq(me.tick.rows[0].kind, TICK_UNTOLD);
		ck_assert_int_eq(me.tick.rows[0].row.number, 2);
		ck_assert_int_eq(me.tick.rows[0].row.seq, 2);
		ck_assert(me.tick.looked);
		ck_assert_uint_eq(me.tick.n_stalls, 1);
		ck_assert(text_equal(me.tick.stalls[0].stall, TEXT("main")));
		ck_assert_int_eq(me.tick.stalls[0].n, 2);
		other.tick.look = true;
		run(&other);
		ck_assert_uint_eq(other.tick.n_rows, 2);
	}
END_TEST

START_TEST(without_a_look_nothing_is_looked_for)
	{
		add((struct toast){ .n = 1 });
		postgres_exec(db, "UPDATE toasties SET seq = 2");
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 0);
		ck_assert(!me.tick.looked);
	}
END_TEST

/* ---- tokens ---- */

START_TEST(each_raise_gives_a_higher_token_of_that_plate)
	{
		struct tick_row first, second;
		uint32_t last = 1;

		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		first = claim(&me, 0);
		second = claim(&me, 1);
		for (int i = 0; i < 5; i++) {
			tick_reset(&me.tick);
			TICK_ADD(&me.tick, raise) = (struct tick_raise){
				.tag = 7, .intent_id = first.intent_id
			};
			run(&me);
			ck_assert(me.tick.raise[0].done);
			ck_assert_uint_eq(me.tick.raise[0].tag, 7);
			ck_assert_uint_gt(me.tick.raise[0].token, last);
			last = me.tick.raise[0].token;
			ck_assert_int_eq(look(1, "i.token"), last);
		}
		ck_assert_int_eq(look(2, "i.token"), second.token);
		finish(&me, &first, ROW_QUEUED, false);
		ck_assert_uint_gt(claim(&me, 0).token, last);
	}
END_TEST

START_TEST(several_plates_are_raised_each_for_itself)
	{
		struct tick_row rows[3];

		for (int n = 0; n < 3; n++) {
			add((struct toast){ .n = n + 1 });
			rows[n] = claim(&me, n);
		}
		for (int n = 0; n < 3; n++)
			TICK_ADD(&me.tick, raise) = (struct tick_raise){
				.intent_id = rows[2 - n].intent_id
			};
		run(&me);
		for (int n = 0; n < 3; n++) {
			ck_assert(me.tick.raise[n].done);
			ck_assert_uint_eq(me.tick.raise[n].token,
					  rows[2 - n].token + 1);
		}
	}
END_TEST

/* The table's token, what the plate has seen, and what is given out. */
static const struct {
	int64_t table, token;
	uint32_t seen;
} rises[] = {
	{ 7, 8, 0 },
	{ 7, 8, 7 },
	{ 7, 9, 8 },
	{ 0, 1000001, 1000000 },
	{ 4294967293, 4294967294, 0 },
	{ 0, 4294967294, 4294967293 },
	/* The last one is for nobody. */
	{ 4294967294, 4294967295, 0 },
	{ 0, 4294967295, 4294967294 },
	{ 0, 4294967295, 4294967295 },
	{ 4294967295, 4294967295, 0 },
};

static void set_token(int64_t token)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql),
		       "UPDATE control.plates SET token = %" PRId64, token);
	postgres_exec(db, sql);
}

static bool is_out(void)
{
	return count("SELECT count(*) FROM control.plates WHERE plate = 0"
		     " AND out_since IS NOT NULL"
		     " AND out_reason = 'it has had its last token'") == 1;
}

START_TEST(a_token_rises_above_what_the_plate_has_seen_and_not_beyond_the_last)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		set_token(rises[_i].table);
		TICK_ADD(&me.tick, raise) = (struct tick_raise){
			.intent_id = claimed.intent_id,
			.seen = rises[_i].seen,
		};
		run(&me);
		ck_assert(me.tick.raise[0].done);
		ck_assert_int_eq(me.tick.raise[0].token, rises[_i].token);
		ck_assert_int_eq(look(1, "i.token"), rises[_i].token);
		ck_assert(is_out() == (rises[_i].token == GRILL_TOKEN_LAST));
	}
END_TEST

START_TEST(a_claim_is_above_what_the_plate_has_seen_or_there_is_none)
	{
		add((struct toast){ .n = 1 });
		set_token(rises[_i].table);
		offer(&me, 0);
		me.tick.plates[0].token = rises[_i].seen;
		run(&me);
		ck_assert_int_eq(count("SELECT token FROM control.plates"
				       " WHERE plate = 0"),
				 rises[_i].token);
		if (rises[_i].token == GRILL_TOKEN_LAST) {
			ck_assert_uint_eq(me.tick.n_rows, 0);
			ck_assert(is_in(1, ROW_QUEUED));
			ck_assert(is_out());
		} else {
			ck_assert_int_eq(row_of(&me, 1)->token,
					 rises[_i].token);
			ck_assert(!is_out());
		}
	}
END_TEST

START_TEST(for_an_intent_that_is_closed_no_token_is_raised)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		finish(&me, &claimed, ROW_DONE, false);
		tick_reset(&me.tick);
		TICK_ADD(&me.tick, raise) =
			(struct tick_raise){ .intent_id = claimed.intent_id };
		run(&me);
		ck_assert(!me.tick.raise[0].done);
		ck_assert_int_eq(count("SELECT token FROM control.plates"
				       " WHERE plate = 0"),
				 1);
	}
END_TEST

START_TEST(a_plate_that_was_removed_has_had_its_last_token)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		postgres_exec(db, "DELETE FROM control.plates;"
				  "DELETE FROM control.grills");
		TICK_ADD(&me.tick, raise) =
			(struct tick_raise){ .intent_id = claimed.intent_id };
		run(&me);
		ck_assert(me.tick.raise[0].done);
		ck_assert_uint_eq(me.tick.raise[0].token, GRILL_TOKEN_LAST);
	}
END_TEST

/* ---- what is heard of grills ---- */

static void hear(struct who *who, const char *reason, bool changed)
{
	tick_reset(&who->tick);
	TICK_ADD(&who->tick, health) = (struct tick_health){
		.grill = "g1",
		.reason = reason,
		.changed = changed,
	};
	/* One that is in no table is nobody's. */
	TICK_ADD(&who->tick, health) = (struct tick_health){ .grill = "g9" };
	run(who);
}

/* A condition on the one grill that there is. */
static bool grill_is(const char *what)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM control.grills WHERE %s", what);
	return count(sql) == 1;
}

START_TEST(what_is_heard_of_a_grill_stands_beside_its_address)
	{
		ck_assert(grill_is("seen_at IS NULL"));
		hear(&me, NULL, true);
		ck_assert(grill_is("seen_at > now() - interval '1 min'"
				   " AND silent_since IS NULL"));
		hear(&me, "away", true);
		ck_assert(grill_is("silent_since >= seen_at"
				   " AND silent_reason = 'away'"));
		postgres_exec(db, "UPDATE control.grills SET silent_since ="
				  " 'epoch', seen_at = 'epoch'");
		hear(&me, "still", false);
		ck_assert(grill_is("silent_since = 'epoch'"
				   " AND silent_reason = 'still'"));
		hear(&me, NULL, true);
		ck_assert(grill_is("seen_at > 'epoch' AND silent_since IS NULL"
				   " AND silent_reason IS NULL"));
	}
END_TEST

START_TEST(a_grill_that_another_worker_hears_answers)
	{
		hear(&other, NULL, true);
		hear(&me, "away", false);
		ck_assert(grill_is("silent_since IS NULL"));
		hear(&me, "away", true);
		ck_assert(grill_is("silent_since IS NOT NULL"));
		hear(&other, NULL, false);
		ck_assert(grill_is("silent_since IS NULL"));
	}
END_TEST

START_TEST(nobody_waits_for_who_is_changing_a_grill)
	{
		int64_t began_ms = clock_now_ms();

		postgres_exec(db, "BEGIN; UPDATE control.grills SET unit = 2");
		hear(&me, "away", true);
		postgres_exec(db, "ROLLBACK");
		ck_assert_int_lt(clock_now_ms() - began_ms, 5000);
		ck_assert(grill_is("silent_since IS NULL"));
	}
END_TEST

/* ---- what a person may have put into the tables ---- */

START_TEST(a_list_of_stalls_may_be_of_any_shape_and_a_plate_of_any_number)
	{
		postgres_exec(db, "UPDATE control.grills SET stalls ="
				  " '{{main,NULL},{beach,west}}';"
				  "INSERT INTO control.plates (grill, plate)"
				  " VALUES ('g1', 2147483647)");
		me.tick.list_grills = true;
		run(&me);
		ck_assert_uint_eq(me.tick.n_grills, 1);
		ck_assert_uint_eq(me.tick.grills[0].n_stalls, 3);
		ck_assert(
			text_equal(me.tick.grills[0].stalls[2], TEXT("west")));
		ck_assert_int_gt(me.tick.grills[0].n_plates, 1000);
	}
END_TEST

/* A reason, say, by a person with a long name. */
START_TEST(texts_are_as_long_as_a_fact_may_have_them)
	{
		static const struct {
			const char *text;
			size_t n;
		} texts[] = {
			{ "repeat('x', 8000)", 255 },
			{ "repeat(U&'\\+01F9C0', 255)", 1020 },
			{ "repeat(U&'\\+01F9C0', 256)", 1020 },
			{ "'x' || repeat(U&'\\00DF', 300)", 509 },
			{ "repeat('x', 255)", 255 },
		};
		char sql[256];

		add((struct toast){ .n = 1 });
		(void)snprintf(sql, sizeof(sql),
			       "UPDATE toasties SET seq = 2, customer = %s,"
			       " reason = %s, tracestate = repeat('x', 600)",
			       texts[_i].text, texts[_i].text);
		postgres_exec(db, sql);
		me.tick.look = true;
		run(&me);
		ck_assert_uint_eq(row_of(&me, 1)->row.customer.n, texts[_i].n);
		ck_assert_uint_eq(row_of(&me, 1)->row.reason.n, texts[_i].n);
		ck_assert(text_is_clean(row_of(&me, 1)->row.reason));
		ck_assert_ptr_null(row_of(&me, 1)->row.tracestate.p);
	}
END_TEST

/* ---- adopting ---- */

START_TEST(open_intents_of_what_is_held_are_adopted)
	{
		struct tick_row claimed, theirs;
		const struct tick_row *row;

		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2, .partition = 2 });
		add((struct toast){ .n = 3 });
		claimed = claim(&me, 0);
		theirs = claim(&other, 1);
		me.tick.adopt = true;
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 1);
		row = row_of(&me, 1);
		ck_assert_int_eq(row->kind, TICK_ADOPTED);
		ck_assert_int_eq(row->intent_id, claimed.intent_id);
		ck_assert_uint_eq(row->token, claimed.token);
		ck_assert_int_eq(row->boot, 100);
		ck_assert_int_eq(row->time_ms, 1000);
		ck_assert_int_eq(row->row.plate, 0);
		ck_assert(!row->told);
		/* Whoever gets the partition gets its intents. */
		take_over(&me, 2);
		tick_reset(&me.tick);
		TICK_ADD(&me.tick, told) = (struct tick_told){ id_of(2), 2 };
		run(&me);
		tick_reset(&me.tick);
		me.tick.adopt = true;
		run(&me);
		ck_assert_int_eq(row_of(&me, 2)->intent_id, theirs.intent_id);
		ck_assert(row_of(&me, 2)->told);
	}
END_TEST

START_TEST(what_is_parked_is_adopted_too)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		finish(&me, &claimed, ROW_UNCERTAIN, true);
		tick_reset(&me.tick);
		me.tick.adopt = true;
		run(&me);
		ck_assert_int_eq(row_of(&me, 1)->kind, TICK_ADOPTED);
		ck_assert_int_eq(row_of(&me, 1)->row.state, ROW_UNCERTAIN);
		ck_assert_int_eq(row_of(&me, 1)->intent_id, claimed.intent_id);
		finish(&me, &claimed, ROW_UNCERTAIN, false);
		tick_reset(&me.tick);
		me.tick.adopt = true;
		run(&me);
		ck_assert_uint_eq(me.tick.n_rows, 0);
	}
END_TEST

START_TEST(a_boot_that_was_not_recorded_is_not_known)
	{
		add((struct toast){ .n = 1 });
		(void)claim(&me, 0);
		postgres_exec(db, "UPDATE intents SET boot = NULL");
		me.tick.adopt = true;
		run(&me);
		ck_assert_int_eq(row_of(&me, 1)->boot, -1);
	}
END_TEST

/* ---- a zombie ---- */

START_TEST(a_lost_position_fails_the_whole_tick)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		add((struct toast){ .n = 2 });
		claimed = claim(&me, 0);
		take_over(&other, 1); /* one of the two that we hold */
		TICK_ADD(&me.tick, finish) = (struct tick_finish){
			.order_id = claimed.row.order_id,
			.intent_id = claimed.intent_id,
			.state = ROW_DONE,
		};
		TICK_ADD(&me.tick, told) = (struct tick_told){ id_of(1), 2 };
		offer(&me, 1);
		me.tick.now_ms = NOW_MS;
		me.tick.tries_max = 3;
		ck_assert_int_eq(sql_tick(&me.sql, me.pg, &me.held, &me.tick),
				 PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(me.pg), POSITIONS_LOST);
		postgres_exec(me.pg, "ROLLBACK");
		ck_assert(is_in(1, ROW_GRILLING));
		ck_assert_int_eq(look(1, "t.published_seq"), 1);
		ck_assert(is_in(2, ROW_QUEUED));
		ck_assert_int_eq(n_open(), 1);
		ck_assert_int_eq(
			count("SELECT sum(token)::bigint FROM control.plates"),
			1);
	}
END_TEST

static const struct {
	bool raise, told, claim, demo;
} zombies[] = {
	{ .raise = true },
	{ .told = true },
	{ .claim = true },
	{ .demo = true },
};

START_TEST(whatever_a_zombie_would_change_it_does_not)
	{
		struct tick_row claimed;

		add((struct toast){ .n = 1 });
		claimed = claim(&me, 0);
		add((struct toast){ .n = 2,
				    .stall = zombies[_i].demo ? "demo-1"
							      : "main" });
		take_over(&other, 0);
		if (zombies[_i].raise)
			TICK_ADD(&me.tick, raise) = (struct tick_raise){
				.intent_id = claimed.intent_id
			};
		if (zombies[_i].told)
			TICK_ADD(&me.tick, told) =
				(struct tick_told){ id_of(1), 2 };
		if (zombies[_i].claim)
			offer(&me, 1);
		me.tick.look = zombies[_i].demo;
		ck_assert_int_eq(try(&me), PG_E_SQL);
		ck_assert_int_eq(look(1, "t.published_seq"), 1);
		ck_assert_int_eq(look(1, "i.token"), 1);
		ck_assert(is_in(2, ROW_QUEUED));
		ck_assert_int_eq(n_open(), 1);
	}
END_TEST

/* ---- demo stalls ---- */

START_TEST(a_demo_toastie_is_done_without_a_plate)
	{
		add((struct toast){ .n = 1, .stall = "demo-gita" });
		add((struct toast){ .n = 2 });
		if (_i)
			offer(&me, 0);
		me.tick.look = !_i;
		run(&me);
		ck_assert_int_eq(row_of(&me, 1)->kind, TICK_FINISHED);
		ck_assert_int_eq(row_of(&me, 1)->row.state, ROW_DONE);
		ck_assert_int_eq(row_of(&me, 1)->row.plate, TOASTIE_PLATE_NONE);
		ck_assert(is_in(1, ROW_DONE));
		ck_assert_int_eq(look(1, "t.seq"), 2);
		ck_assert_int_eq(count("SELECT count(*) FROM intents"
				       " JOIN toasties USING (order_id)"
				       " WHERE number = 1"),
				 0);
		ck_assert(is_in(2, _i ? ROW_GRILLING : ROW_QUEUED));
	}
END_TEST

/* ---- which grills there are ---- */

START_TEST(grills_that_are_enabled_and_have_plates_are_listed)
	{
		const struct tick_grill *grill;

		postgres_exec(db,
			      "INSERT INTO control.grills (grill, address, "
			      "unit, stalls,"
			      " enabled) VALUES ('g0', 'h:1', 7, "
			      "'{main,beach}', true),"
			      " ('g2', 'h:2', 1, NULL, false),"
			      " ('g3', 'h:3', 1, NULL, true),"
			      " ('g4', 'h:4', 1, '{}', true);"
			      "INSERT INTO control.plates (grill, plate) VALUES"
			      " ('g0', 0), ('g0', 1), ('g2', 0), ('g4', 5)");
		me.tick.list_grills = true;
		run(&me);
		ck_assert_uint_eq(me.tick.n_grills, 3);
		grill = me.tick.grills;
		ck_assert(text_equal(grill->grill, TEXT("g0")));
		ck_assert(text_equal(grill->address, TEXT("h:1")));
		ck_assert_int_eq(grill->unit, 7);
		ck_assert_int_eq(grill->n_plates, 2);
		ck_assert_uint_eq(grill->n_stalls, 2);
		ck_assert(text_equal(grill->stalls[0], TEXT("main")));
		ck_assert(text_equal(grill->stalls[1], TEXT("beach")));
		grill++;
		ck_assert(text_equal(grill->grill, TEXT("g1")));
		ck_assert_int_eq(grill->n_plates, N_PLATES);
		ck_assert_ptr_null(grill->stalls);
		grill++;
		ck_assert(text_equal(grill->grill, TEXT("g4")));
		ck_assert_int_eq(grill->n_plates, 6);
		ck_assert_ptr_nonnull(grill->stalls);
		ck_assert_uint_eq(grill->n_stalls, 0);
	}
END_TEST

static void add_claims(TCase *tcase)
{
	tcase_add_test(
		tcase,
		a_queued_toastie_gets_a_free_plate_an_intent_and_a_token);
	tcase_add_loop_test(tcase, how_it_is_wanted_says_how_long_it_is_grilled,
			    0, CHECK_N(times));
	tcase_add_test(tcase,
		       what_came_first_goes_first_whatever_the_clocks_said);
	tcase_add_test(tcase, what_goes_back_to_the_queue_keeps_its_place);
	tcase_add_test(tcase, what_has_no_number_goes_before_all_that_have_one);
	tcase_add_test(tcase, a_plate_with_an_open_intent_is_not_given_again);
	tcase_add_test(tcase, a_plate_that_is_out_of_use_is_not_given);
	tcase_add_test(
		tcase,
		what_another_has_under_lock_is_passed_over_without_a_wait);
	tcase_add_test(tcase,
		       rows_of_partitions_that_are_not_held_are_left_alone);
	tcase_add_test(tcase, rows_of_another_colours_lane_are_left_alone);
	tcase_add_test(tcase, rows_of_another_lane_hide_none_of_ours);
	tcase_add_test(
		tcase,
		a_long_queue_of_one_stall_hides_no_other_and_is_counted_so_far);
	tcase_add_test(
		tcase,
		a_row_that_is_on_a_plate_whatever_its_state_keeps_no_plate_from_others);
	tcase_add_test(
		tcase,
		a_plate_that_is_not_in_the_tables_keeps_nothing_from_one_that_is);
	tcase_add_test(tcase, only_what_is_queued_is_claimed);
	tcase_add_test(tcase, of_two_claimers_at_once_a_plate_is_one_s);
}

static void add_ends(TCase *tcase)
{
	tcase_add_test(tcase, what_is_done_is_told_and_frees_its_plate);
	tcase_add_test(
		tcase,
		what_could_not_be_started_is_tried_on_so_many_plates_then_returned);
	tcase_add_loop_test(
		tcase, what_is_cancelled_and_goes_back_to_the_queue_is_returned,
		0, 2);
	tcase_add_test(tcase, what_is_cancelled_and_was_grilled_is_done);
	tcase_add_loop_test(
		tcase, how_long_a_toastie_has_waited_comes_with_its_end, 0, 2);
	tcase_add_loop_test(
		tcase,
		a_plate_that_is_kept_is_nobody_elses_until_that_is_settled, 0,
		2);
	tcase_add_loop_test(
		tcase, what_a_person_has_resolved_is_not_settled_again, 0, 2);
	tcase_add_test(tcase, what_a_person_has_resolved_is_not_finished_again);
	tcase_add_test(tcase, an_end_that_is_said_twice_counts_once);
	tcase_add_test(
		tcase,
		a_plate_that_one_tick_frees_is_given_in_the_same_tick_or_later);
}

static void add_telling(TCase *tcase)
{
	tcase_add_loop_test(tcase,
			    what_was_told_rises_and_never_above_what_there_is,
			    0, CHECK_N(tellings));
	tcase_add_test(tcase, what_was_told_earlier_takes_nothing_back);
	tcase_add_test(tcase,
		       rows_that_are_not_told_are_found_where_they_are_held);
	tcase_add_test(tcase, without_a_look_nothing_is_looked_for);
}

static void add_health(TCase *tcase)
{
	tcase_add_test(tcase,
		       what_is_heard_of_a_grill_stands_beside_its_address);
	tcase_add_test(tcase, a_grill_that_another_worker_hears_answers);
	tcase_add_test(tcase, nobody_waits_for_who_is_changing_a_grill);
}

int main(void)
{
	Suite *suite = suite_create("sql_tick");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	add_claims(tcase);
	add_ends(tcase);
	add_telling(tcase);
	tcase_add_test(tcase, each_raise_gives_a_higher_token_of_that_plate);
	tcase_add_test(tcase, several_plates_are_raised_each_for_itself);
	tcase_add_loop_test(
		tcase,
		a_token_rises_above_what_the_plate_has_seen_and_not_beyond_the_last,
		0, CHECK_N(rises));
	tcase_add_loop_test(
		tcase,
		a_claim_is_above_what_the_plate_has_seen_or_there_is_none, 0,
		CHECK_N(rises));
	tcase_add_test(tcase, for_an_intent_that_is_closed_no_token_is_raised);
	tcase_add_test(tcase, a_plate_that_was_removed_has_had_its_last_token);
	add_health(tcase);
	tcase_add_test(
		tcase,
		a_list_of_stalls_may_be_of_any_shape_and_a_plate_of_any_number);
	tcase_add_loop_test(tcase, texts_are_as_long_as_a_fact_may_have_them, 0,
			    5);
	tcase_add_test(tcase, open_intents_of_what_is_held_are_adopted);
	tcase_add_test(tcase, what_is_parked_is_adopted_too);
	tcase_add_test(tcase, a_boot_that_was_not_recorded_is_not_known);
	tcase_add_test(tcase, a_lost_position_fails_the_whole_tick);
	tcase_add_loop_test(tcase, whatever_a_zombie_would_change_it_does_not,
			    0, CHECK_N(zombies));
	tcase_add_loop_test(tcase, a_demo_toastie_is_done_without_a_plate, 0,
			    2);
	tcase_add_test(tcase,
		       grills_that_are_enabled_and_have_plates_are_listed);
	return postgres_run(suite);
}
