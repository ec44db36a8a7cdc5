/* SPDX-License-Identifier: MIT */
/*
 * Scheduler: from the queue to the plate and back, and what becomes of a
 * toastie whose plate is silent, refuses, or has seen more than the tables
 * know.
 */
#include "workers/jafflr/scheduler.h"

#include "workers/jafflr/scheduler_fixture.h"

/* ---- the usual way ---- */

/* How its first start ends, and what its plate goes through. */
static const struct {
	enum grill_fake_end start;
	enum grill_fake_event before, after;
	int n_starts;
	int64_t token; /* the plate's last one */
	enum row_state state;
	const char *story;
} lives[] = {
	/* clang-format off */
	{ GRILL_FAKE_WELL, 0, GRILL_FAKE_DONE, 1, 1, ROW_DONE, "queued grilling done" },
	/* In doubt: it had begun, or it had not. */
	{ GRILL_FAKE_SILENT, 0, GRILL_FAKE_DONE, 1, 2, ROW_DONE, "queued grilling done" },
	{ GRILL_FAKE_LOSES, 0, GRILL_FAKE_DONE, 1, 2, ROW_DONE, "queued grilling done" },
	{ GRILL_FAKE_REFUSES, 0, GRILL_FAKE_DONE, 1, 2, ROW_DONE, "queued grilling done" },
	/* No doubt: nothing was sent. */
	{ GRILL_FAKE_AWAY, 0, GRILL_FAKE_DONE, 1, 1, ROW_DONE, "queued grilling done" },
	{ GRILL_FAKE_WELL, 0, GRILL_FAKE_CUT_SHORT, 1, 1, ROW_FAILED, "queued grilling failed" },
	/* These leave it to a person. */
	{ GRILL_FAKE_SILENT, 0, GRILL_FAKE_RESET, 1, 2, ROW_UNCERTAIN, "queued grilling uncertain" },
	{ GRILL_FAKE_LOSES, GRILL_FAKE_UNFENCED, 0, 0, 2, ROW_UNCERTAIN, "queued grilling uncertain" },
	/* clang-format on */
};

START_TEST(a_toastie_goes_from_the_queue_over_a_plate_to_one_end)
	{
		happens(lives[_i].before);
		next_start(lives[_i].start, 1);
		queue(1, "main");
		WORK_UNTIL(n_starts_of(1) == lives[_i].n_starts);
		CHECK_WITHIN(DEADLINE_MS, is_in(1, lives[_i].state),
			     (work(&me), happens(lives[_i].after)));
		check_story(&me, lives[_i].story);
		ck_assert_int_eq(n_starts(), lives[_i].n_starts);
		ck_assert_int_eq(highest_token(), lives[_i].token);
		ck_assert_int_eq(n_open(), 0);
		WORK_UNTIL(look(1, "(published_seq = seq)::int") == 1);
	}
END_TEST

#define TRACE "00-0af7651916cd43dd8448eb211c80319c"

START_TEST(each_fact_of_a_toastie_is_of_its_trace)
	{
		const struct published *fact;

		queue(1, "main");
		postgres_exec(db, "UPDATE toasties SET traceparent = '" TRACE
				  "-b7ad6b7169203331-01',"
				  " tracestate = 'galore=1,other=a b'");
		WORK_UNTIL(n_starts() == 1);
		FINISH_UNTIL(is_in(1, ROW_DONE));
		work(&me);
		ck_assert_uint_ge(publish_fake_n(me.publisher), 3);
		for (fact = publish_fake_first(me.publisher); fact;
		     fact = fact->next) {
			struct text parent =
				published_header(fact, "traceparent");
			struct text state =
				published_header(fact, "tracestate");

			ck_assert_uint_eq(parent.n, 55);
			ck_assert(!memcmp(parent.p, TRACE "-", 36));
			ck_assert(memcmp(parent.p + 36, "b7ad", 4) != 0);
			CHECK_BYTES(state.p, state.n, "galore=1,other=a b");
		}
	}
END_TEST

START_TEST(nothing_is_started_before_its_fact_is_acknowledged)
	{
		claim_one();
		work_a_while(&me);
		ck_assert_int_eq(n_starts(), 0);
		WORK_UNTIL(n_starts() == 1);
	}
END_TEST

START_TEST(a_row_that_intake_committed_is_published_and_claimed_at_once)
	{
		struct toastie_row row = {
			.order_id = id_of(1),
			.number = 1,
			.stall = TEXT("main"),
			.state = ROW_QUEUED,
			.seq = 1,
			.plate = TOASTIE_PLATE_NONE,
			.changed_by = 2,
		};
		struct intake intake = { .row = &row, .changed = true };
		struct record records[] = { { .item = &intake },
					    { .item = &intake } };
		struct batch batch = { .records = records };

		work_a_while(&me);
		queue(1, "main");
		for (int i = 0; i < 2; i++)
			scheduler_facts(&me.jafflr, &batch, &records[i],
					me.publisher);
		ck_assert_str_eq(story_of(&me, 1), "queued");
		ck_assert_uint_eq(publish_fake_n(me.publisher), 1);
		WORK_UNTIL(n_starts_of(1) == 1);
	}
END_TEST

static enum job_state state_of(const struct test_worker *worker)
{
	ck_assert_uint_ge(worker->scheduler->jobs.n, 1);
	return worker->scheduler->jobs.list[0].state;
}

START_TEST(a_start_that_comes_late_is_shut_out_by_the_next_ones_token)
	{
		claim_one();
		take_over_by_other();
		/* It has fenced and read, and cannot start yet. */
		next_start(GRILL_FAKE_AWAY, 1);
		CHECK_WITHIN(DEADLINE_MS,
			     other.scheduler->jobs.n &&
				     state_of(&other) == JOB_WAITING,
			     work(&other));
		acknowledge(&me);
		ck_assert_int_eq(state_of(&me), JOB_STARTING);
		/* Unless a tx of its own says it first that it is no holder
		 * any more: then it waits for no answer. */
		TURN_UNTIL(state_of(&me) != JOB_STARTING || me.n_failed);
		ck_assert_int_eq(n_starts(), 0);
		CHECK_WITHIN(DEADLINE_MS, n_starts() == 1, work(&other));
	}
END_TEST

enum { N_FIRST = 60, N_FACTS = 400 };

static void return_many(int first, int n)
{
	insert("gen_random_uuid()",
	       (struct toast){
		       .n = first, .state = "returned", .unpublished = true },
	       n);
}

START_TEST(facts_are_acknowledged_in_any_order_and_each_counts_once)
	{
		const struct published *fact;
		uint64_t facts[N_FACTS] = { 0 };
		size_t n = 0;

		return_many(1, N_FIRST);
		TURN_UNTIL(publish_fake_n(me.publisher) == N_FIRST);
		/* A fact in flight is not published again, though many others
		 * come before it. */
		return_many(N_FIRST + 1, N_FACTS - N_FIRST);
		postgres_exec(db, "UPDATE toasties SET queue_number ="
				  " -queue_number WHERE number > 60");
		me.scheduler->look_at_ms = 0;
		TURN_UNTIL(publish_fake_n(me.publisher) >= N_FACTS);
		me.scheduler->look_at_ms = 0;
		turn(&me);
		ck_assert_uint_eq(publish_fake_n(me.publisher), N_FACTS);
		for (fact = publish_fake_first(me.publisher); fact;
		     fact = fact->next)
			facts[n++] = fact->token;
		for (int round = 0; round < 2; round++)
			for (n = N_FACTS; n > 0; n--)
				scheduler_task.delivered(&me.jafflr,
							 facts[n - 1]);
		ck_assert_uint_eq(me.scheduler->next->n_published, N_FACTS);
		TURN_UNTIL(count("SELECT count(*) FROM toasties"
				 " WHERE published_seq = seq") == N_FACTS);
		ck_assert_uint_eq(publish_fake_n(me.publisher), N_FACTS);
	}
END_TEST

/* Its plate is broken, or its grill is not read any more. */
START_TEST(what_one_grill_cannot_start_goes_to_the_other)
	{
		struct grill_fake *first;

		claim_one();
		first = fake_of(1);
		if (_i)
			end_calls(first, GRILL_FAKE_AWAY);
		else
			grill_fake_happens(first, GRILL_FAKE_BREAKS);
		WORK_UNTIL(n_starts() == 1);
		ck_assert_int_eq(grill_fake_n_starts(first), 0);
		ck_assert_ptr_ne(fake_of(1), first);
		check_story(&me, "queued grilling queued grilling");
	}
END_TEST

static void disable_grills(void)
{
	postgres_exec(db, "UPDATE control.grills SET enabled = false");
}

/* ---- a grill that says nothing for too long, and then comes back ---- */

START_TEST(a_grill_that_falls_silent_keeps_the_plate_and_a_person_may_decide)
	{
		struct grill_fake *fake = park(true);

		work_a_while(&me);
		ck_assert_int_eq(n_open(), 1);
		ck_assert(is_in(1, ROW_UNCERTAIN));
		postgres_exec(db, "UPDATE toasties SET state = 'failed',"
				  " seq = seq + 1;"
				  "UPDATE intents SET closed_at = now()");
		end_calls(fake, GRILL_FAKE_WELL);
		end_toastings();
		WORK_UNTIL(!me.scheduler->jobs.list[0].used);
		ck_assert(is_in(1, ROW_FAILED));
		WORK_UNTIL(!strcmp(story_of(&me, 1),
				   "queued grilling uncertain failed"));
	}
END_TEST

/* What became of the plate meanwhile, and what becomes of the toastie. */
static const struct {
	enum grill_fake_event plate;
	bool begins, taken_over;
	enum row_state state;
	const char *story;
} returns[] = {
	/* clang-format off */
	{ GRILL_FAKE_GOES_ON, true, false, ROW_DONE, "queued grilling uncertain done" },
	{ GRILL_FAKE_DONE, true, false, ROW_DONE, "queued grilling uncertain done" },
	{ GRILL_FAKE_CUT_SHORT, true, false, ROW_FAILED, "queued grilling uncertain failed" },
	{ GRILL_FAKE_RESET, true, false, ROW_UNCERTAIN, "queued grilling uncertain uncertain" },
	{ GRILL_FAKE_RESET, false, false, ROW_UNCERTAIN, "queued grilling uncertain uncertain" },
	{ GRILL_FAKE_UNFENCED, false, false, ROW_UNCERTAIN, "queued grilling uncertain uncertain" },
	/* It denies what it had begun, and is not believed. */
	{ GRILL_FAKE_FORGETS, true, false, ROW_UNCERTAIN, "queued grilling uncertain uncertain" },
	/* It never arrived: another try. */
	{ GRILL_FAKE_GOES_ON, false, false, ROW_DONE, "queued grilling uncertain queued grilling done" },
	/* The same, found in the tables by the next one. */
	{ GRILL_FAKE_GOES_ON, true, true, ROW_DONE, "done" },
	{ GRILL_FAKE_DONE, true, true, ROW_DONE, "done" },
	{ GRILL_FAKE_RESET, true, true, ROW_UNCERTAIN, "uncertain" },
	{ GRILL_FAKE_GOES_ON, false, true, ROW_DONE, "queued grilling done" },
	/* clang-format on */
};

START_TEST(a_grill_that_comes_back_settles_what_was_parked_without_a_person)
	{
		struct grill_fake *fake = park(returns[_i].begins);
		struct test_worker *worker =
			returns[_i].taken_over ? &other : &me;
		int next;

		WORK_UNTIL(count("SELECT (published_seq = seq)::int"
				 " FROM toasties") == 1);
		if (returns[_i].taken_over)
			take_over_by_other();
		grill_fake_happens(fake, returns[_i].plate);
		end_calls(fake, GRILL_FAKE_WELL);
		CHECK_WITHIN(
			DEADLINE_MS,
			n_open() == 0 && is_in(1, returns[_i].state),
			(work(worker), returns[_i].plate == GRILL_FAKE_GOES_ON
					       ? end_toastings()
					       : (void)0));
		check_story(worker, returns[_i].story);
		ck_assert_int_eq(n_starts(),
				 returns[_i].begins ||
					 returns[_i].state == ROW_DONE);
		/* All plates serve others again. */
		next = n_starts() + N_GRILLS * N_PLATES;
		queue_many(2, 1 + N_GRILLS * N_PLATES);
		CHECK_WITHIN(DEADLINE_MS, n_starts() == next, work(worker));
		ck_assert(is_in(1, returns[_i].state));
	}
END_TEST

START_TEST(what_is_parked_waits_for_a_grill_that_was_taken_out_and_comes_back)
	{
		struct grill_fake *fake = park(true);

		postgres_exec(db, "CREATE TABLE plates AS TABLE control.plates;"
				  "CREATE TABLE grills AS TABLE control.grills;"
				  "DELETE FROM control.plates;"
				  "DELETE FROM control.grills");
		WORK_UNTIL(me.scheduler->grills.n == 0);
		end_calls(fake, GRILL_FAKE_WELL);
		end_toastings();
		ck_assert(is_in(1, ROW_UNCERTAIN));
		postgres_exec(db, "INSERT INTO control.grills TABLE grills;"
				  "INSERT INTO control.plates TABLE plates");
		WORK_UNTIL(is_in(1, ROW_DONE));
		ck_assert_int_eq(n_starts(), 1);
	}
END_TEST

static void start_worker_again(void)
{
	end(&me);
	me = (struct test_worker){ 0 };
	begin(&me, "me");
	take_over(&me, 0);
}

/* The toastie runs, or is parked; the worker runs on, or begins anew. */
START_TEST(a_grill_that_is_disabled_finishes_what_is_on_it_and_gets_nothing_new)
	{
		enum job_state state = _i & 1 ? JOB_PARKED : JOB_GRILLING;
		struct grill_fake *fake = NULL;
		int64_t listed_at_ms;

		if (state == JOB_PARKED)
			fake = park(true);
		else
			start_one(1);
		disable_grills();
		if (_i & 2)
			start_worker_again();
		WORK_UNTIL(me.scheduler->grills.n == 1 &&
			   !me.scheduler->grills.list[0]->enabled &&
			   me.scheduler->jobs.n &&
			   me.scheduler->jobs.list[0].state == state);
		/* Grills have been listed twice since. */
		listed_at_ms = me.scheduler->list_at_ms;
		WORK_UNTIL(me.scheduler->list_at_ms > listed_at_ms + 1500);
		/* Though most of its plates are free. */
		queue(2, "main");
		me.scheduler->maybe_queued = true;
		ck_assert(!grills_any_free(&me.scheduler->grills, now_ms));
		run_tx(&me);
		ck_assert(is_in(2, ROW_QUEUED));
		if (fake)
			end_calls(fake, GRILL_FAKE_WELL);
		FINISH_UNTIL(is_in(1, ROW_DONE));
		ck_assert_int_eq(n_starts(), 1);
		ck_assert_int_eq(n_open(), 0);
		WORK_UNTIL(me.scheduler->grills.n == 0);
		ck_assert(is_in(2, ROW_QUEUED));
		postgres_exec(db, "UPDATE control.grills SET enabled = true");
		WORK_UNTIL(n_starts_of(2) == 1);
	}
END_TEST

/* ---- tables that are behind their plates ---- */

static void set_tokens(uint32_t of_plates, const char *of_tables)
{
	char sql[TEXT_BYTES];

	for (int i = 0; i < N_GRILLS; i++)
		grill_fake_set_tokens(fakes[i], of_plates);
	(void)snprintf(sql, sizeof(sql), "UPDATE control.plates SET token = %s",
		       of_tables);
	postgres_exec(db, sql);
}

static int64_t n_out(void)
{
	return count("SELECT count(*) FROM control.plates"
		     " WHERE out_since IS NOT NULL"
		     " AND token = 4294967295");
}

/* When they are set, and what becomes of a toastie. */
static const struct {
	enum { QUEUED, CLAIMED, STARTED } when;
	uint32_t of_plates;
	const char *of_tables;
	enum row_state state;
	int n_starts;
	int64_t token; /* the highest of the tables then */
	int64_t n_out; /* plates that have had their last token */
} tokens[] = {
	/* A claim, or a job that is refused, goes above what a plate has seen.
	 */
	{ QUEUED, 1000, "7", ROW_DONE, 1, 1001, 0 },
	{ CLAIMED, 5000, "0", ROW_DONE, 1, 5001, 0 },
	{ STARTED, 5000, "0", ROW_DONE, 1, 5001, 0 },
	/* There is no token left. */
	{ STARTED, 1, "4294967294", ROW_UNCERTAIN, 1, GRILL_TOKEN_LAST, 1 },
};

START_TEST(a_plate_gets_a_token_above_what_it_has_seen_as_long_as_there_is_one)
	{
		if (tokens[_i].when == CLAIMED)
			claim_one();
		if (tokens[_i].when == STARTED)
			start_one(1);
		set_tokens(tokens[_i].of_plates, tokens[_i].of_tables);
		if (tokens[_i].when == QUEUED)
			queue(1, "main");
		else
			take_over(&me, 0);
		CHECK_WITHIN(DEADLINE_MS,
			     is_in(1, tokens[_i].state) &&
				     n_out() == tokens[_i].n_out,
			     (work(&me), tokens[_i].state == ROW_DONE
						 ? end_toastings()
						 : (void)0));
		ck_assert_int_eq(n_starts(), tokens[_i].n_starts);
		ck_assert_int_eq(highest_token(), tokens[_i].token);
		ck_assert_int_eq(n_open(), 0);
		ck_assert_int_eq(me.n_failed, 0);
		if (tokens[_i].state == ROW_DONE)
			check_story(&me, "queued grilling done");
	}
END_TEST

/* ---- taking over ---- */

START_TEST(a_worker_that_was_taken_over_from_starts_nothing)
	{
		claim_one();
		take_over_by_other();
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

START_TEST(a_first_transaction_that_fails_makes_nothing_uncertain)
	{
		start_one(1);
		take_over_by_other();
		take_over(&me, 0);
		/* It is no holder, and has something to change: published rows.
		 */
		TX_ADD(other.scheduler->next, published) =
			(struct tx_published){ id_of(1), 1 };
		turn(&other);
		ck_assert_int_eq(other.n_failed, 1);
		take_over(&other, 0);
		end_toastings();
		CHECK_WITHIN(DEADLINE_MS, !is_in(1, ROW_GRILLING),
			     work(&other));
		ck_assert(is_in(1, ROW_DONE));
	}
END_TEST

START_TEST(acknowledgements_of_what_was_forgotten_start_nothing)
	{
		claim_one();
		scheduler_task.changed(&me.jafflr);
		acknowledge(&me);
		turn_grills(&me);
		ck_assert_int_eq(n_starts(), 0);
		ck_assert_uint_eq(me.scheduler->next->n_published, 0);
	}
END_TEST

/* ---- grills come and go ---- */

START_TEST(a_grill_taken_out_in_the_moment_of_a_claim_gives_it_back)
	{
		work_a_while(&me);
		ck_assert_uint_eq(me.scheduler->grills.n, 2);
		queue(1, "main");
		disable_grills();
		me.scheduler->list_at_ms = 0;
		me.scheduler->maybe_queued = true;
		run_tx(&me);
		ck_assert(is_in(1, ROW_GRILLING));
		acknowledge(&me);
		WORK_UNTIL(is_in(1, ROW_QUEUED));
		ck_assert_int_eq(n_starts(), 0);
		ck_assert_int_eq(n_open(), 0);
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
		take_over(&me, 0);
		return;
	case 4:
		take_over(&other, 0);
		return;
	case 5:
		scheduler_task.changed(&me.jafflr);
		return;
	case 6:
		if (scheduler_task.wanted(&me.jafflr, now_ms))
			run_doubtful_tx();
		return;
	default:
		end_toastings();
		return;
	}
}

/* No grill hears of it. */
static bool is_demo(int n)
{
	return n % 10 == 0;
}

START_TEST(whatever_happens_an_order_is_on_a_plate_once_or_given_back)
	{
		uint32_t random = (uint32_t)_i + 11;

		take_over_by_other();
		for (int n = 1; n <= N_ORDERS; n++)
			queue(n, is_demo(n) ? "demo-1" : "main");
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
			end_calls(fakes[i], GRILL_FAKE_WELL);
		take_over(&me, 0);
		CHECK_WITHIN(2 * DEADLINE_MS,
			     count("SELECT count(*) FROM toasties WHERE state"
				   " IN ('queued', 'grilling')"
				   " OR published_seq < seq") == 0,
			     (work(&me), end_toastings()));
		for (int n = 1; n <= N_ORDERS; n++) {
			ck_assert_int_eq(n_starts_of(n),
					 is_in(n, ROW_DONE) && !is_demo(n));
			ck_assert(is_in(n, ROW_DONE) || is_in(n, ROW_RETURNED));
		}
		ck_assert_int_gt(n_starts(), N_ORDERS / 2);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

int main(void)
{
	/* clang-format off */
	return run_tests("scheduler", setup, teardown, (const struct check_row[]){
		{ a_toastie_goes_from_the_queue_over_a_plate_to_one_end, CHECK_N(lives) },
		{ each_fact_of_a_toastie_is_of_its_trace, 1 },
		{ nothing_is_started_before_its_fact_is_acknowledged, 1 },
		{ a_row_that_intake_committed_is_published_and_claimed_at_once, 1 },
		{ a_start_that_comes_late_is_shut_out_by_the_next_ones_token, 1 },
		{ facts_are_acknowledged_in_any_order_and_each_counts_once, 1 },
		{ what_one_grill_cannot_start_goes_to_the_other, 2 },
		{ a_grill_that_falls_silent_keeps_the_plate_and_a_person_may_decide, 1 },
		{ a_grill_that_comes_back_settles_what_was_parked_without_a_person, CHECK_N(returns) },
		{ what_is_parked_waits_for_a_grill_that_was_taken_out_and_comes_back, 1 },
		{ a_grill_that_is_disabled_finishes_what_is_on_it_and_gets_nothing_new, 4 },
		{ a_plate_gets_a_token_above_what_it_has_seen_as_long_as_there_is_one, CHECK_N(tokens) },
		{ a_worker_that_was_taken_over_from_starts_nothing, 2 },
		{ a_first_transaction_that_fails_makes_nothing_uncertain, 1 },
		{ acknowledgements_of_what_was_forgotten_start_nothing, 1 },
		{ a_grill_taken_out_in_the_moment_of_a_claim_gives_it_back, 1 },
		{ whatever_happens_an_order_is_on_a_plate_once_or_given_back, 2 },
		{ 0 },
	});
	/* clang-format on */
}
