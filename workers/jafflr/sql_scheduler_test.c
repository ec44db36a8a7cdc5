/* SPDX-License-Identifier: MIT */
/* Sql tx: claims, ends, tokens, and what a zombie cannot do. */
#include <inttypes.h>
#include <pthread.h>

#include "workers/jafflr/grill/grill.h"
#include "workers/jafflr/sql_fixture.h"

static int64_t token_of(int plate)
{
	char sql[96];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT token FROM control.plates WHERE plate = %d",
		       plate);
	return count(sql);
}

/* ---- claiming ---- */

START_TEST(a_queued_toastie_gets_a_free_plate_an_intent_and_a_token)
	{
		const struct tx_row *row;

		add_many(1);
		offer(&me, 2);
		run(&me);
		ck_assert_uint_eq(me.tx.n_claimed, 1);
		ck_assert_uint_eq(me.tx.n_rows, 1);
		row = row_of(&me, 1);
		check_row(1, TX_CLAIMED, ROW_GRILLING, 2);
		ck_assert(text_equal(row->row.grill, TEXT("g1")));
		ck_assert_int_eq(row->row.plate, 2);
		ck_assert_int_eq(row->row.changed_at_ms, NOW_MS);
		ck_assert_uint_eq(row->token, 1);
		ck_assert_int_eq(row->boot, 102);
		ck_assert(!row->published);
		ck_assert_int_eq(look(1, "t.published_seq"), 1);
		ck_assert_int_eq(look(1, "i.intent_id"), row->intent_id);
		ck_assert_int_eq(look(1, "i.boot"), 102);
		ck_assert_int_eq(token_of(2), 1);
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
		struct tx_row row;

		add((struct toast){ .n = 1, .doneness = times[_i].doneness });
		row = claim(&me, 0);
		ck_assert_int_eq(row.time_ms, times[_i].time_ms);
		ck_assert_int_eq(look(1, "i.time_ms"), times[_i].time_ms);
	}
END_TEST

/* By what they were queued, not by clocks or numbers. */
static const struct {
	int queued[3];
	const char *sql;
	int claimed[3];
} orders[] = {
	{ { 9, 3, 5 }, "SELECT", { 9, 3, 5 } },
	/* A row of before the queue numbers came. */
	{ { 1, 2, 3 },
	  "UPDATE toasties SET queue_number = NULL WHERE number = 2",
	  { 2, 1, 3 } },
};

START_TEST(what_came_first_goes_first)
	{
		for (int i = 0; i < 3; i++)
			add((struct toast){ .n = orders[_i].queued[i] });
		postgres_exec(db, orders[_i].sql);
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(claim(&me, i).row.number,
					 orders[_i].claimed[i]);
	}
END_TEST

START_TEST(what_goes_back_to_the_queue_keeps_its_place)
	{
		struct tx_row claimed;

		add_many(2);
		claimed = claim(&me, 0);
		finish(&claimed, ROW_QUEUED, false);
		ck_assert_int_eq(claim(&me, 1).row.number, 1);
		ck_assert_int_eq(claim(&me, 2).row.number, 2);
	}
END_TEST

static void check_no_claim(struct test_worker *worker)
{
	scheduler_tx_reset(&worker->tx);
	offer(worker, 0);
	run(worker);
	ck_assert_uint_eq(worker->tx.n_rows, 0);
}

START_TEST(a_plate_with_an_open_intent_is_not_given_again)
	{
		add_many(1);
		add((struct toast){ .n = 2, .partition = 2 });
		(void)claim(&me, 0);
		check_no_claim(&other);
		ck_assert(is_in(2, ROW_QUEUED));
		ck_assert_int_eq(claim(&other, 1).row.number, 2);
	}
END_TEST

START_TEST(what_another_has_under_lock_is_passed_over_without_a_wait)
	{
		int64_t began_ms = clock_now_ms();

		add_many(1);
		postgres_exec(
			db, "BEGIN; SELECT FROM control.plates WHERE plate = 0"
			    " FOR UPDATE");
		check_no_claim(&me);
		ck_assert_int_lt(clock_now_ms() - began_ms, 5000);
		postgres_exec(db, "ROLLBACK");
		ck_assert_int_eq(claim(&me, 0).row.number, 1);
	}
END_TEST

static const char *const unclaimable[] = {
	"UPDATE control.plates SET out_since = now()",
	"DELETE FROM control.plates",
	"UPDATE toasties SET state = 'collecting'",
	"UPDATE toasties SET state = 'cancelled'",
	"UPDATE toasties SET state = 'grilling'",
	"UPDATE toasties SET state = 'done'",
	"UPDATE toasties SET state = 'failed'",
	"UPDATE toasties SET state = 'uncertain'",
	"UPDATE toasties SET state = 'returned'",
};

START_TEST(only_what_is_queued_is_claimed_on_a_plate_that_is_in_use)
	{
		add_many(1);
		postgres_exec(db, unclaimable[_i]);
		check_no_claim(&me);
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

/* ---- two claimers at once ---- */

enum { N_ROUNDS = 40 };

/* Between two waits at it the workers claim, and then the test looks. */
static pthread_barrier_t barrier;

/* In a thread of its own, where no assertion may fail. */
static void *claim_in_rounds(void *arg)
{
	struct test_worker *worker = arg;

	for (int round = 0; round < N_ROUNDS; round++) {
		(void)pthread_barrier_wait(&barrier);
		scheduler_tx_reset(&worker->tx);
		for (int plate = 0; plate < N_PLATES; plate++)
			offer(worker, plate);
		worker->tx.asks.now_ms = NOW_MS;
		worker->n_failed += run_sql(worker) != 0;
		(void)pthread_barrier_wait(&barrier);
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
		struct test_worker *workers[] = { &me, &other };
		pthread_t threads[2];

		for (int n = 1; n <= N_PLATES * 2; n++)
			add((struct toast){ .n = n, .partition = n % 2 * 2 });
		(void)pthread_barrier_init(&barrier, NULL, 3);
		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL,
							claim_in_rounds,
							workers[i]),
					 0);
		for (int round = 0; round < N_ROUNDS; round++) {
			(void)pthread_barrier_wait(&barrier);
			(void)pthread_barrier_wait(&barrier);
			ck_assert_int_eq(me.n_failed + other.n_failed, 0);
			ck_assert_int_gt(n_open(), 0);
			ck_assert_int_eq(n_open(),
					 (int64_t)(me.tx.n_claimed +
						   other.tx.n_claimed));
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

/* @parked: it was uncertain first, and kept its plate. */
static const struct {
	bool parked, cancelled;
	enum row_state asked, state;
	int64_t seq;
	const char *reason;
} finishes[] = {
	{ false, false, ROW_DONE, ROW_DONE, 3, NULL },
	{ false, false, ROW_FAILED, ROW_FAILED, 3, "why" },
	{ true, false, ROW_DONE, ROW_DONE, 4, NULL },
	{ true, false, ROW_UNCERTAIN, ROW_UNCERTAIN, 4, "why" },
	/* What was grilled is done, and nothing goes back to the queue. */
	{ false, true, ROW_DONE, ROW_DONE, 3, NULL },
	{ false, true, ROW_QUEUED, ROW_RETURNED, 3, "cancelled" },
	{ true, true, ROW_QUEUED, ROW_RETURNED, 4, "cancelled" },
};

START_TEST(what_ends_is_published_and_its_plate_is_the_next_ones_then)
	{
		struct tx_row claimed;

		add_many(2);
		claimed = claim(&me, 0);
		if (finishes[_i].parked) {
			finish(&claimed, ROW_UNCERTAIN, true);
			check_row(1, TX_FINISHED, ROW_UNCERTAIN, 3);
			ck_assert_int_eq(n_open(), 1);
			check_no_claim(&me);
		}
		if (finishes[_i].cancelled)
			postgres_exec(db, "UPDATE toasties SET cancelled = true"
					  " WHERE number = 1");
		finish(&claimed, finishes[_i].asked, false);
		check_row(1, TX_FINISHED, finishes[_i].state, finishes[_i].seq);
		check_reason(1, finishes[_i].reason);
		ck_assert_int_eq(n_open(), 0);
		ck_assert_int_eq(count("SELECT count(*) FROM intents"
				       " WHERE outcome = 'done'"),
				 finishes[_i].state == ROW_DONE);
		ck_assert_int_eq(claim(&me, 0).row.number, 2);
	}
END_TEST

START_TEST(what_could_not_be_started_is_tried_on_so_many_plates_then_returned)
	{
		add_many(1);
		for (int plate = 0; plate < 3; plate++) {
			struct tx_row claimed = claim(&me, plate);

			finish(&claimed, ROW_QUEUED, false);
			check_row(1, TX_FINISHED,
				  plate < 2 ? ROW_QUEUED : ROW_RETURNED,
				  3 + 2 * plate);
		}
		check_reason(1, "why");
		ck_assert_int_eq(n_open(), 0);
	}
END_TEST

/* As an older worker leaves it, which does not know that column. */
START_TEST(what_is_queued_and_cancelled_is_returned_and_on_no_plate)
	{
		add_many(1);
		add((struct toast){ .n = 2, .stall = "demo-1" });
		add((struct toast){ .n = 3, .partition = 2 });
		postgres_exec(db, "UPDATE toasties SET cancelled = true");
		add((struct toast){ .n = 4 });
		offer(&me, 0);
		offer(&me, 1);
		run(&me);
		ck_assert_uint_eq(me.tx.n_rows, 1);
		ck_assert_int_eq(row_of(&me, 4)->kind, TX_CLAIMED);
		run_asks(&me, (struct tx_asks){ .look = true });
		/* And the other one, which is not published. */
		ck_assert_uint_eq(me.tx.n_rows, 3);
		for (int n = 1; n <= 2; n++) {
			check_row(n, TX_FINISHED, ROW_RETURNED, 2);
			check_reason(n, "cancelled");
		}
		/* Another worker holds it. */
		ck_assert(is_in(3, ROW_QUEUED));
	}
END_TEST

START_TEST(how_long_a_toastie_has_waited_comes_with_its_end)
	{
		struct tx_row claimed = claim_first();

		postgres_exec(db, _i ? "UPDATE toasties SET queued_at = NULL"
				     : "UPDATE toasties SET queued_at ="
				       " now() - interval '90 s'");
		finish(&claimed, ROW_DONE, false);
		if (_i) {
			ck_assert_int_eq(row_of(&me, 1)->waited_ms, -1);
			return;
		}
		ck_assert_int_ge(row_of(&me, 1)->waited_ms, 90000);
		ck_assert_int_lt(row_of(&me, 1)->waited_ms, 150000);
	}
END_TEST

/* What was parked, or runs, when a person or an end came first. */
static const struct {
	bool parked;
	const char *sql;
	enum row_state state;
	int64_t seq;
} settled[] = {
	{ true, "UPDATE intents SET closed_at = now()", ROW_UNCERTAIN, 3 },
	{ true,
	  "UPDATE intents SET closed_at = now();"
	  "UPDATE toasties SET state = 'failed'",
	  ROW_FAILED, 3 },
	{ false, "UPDATE toasties SET state = 'returned', seq = 9",
	  ROW_RETURNED, 9 },
	{ false,
	  "UPDATE intents SET closed_at = now(), outcome = 'done';"
	  "UPDATE toasties SET state = 'done', seq = 3",
	  ROW_DONE, 3 },
};

START_TEST(what_was_settled_before_is_not_finished_again)
	{
		struct tx_row claimed = claim_first();

		if (settled[_i].parked)
			finish(&claimed, ROW_UNCERTAIN, true);
		postgres_exec(db, settled[_i].sql);
		finish(&claimed, ROW_FAILED, false);
		ck_assert_uint_eq(me.tx.n_rows, 0);
		ck_assert(is_in(1, settled[_i].state));
		ck_assert_int_eq(look(1, "t.seq"), settled[_i].seq);
	}
END_TEST

START_TEST(the_transaction_that_frees_a_plate_gives_it_to_the_next_toastie)
	{
		struct tx_row claimed;

		add_many(2);
		claimed = claim(&me, 0);
		add_finish(&claimed, ROW_DONE, false);
		offer(&me, 0);
		run(&me);
		ck_assert_int_eq(row_of(&me, 1)->kind, TX_FINISHED);
		ck_assert_int_eq(row_of(&me, 2)->kind, TX_CLAIMED);
		ck_assert_int_eq(row_of(&me, 2)->row.plate, 0);
		ck_assert_uint_eq(row_of(&me, 2)->token, claimed.token + 1);
		ck_assert_int_eq(n_open(), 1);
	}
END_TEST

START_TEST(the_transaction_that_parks_a_toastie_gives_its_plate_to_nobody)
	{
		struct tx_row claimed;

		add_many(2);
		claimed = claim(&me, 0);
		add_finish(&claimed, ROW_UNCERTAIN, true);
		offer(&me, 0);
		run(&me);
		ck_assert_uint_eq(me.tx.n_claimed, 0);
		ck_assert(is_in(2, ROW_QUEUED));
	}
END_TEST

/* ---- what was published ---- */

static const struct {
	int64_t before, seqs[3], after; /* published_seq of a row of seq 5 */
} acknowledged[] = {
	{ 1, { 2, 2, 2 }, 2 }, { 1, { 2, 3, 4 }, 4 },  { 1, { 4, 3, 2 }, 4 },
	{ 1, { 5, 2, 5 }, 5 }, { 1, { 6, 7, 99 }, 1 }, { 1, { 0, 0, 0 }, 1 },
	{ 4, { 3, 3, 2 }, 4 },
};

START_TEST(published_seq_rises_and_never_above_what_there_is)
	{
		add_many(2);
		postgres_exec(db, acknowledged[_i].before == 1
					  ? "UPDATE toasties SET seq = 5"
					  : "UPDATE toasties SET seq = 5,"
					    " published_seq = 4");
		for (int i = 0; i < 3; i++)
			add_published(1, acknowledged[_i].seqs[i]);
		add_published(77, 1);
		run(&me);
		ck_assert_int_eq(look(1, "t.published_seq"),
				 acknowledged[_i].after);
		ck_assert_int_eq(look(1, "t.seq"), 5);
		ck_assert_int_eq(look(2, "t.published_seq"),
				 acknowledged[_i].before);
	}
END_TEST

/* ---- tokens ---- */

START_TEST(several_plates_are_raised_each_for_itself)
	{
		struct tx_row rows[3];

		for (int n = 0; n < 3; n++) {
			add((struct toast){ .n = n + 1 });
			rows[n] = claim(&me, n);
		}
		for (uint32_t n = 0; n < 3; n++)
			add_raise(&rows[2 - n], 10 * n);
		run(&me);
		for (uint32_t n = 0; n < 3; n++) {
			ck_assert(me.tx.raise[n].done);
			ck_assert_uint_eq(me.tx.raise[n].token,
					  n ? 10 * n + 1 : 2);
			ck_assert_int_eq(look((int)(3 - n), "i.token"),
					 me.tx.raise[n].token);
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
		struct tx_row claimed = claim_first();

		set_token(rises[_i].table);
		run_raise(&claimed, rises[_i].seen);
		ck_assert(me.tx.raise[0].done);
		ck_assert_uint_eq(me.tx.raise[0].tag, 7);
		ck_assert_int_eq(me.tx.raise[0].token, rises[_i].token);
		ck_assert_int_eq(look(1, "i.token"), rises[_i].token);
		ck_assert(is_out() == (rises[_i].token == GRILL_TOKEN_LAST));
	}
END_TEST

START_TEST(a_claim_is_above_what_the_plate_has_seen_or_there_is_none)
	{
		add_many(1);
		set_token(rises[_i].table);
		offer(&me, 0);
		me.tx.plates[0].token = rises[_i].seen;
		run(&me);
		ck_assert_int_eq(token_of(0), rises[_i].token);
		if (rises[_i].token == GRILL_TOKEN_LAST) {
			ck_assert_uint_eq(me.tx.n_rows, 0);
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
		struct tx_row claimed = claim_first();

		finish(&claimed, ROW_DONE, false);
		run_raise(&claimed, 0);
		ck_assert(!me.tx.raise[0].done);
		ck_assert_int_eq(token_of(0), 1);
	}
END_TEST

START_TEST(a_plate_that_was_removed_has_had_its_last_token)
	{
		struct tx_row claimed = claim_first();

		postgres_exec(db, "DELETE FROM control.plates;"
				  "DELETE FROM control.grills");
		run_raise(&claimed, 0);
		ck_assert(me.tx.raise[0].done);
		ck_assert_uint_eq(me.tx.raise[0].token, GRILL_TOKEN_LAST);
	}
END_TEST

/* ---- adopting ---- */

START_TEST(open_intents_of_what_is_held_are_adopted)
	{
		struct tx_row claimed, theirs;
		const struct tx_row *row;

		add_many(1);
		add((struct toast){ .n = 2, .partition = 2 });
		add((struct toast){ .n = 3 });
		claimed = claim(&me, 0);
		theirs = claim(&other, 1);
		run_asks(&me, (struct tx_asks){ .adopt = true });
		ck_assert_uint_eq(me.tx.n_rows, 1);
		row = row_of(&me, 1);
		ck_assert_int_eq(row->kind, TX_ADOPTED);
		ck_assert_int_eq(row->intent_id, claimed.intent_id);
		ck_assert_uint_eq(row->token, claimed.token);
		ck_assert_int_eq(row->boot, 100);
		ck_assert_int_eq(row->time_ms, 1000);
		ck_assert_int_eq(row->row.plate, 0);
		ck_assert(!row->published);
		/* The worker that gets the partition gets its intents. */
		take_over(&me, 2);
		scheduler_tx_reset(&me.tx);
		add_published(2, 2);
		run(&me);
		run_asks(&me, (struct tx_asks){ .adopt = true });
		ck_assert_int_eq(row_of(&me, 2)->intent_id, theirs.intent_id);
		ck_assert(row_of(&me, 2)->published);
	}
END_TEST

START_TEST(what_is_parked_is_adopted_too)
	{
		struct tx_row claimed = claim_first();

		finish(&claimed, ROW_UNCERTAIN, true);
		postgres_exec(db, "UPDATE intents SET boot = NULL");
		run_asks(&me, (struct tx_asks){ .adopt = true });
		ck_assert_int_eq(row_of(&me, 1)->kind, TX_ADOPTED);
		ck_assert_int_eq(row_of(&me, 1)->boot, -1);
		ck_assert_int_eq(row_of(&me, 1)->row.state, ROW_UNCERTAIN);
		ck_assert_int_eq(row_of(&me, 1)->intent_id, claimed.intent_id);
		finish(&claimed, ROW_UNCERTAIN, false);
		run_asks(&me, (struct tx_asks){ .adopt = true });
		ck_assert_uint_eq(me.tx.n_rows, 0);
	}
END_TEST

/* ---- a zombie ---- */

/* One of its two partitions is lost, and its first change fails all of it. */
static const struct {
	bool finish, raise, published, claim, demo;
	int32_t lost;
} zombies[] = {
	{ .finish = true, .published = true, .claim = true, .lost = 1 },
	{ .raise = true },
	{ .published = true },
	{ .claim = true },
	{ .demo = true },
};

START_TEST(whatever_a_zombie_would_change_it_does_not)
	{
		struct tx_row claimed = claim_first();

		add((struct toast){ .n = 2,
				    .stall = zombies[_i].demo ? "demo-1"
							      : "main" });
		take_over(&other, zombies[_i].lost);
		if (zombies[_i].finish)
			add_finish(&claimed, ROW_DONE, false);
		if (zombies[_i].raise)
			add_raise(&claimed, 0);
		if (zombies[_i].published)
			add_published(1, 2);
		if (zombies[_i].claim)
			offer(&me, 1);
		me.tx.asks.look = zombies[_i].demo;
		ck_assert_int_eq(try(&me), PG_E_SQL);
		ck_assert(is_in(1, ROW_GRILLING));
		ck_assert_int_eq(look(1, "t.published_seq"), 1);
		ck_assert_int_eq(look(1, "i.token"), 1);
		ck_assert(is_in(2, ROW_QUEUED));
		ck_assert_int_eq(n_open(), 1);
		ck_assert_int_eq(
			count("SELECT sum(token)::bigint FROM control.plates"),
			1);
	}
END_TEST

/* ---- demo stalls ---- */

START_TEST(a_demo_toastie_is_done_without_a_plate)
	{
		add((struct toast){ .n = 1, .stall = "demo-gita" });
		add((struct toast){ .n = 2 });
		if (_i)
			offer(&me, 0);
		me.tx.asks.look = !_i;
		run(&me);
		check_row(1, TX_FINISHED, ROW_DONE, 2);
		ck_assert_int_eq(row_of(&me, 1)->row.plate, TOASTIE_PLATE_NONE);
		ck_assert_int_eq(count("SELECT count(*) FROM intents"
				       " JOIN toasties USING (order_id)"
				       " WHERE number = 1"),
				 0);
		ck_assert(is_in(2, _i ? ROW_GRILLING : ROW_QUEUED));
	}
END_TEST

int main(void)
{
	/* clang-format off */
	return run_tests("sql_scheduler", setup, teardown, (const struct check_row[]){
		{ a_queued_toastie_gets_a_free_plate_an_intent_and_a_token, 1 },
		{ how_it_is_wanted_says_how_long_it_is_grilled, CHECK_N(times) },
		{ what_came_first_goes_first, CHECK_N(orders) },
		{ what_goes_back_to_the_queue_keeps_its_place, 1 },
		{ a_plate_with_an_open_intent_is_not_given_again, 1 },
		{ what_another_has_under_lock_is_passed_over_without_a_wait, 1 },
		{ only_what_is_queued_is_claimed_on_a_plate_that_is_in_use, CHECK_N(unclaimable) },
		{ of_two_claimers_at_once_a_plate_is_one_s, 1 },
		{ what_ends_is_published_and_its_plate_is_the_next_ones_then, CHECK_N(finishes) },
		{ what_could_not_be_started_is_tried_on_so_many_plates_then_returned, 1 },
		{ what_is_queued_and_cancelled_is_returned_and_on_no_plate, 1 },
		{ how_long_a_toastie_has_waited_comes_with_its_end, 2 },
		{ what_was_settled_before_is_not_finished_again, CHECK_N(settled) },
		{ the_transaction_that_frees_a_plate_gives_it_to_the_next_toastie, 1 },
		{ the_transaction_that_parks_a_toastie_gives_its_plate_to_nobody, 1 },
		{ published_seq_rises_and_never_above_what_there_is, CHECK_N(acknowledged) },
		{ several_plates_are_raised_each_for_itself, 1 },
		{ a_token_rises_above_what_the_plate_has_seen_and_not_beyond_the_last, CHECK_N(rises) },
		{ a_claim_is_above_what_the_plate_has_seen_or_there_is_none, CHECK_N(rises) },
		{ for_an_intent_that_is_closed_no_token_is_raised, 1 },
		{ a_plate_that_was_removed_has_had_its_last_token, 1 },
		{ open_intents_of_what_is_held_are_adopted, 1 },
		{ what_is_parked_is_adopted_too, 1 },
		{ whatever_a_zombie_would_change_it_does_not, CHECK_N(zombies) },
		{ a_demo_toastie_is_done_without_a_plate, 2 },
		{ 0 },
	});
	/* clang-format on */
}
