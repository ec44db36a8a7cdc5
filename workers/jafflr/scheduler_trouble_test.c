/* SPDX-License-Identifier: MIT */
/*
 * Trouble: the scheduler when a commit's outcome is not known, a customer
 * changes her mind late, a grill goes, or a person has put something into the
 * tables that nobody thought of.
 */
#include "workers/jafflr/scheduler_fixture.h"

/* ---- a commit of unknown outcome ---- */

static void claim_in_doubt(void)
{
	work_a_while(&me);
	queue(1, "main");
	me.scheduler->maybe_queued = true;
	run_doubtful_tx();
}

START_TEST(a_claim_in_doubt_is_read_back_before_anything_is_started)
	{
		claim_in_doubt();
		ck_assert(is_in(1, ROW_GRILLING));
		ck_assert_uint_eq(publish_fake_n(me.publisher), 0);
		acknowledge(&me);
		turn_grills(&me);
		ck_assert_int_eq(n_starts(), 0);
		/* The intent is found, and its plate gets a token first. */
		WORK_UNTIL(n_starts_of(1) == 1);
		ck_assert_int_eq(highest_token(), 2);
		FINISH_UNTIL(is_in(1, ROW_DONE));
		ck_assert_int_eq(n_starts(), 1);
	}
END_TEST

START_TEST(a_claim_that_is_lost_after_all_is_made_anew)
	{
		claim_in_doubt();
		/* Another server goes on without that commit. */
		postgres_exec(db, "DELETE FROM intents;"
				  "UPDATE toasties SET state = 'queued',"
				  " seq = 1, grill = NULL, plate = NULL;"
				  "UPDATE control.plates SET token = 0");
		WORK_UNTIL(n_starts_of(1) == 1);
		ck_assert_int_eq(n_starts(), 1);
	}
END_TEST

/* ---- a late cancellation ---- */

/* The plate refuses, or its grill is away, or says nothing for too long. */
static const char *const late_cancellations[] = {
	"queued grilling returned",
	"queued grilling returned",
	"queued grilling uncertain returned",
};

START_TEST(what_was_never_started_and_is_cancelled_is_on_no_other_plate)
	{
		if (_i == 2)
			(void)park(false);
		else
			claim_one();
		postgres_exec(db, "UPDATE toasties SET cancelled = true");
		if (_i == 0)
			grill_fake_happens(fake_of(1), GRILL_FAKE_BREAKS);
		else
			end_calls(fake_of(1),
				  _i == 1 ? GRILL_FAKE_AWAY : GRILL_FAKE_WELL);
		WORK_UNTIL(is_in(1, ROW_RETURNED));
		check_story(&me, late_cancellations[_i]);
		ck_assert_int_eq(n_starts(), 0);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

/* ---- grills that go, and come back ---- */

/* One of one plate, or of more. */
static void add_grill(const char *grill, const char *address, int plate)
{
	char sql[TEXT_BYTES];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO control.grills (grill, address)"
		       " VALUES ('%s', '%s');"
		       "INSERT INTO control.plates (grill, plate)"
		       " VALUES ('%s', %d)",
		       grill, address, grill, plate);
	postgres_exec(db, sql);
}

static int64_t n_silent(void)
{
	return count("SELECT count(*) FROM control.grills"
		     " WHERE silent_since IS NOT NULL"
		     " AND silent_reason IS NOT NULL");
}

static int64_t n_answer(void)
{
	return count("SELECT count(*) FROM control.grills"
		     " WHERE silent_since IS NULL"
		     " AND seen_at IS NOT NULL");
}

/* What /metrics says of it. */
static bool says(const char *line)
{
	struct buf text = { 0 };
	bool found;

	grills_text(&me.scheduler->grills, now_ms, &text);
	buf_add(&text, "", 1);
	found = strstr(text.p, line);
	buf_deinit(&text);
	return found;
}

START_TEST(a_silent_grill_is_written_down_at_once_and_when_it_is_back)
	{
		WORK_UNTIL(n_answer() == N_GRILLS);
		ck_assert(says("galore_grill_answers{grill=\"g0\"} 1\n"));
		WORK_UNTIL(says("galore_plates{grill=\"g0\",state=\"free\"} 8"
				"\n"));
		end_calls(fakes[0], _i ? GRILL_FAKE_AWAY : GRILL_FAKE_LOSES);
		WORK_UNTIL(n_silent() == 1);
		ck_assert(says("galore_grill_answers{grill=\"g0\"} 0\n"));
		ck_assert(says("galore_plates{grill=\"g0\",state=\"silent\"} 8"
			       "\n"));
		ck_assert(says("galore_grill_answers{grill=\"g1\"} 1\n"));
		end_calls(fakes[0], GRILL_FAKE_WELL);
		WORK_UNTIL(n_answer() == N_GRILLS);
		ck_assert(says("galore_grill_answers{grill=\"g0\"} 1\n"));
	}
END_TEST

START_TEST(so_is_a_grill_that_never_answered_or_cannot_be_used)
	{
		end_calls(fakes[1], GRILL_FAKE_AWAY);
		add_grill("g2", "nonsense", 0);
		add_grill("g3", "fake:0", 300);
		add_grill("g4", "fake:5", 0);
		WORK_UNTIL(n_silent() == 4);
		ck_assert_int_eq(n_answer(), 1);
		ck_assert(says("galore_grill_answers{grill=\"g2\"} 0\n"));
		start_one(1);
		/* A mended address is another grill. */
		postgres_exec(db, "UPDATE control.grills SET address = 'fake:0'"
				  " WHERE grill = 'g2'");
		WORK_UNTIL(n_answer() == 2);
		/* And so is one with fewer plates. */
		postgres_exec(db, "UPDATE control.plates SET plate = 7"
				  " WHERE grill = 'g3'");
		WORK_UNTIL(n_answer() == 3);
		/* One that could not be opened is tried again. */
		grill_fake_serve(5, fakes[0]);
		WORK_UNTIL(n_answer() == 4);
		grill_fake_serve(5, NULL);
	}
END_TEST

START_TEST(
	what_was_to_be_written_of_a_grill_is_written_after_a_failed_transaction)
	{
		work_a_while(&me);
		end_calls(fakes[0], GRILL_FAKE_AWAY);
		CHECK_WITHIN(
			DEADLINE_MS, grills_have_changed(&me.scheduler->grills),
			((void)grills_ask(me.scheduler->grills.list[0], now_ms),
			 turn_grills(&me)));
		scheduler_task.begin(&me.jafflr);
		scheduler_task.done(&me.jafflr, PG_E_SQL, me.publisher);
		ck_assert(grills_have_changed(&me.scheduler->grills));
		WORK_UNTIL(n_silent() == 1);
	}
END_TEST

/* With a toastie on it that runs, or one that waits to be fenced. */
START_TEST(a_grill_that_is_removed_finishes_what_is_on_it_and_is_forgotten)
	{
		start_one(1);
		if (_i)
			take_over(&me, 0);
		postgres_exec(db, "DELETE FROM control.plates;"
				  "DELETE FROM control.grills");
		FINISH_UNTIL(is_in(1, _i ? ROW_UNCERTAIN : ROW_DONE));
		WORK_UNTIL(me.scheduler->grills.n == 0);
		queue(2, "main");
		work(&me);
		ck_assert(is_in(2, ROW_QUEUED));
		ck_assert_int_eq(me.n_failed, 0);
	}
END_TEST

/* ---- queues ---- */

static void wait_at(const char *stall, int64_t n)
{
	queues_add(&me.scheduler->queues, text_of(stall), n);
}

static void silence_all(void)
{
	for (int i = 0; i < N_GRILLS; i++)
		end_calls(fakes[i], GRILL_FAKE_AWAY);
	WORK_UNTIL(n_silent() == N_GRILLS);
}

static void serve_main_and_beach(void)
{
	postgres_exec(db,
		      "UPDATE control.grills SET stalls = CASE grill"
		      " WHEN 'g0' THEN '{main}'::text[] ELSE '{beach}' END");
}

START_TEST(a_long_queue_pauses_reading_but_not_for_a_stall_without_a_grill)
	{
		serve_main_and_beach();
		me.jafflr.conf.queue_max = 10;
		WORK_UNTIL(n_answer() == N_GRILLS);
		wait_at("main", 10);
		wait_at("beach", 10);
		wait_at("nowhere", 1000);
		ck_assert(!scheduler_task.enough(&me.jafflr));
		wait_at("beach", 1);
		ck_assert(scheduler_task.enough(&me.jafflr));
		end_calls(fakes[1], GRILL_FAKE_AWAY);
		CHECK_WITHIN(DEADLINE_MS, n_silent() == 1,
			     (turn_grills(&me),
			      grills_have_changed(&me.scheduler->grills)
				      ? run_tx(&me)
				      : (void)0));
		me.scheduler->queues.n = 0;
		wait_at("main", 10);
		wait_at("beach", 1000);
		ck_assert(!scheduler_task.enough(&me.jafflr));
		wait_at("demo-1", 11);
		ck_assert(scheduler_task.enough(&me.jafflr));
	}
END_TEST

START_TEST(when_no_grill_answers_a_long_queue_of_theirs_pauses_reading)
	{
		postgres_exec(db,
			      "UPDATE control.grills SET stalls = '{main}'");
		me.jafflr.conf.queue_max = 10;
		silence_all();
		wait_at("nowhere", 1000);
		ck_assert(!scheduler_task.enough(&me.jafflr));
		wait_at("main", 11);
		ck_assert(scheduler_task.enough(&me.jafflr));
	}
END_TEST

START_TEST(what_waits_is_counted_stall_by_stall)
	{
		serve_main_and_beach();
		silence_all();
		for (int n = 1; n <= 6; n++)
			queue(n, n == 1 ? "beach" : n > 3 ? "nowhere" : "main");
		me.scheduler->look_at_ms = 0;
		turn(&me);
		ck_assert_uint_eq(me.scheduler->queues.n, 2);
		ck_assert(text_equal(me.scheduler->queues.list[0].stall,
				     TEXT("main")));
		ck_assert_int_eq(me.scheduler->queues.list[0].n, 2);
		/* No plate of ours is for them: nothing is tried. */
		ck_assert(!me.scheduler->maybe_queued);
	}
END_TEST

/* ---- what tables may say ---- */

static const char *const oddities[] = {
	"UPDATE toasties SET plate = -7",
	"UPDATE toasties SET plate = NULL, grill = NULL",
	"UPDATE toasties SET plate = 2147483647",
	"UPDATE toasties SET grill = repeat('g', 5000)",
	"UPDATE intents SET time_ms = 0, token = 99999999999",
	"UPDATE intents SET time_ms = -1, boot = -5",
	"UPDATE control.plates SET plate = plate + 1000",
	"UPDATE toasties SET doneness = 'raw', lines = -3",
	"UPDATE toasties SET traceparent = repeat('x', 9000)",
	"UPDATE toasties SET tracestate = repeat('y', 9000)",
	"UPDATE toasties SET stall = repeat('z', 9000)",
	"UPDATE toasties SET changed_at = 'infinity'",
};

START_TEST(whatever_a_row_says_the_worker_goes_on)
	{
		start_one(1);
		postgres_exec(db, oddities[_i]);
		take_over(&me, 0);
		FINISH_UNTIL(!is_in(1, ROW_GRILLING));
		ck_assert(is_in(1, ROW_DONE) || is_in(1, ROW_UNCERTAIN));
		ck_assert_int_eq(n_starts(), 1);
		ck_assert_int_eq(me.n_failed, 0);
		/* Nor is it in the way of the next one. */
		add_grill("g7", "fake:1", 0);
		queue(2, "main");
		WORK_UNTIL(n_starts_of(2) == 1);
	}
END_TEST

START_TEST(more_grills_than_are_used_are_no_trouble)
	{
		postgres_exec(db,
			      "INSERT INTO control.grills (grill, address)"
			      " SELECT 'x' || n, 'fake:1'"
			      " FROM generate_series(1, 200) AS n;"
			      "INSERT INTO control.plates (grill, plate)"
			      " SELECT 'x' || n, 0 FROM generate_series(1, 200)"
			      " AS n");
		WORK_UNTIL(me.scheduler->grills.n == GRILLS_MAX);
		ck_assert(me.scheduler->grills.too_many);
		start_one(1);
	}
END_TEST

int main(void)
{
	/* clang-format off */
	return run_tests("trouble", setup, teardown, (const struct check_row[]){
		{ a_claim_in_doubt_is_read_back_before_anything_is_started, 1 },
		{ a_claim_that_is_lost_after_all_is_made_anew, 1 },
		{ what_was_never_started_and_is_cancelled_is_on_no_other_plate, CHECK_N(late_cancellations) },
		{ a_silent_grill_is_written_down_at_once_and_when_it_is_back, 2 },
		{ so_is_a_grill_that_never_answered_or_cannot_be_used, 1 },
		{ what_was_to_be_written_of_a_grill_is_written_after_a_failed_transaction, 1 },
		{ a_grill_that_is_removed_finishes_what_is_on_it_and_is_forgotten, 2 },
		{ a_long_queue_pauses_reading_but_not_for_a_stall_without_a_grill, 1 },
		{ when_no_grill_answers_a_long_queue_of_theirs_pauses_reading, 1 },
		{ what_waits_is_counted_stall_by_stall, 1 },
		{ whatever_a_row_says_the_worker_goes_on, CHECK_N(oddities) },
		{ more_grills_than_are_used_are_no_trouble, 1 },
		{ 0 },
	});
	/* clang-format on */
}
