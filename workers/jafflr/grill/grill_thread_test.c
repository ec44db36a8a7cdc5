/* SPDX-License-Identifier: MIT */
/*
 * Grill thread: on a grill in memory, which the test can make hang: calls wait
 * at a gate until the test opens it.
 */
#include "workers/jafflr/grill/grill_thread.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "infra/lib/check_fixture.h"
#include "workers/jafflr/grill/grill_fake.h"
#include "workers/jafflr/grill/grill_modbus.h"

#define DEADLINE_MS 10000
/* All plates are read by so many requests. */
enum { N_PLATES = 20, N_REQUESTS = 3, BOX_MAX = GRILL_PLATES_MAX * 4 };

static struct grill_fake *grills[2];
static struct loop *loop;
static struct grill_thread *threads[2];
static struct grill_report reports[N_PLATES]; /* that were read last */

static void setup(void)
{
	struct grill_thread_params params = {
		.ops = &grill_modbus_ops,
		.n_plates = N_PLATES,
	};

	ck_assert_int_eq(loop_new(&loop), 0);
	params.loop = loop;
	for (int i = 0; i < 2; i++) {
		grills[i] = grill_fake_new(N_PLATES);
		params.arg = grills[i];
		ck_assert_int_eq(grill_thread_new(&threads[i], &params), 0);
	}
}

static void teardown(void)
{
	for (int i = 0; i < 2; i++) {
		grill_fake_gate(grills[i], false);
		threads[i] = grill_thread_free(threads[i]);
		grills[i] = grill_fake_free(grills[i]);
	}
	loop = loop_free(loop);
}

/* ---- what the tests do with it ---- */

static struct grill_command start_of(int plate, uint32_t token, uint64_t tag)
{
	return (struct grill_command){
		.start = { .plate = plate,
			   .token = token,
			   .job = { (uint8_t)tag, 1 },
			   .time_ms = 1000 },
		.tag = tag,
	};
}

static struct grill_command fence_of(int plate, uint32_t token, uint64_t tag)
{
	struct grill_command command = start_of(plate, token, tag);

	command.start.time_ms = 0;
	command.fence = true;
	return command;
}

static void give(struct grill_thread *thread, struct grill_command command)
{
	grill_thread_command(thread, &command);
}

static struct grill_answer next_answer(struct grill_thread *thread)
{
	struct grill_answer answer;

	CHECK_WITHIN(DEADLINE_MS, grill_thread_answer(thread, &answer),
		     loop_wait(loop, DEADLINE_MS));
	return answer;
}

/* The reading of a number, or a newer one, of the first grill. */
static int reading_of(uint64_t number)
{
	uint64_t got;
	int outcome;

	CHECK_WITHIN(DEADLINE_MS,
		     grill_thread_reading(threads[0], number - 1, reports, &got,
					  &outcome),
		     loop_wait(loop, DEADLINE_MS));
	ck_assert_uint_ge(got, number);
	return outcome;
}

static int read_now(void)
{
	return reading_of(grill_thread_read_all(threads[0]));
}

static int n_reads(void)
{
	return grill_fake_n_calls(grills[0], GRILL_FAKE_READ);
}

/* Nothing newer than that number. */
static bool no_reading(uint64_t number)
{
	uint64_t got;
	int outcome;

	return !grill_thread_reading(threads[0], number, reports, &got,
				     &outcome);
}

/* A command has come to the gate of the first grill, which is shut. */
static void give_and_hang(struct grill_command command)
{
	grill_fake_gate(grills[0], true);
	give(threads[0], command);
	ck_assert(grill_fake_wait(grills[0], 1, DEADLINE_MS));
}

/* ---- commands ---- */

static const struct {
	enum grill_fake_end end;
	int outcome;
	int n_starts;
} ends[] = {
	{ GRILL_FAKE_WELL, 0, 1 },
	{ GRILL_FAKE_AWAY, GRILL_E_AWAY, 0 },
	{ GRILL_FAKE_REFUSES, GRILL_E_REFUSED, 0 },
	{ GRILL_FAKE_LOSES, GRILL_E_UNKNOWN, 0 },
	{ GRILL_FAKE_SILENT, GRILL_E_UNKNOWN, 1 },
	/* It was not sent. */
	{ GRILL_FAKE_FAULT, GRILL_E_REFUSED, 0 },
};

START_TEST(what_came_of_a_command_comes_back_with_its_tag)
	{
		struct grill_fake *fake = grills[0];
		struct grill_answer answer;

		grill_fake_next(fake, GRILL_FAKE_START, ends[_i].end, 1);
		grill_fake_next(fake, GRILL_FAKE_FENCE, ends[_i].end, 1);
		for (uint64_t tag = 77; tag < 79; tag++) {
			give(threads[0], tag == 77 ? start_of(1, 5, tag)
						   : fence_of(2, 6, tag));
			answer = next_answer(threads[0]);
			ck_assert_uint_eq(answer.tag, tag);
			ck_assert_int_eq(answer.outcome, ends[_i].outcome);
			ck_assert_int_eq(grill_fake_n_starts(fake),
					 ends[_i].n_starts);
		}
		ck_assert(!grill_thread_answer(threads[0], &answer));
	}
END_TEST

START_TEST(what_there_is_no_room_for_was_not_sent)
	{
		struct grill_answer answer;

		give_and_hang(fence_of(0, 1, 1));
		for (uint64_t i = 2; i <= BOX_MAX + 1; i++)
			give(threads[0], fence_of(0, 1, i));
		ck_assert(!grill_thread_answer(threads[0], &answer));
		give(threads[0], fence_of(0, 1, 9999));
		ck_assert(grill_thread_answer(threads[0], &answer));
		ck_assert_uint_eq(answer.tag, 9999);
		ck_assert_int_eq(answer.outcome, GRILL_E_AWAY);
	}
END_TEST

START_TEST(answers_that_nobody_fetches_do_not_pile_up)
	{
		int n = 0;

		for (uint64_t i = 1; i <= BOX_MAX + 100; i++) {
			give(threads[0], fence_of(0, 1, i));
			ck_assert(grill_fake_wait(grills[0], (int)i,
						  DEADLINE_MS));
		}
		/* It stands behind all of them. */
		(void)read_now();
		for (struct grill_answer answer = { 0 };
		     answer.tag != BOX_MAX + 100; n++)
			answer = next_answer(threads[0]);
		ck_assert_int_le(n, BOX_MAX);
	}
END_TEST

/* ---- readings ---- */

START_TEST(a_reading_shows_what_was_given_before_it)
	{
		give(threads[0], start_of(2, 5, 7));
		ck_assert_int_eq(read_now(), 0);
		ck_assert_int_eq(reports[2].state, GRILL_HEATING);
		ck_assert_uint_eq(reports[2].job[0], 7);
		ck_assert_uint_eq(reports[2].token, 5);
		ck_assert_int_eq(reports[3].state, GRILL_IDLE);
	}
END_TEST

START_TEST(readings_are_numbered_and_each_is_newer_once)
	{
		uint64_t number;

		ck_assert(no_reading(0));
		for (uint64_t i = 1; i <= 50; i++) {
			number = grill_thread_read_all(threads[0]);
			ck_assert_uint_eq(number, i);
			(void)reading_of(number);
			ck_assert(no_reading(number));
		}
	}
END_TEST

START_TEST(several_requests_are_answered_by_one_reading)
	{
		uint64_t got;
		int outcome;

		give_and_hang(fence_of(0, 1, 1));
		for (int i = 0; i < 9; i++)
			(void)grill_thread_read_all(threads[0]);
		ck_assert(no_reading(0));
		grill_fake_gate(grills[0], false);
		(void)reading_of(9);
		ck_assert(grill_thread_reading(threads[0], 0, reports, &got,
					       &outcome));
		ck_assert_uint_eq(got, 9);
		ck_assert_int_eq(n_reads(), N_REQUESTS);
	}
END_TEST

/* What was asked for while a reading was under way may have changed since. */
START_TEST(a_reading_that_had_begun_does_not_answer_a_later_request)
	{
		uint64_t number;

		grill_fake_gate(grills[0], true);
		number = grill_thread_read_all(threads[0]);
		ck_assert(grill_fake_wait(grills[0], 1, DEADLINE_MS));
		ck_assert_uint_eq(grill_thread_read_all(threads[0]),
				  number + 1);
		grill_fake_gate(grills[0], false);
		(void)reading_of(number + 1);
		ck_assert_int_eq(n_reads(), 2 * N_REQUESTS);
	}
END_TEST

START_TEST(a_reading_that_failed_says_so_and_fills_in_nothing)
	{
		struct grill_report before[N_PLATES];

		memset(reports, 0x5a, sizeof(reports));
		memcpy(before, reports, sizeof(reports));
		grill_fake_next(grills[0], GRILL_FAKE_READ, GRILL_FAKE_LOSES,
				1);
		ck_assert_int_eq(read_now(), GRILL_E_UNKNOWN);
		ck_assert_mem_eq(reports, before, sizeof(reports));
		ck_assert_int_eq(read_now(), 0);
		ck_assert_uint_eq(reports[0].boot, 1);
	}
END_TEST

/* Plates are read together that one request reaches. */
static const struct {
	int plates[4]; /* that are asked for; -1: no more */
	int n_requests;
	bool with_5; /* it stands between two of them */
} groups[] = {
	{ { 3, -1 }, 1, false },
	{ { 0, 6, -1 }, 1, true },
	{ { 0, 7, -1 }, 2, false },
	{ { 19, 3, 13, 9 }, 2, true },
};

START_TEST(only_what_was_asked_for_is_read_and_what_stands_together_at_once)
	{
		bool asked[N_PLATES] = { false };
		uint64_t number = 0;
		int before;

		(void)read_now();
		give_and_hang(start_of(3, 5, 7));
		before = n_reads();
		for (int i = 0; i < 4 && groups[_i].plates[i] >= 0; i++) {
			asked[groups[_i].plates[i]] = true;
			number = grill_thread_read(threads[0],
						   groups[_i].plates[i]);
		}
		grill_fake_gate(grills[0], false);
		ck_assert_int_eq(reading_of(number), 0);
		ck_assert_int_eq(n_reads() - before, groups[_i].n_requests);
		for (int i = 0; i < N_PLATES; i++)
			if (asked[i])
				ck_assert_uint_eq(reports[i].reading, number);
		if (asked[3])
			ck_assert_int_eq(reports[3].state, GRILL_HEATING);
		ck_assert_uint_eq(reports[5].reading,
				  groups[_i].with_5 ? number : 1);
	}
END_TEST

/* Gives how often the grill was asked for it. */
static int read_once(int *ret_outcome)
{
	int before = n_reads();

	*ret_outcome = read_now();
	return n_reads() - before;
}

START_TEST(a_silent_plate_does_not_hide_the_others)
	{
		int outcome;

		grill_fake_silence(grills[0], 1, true);
		ck_assert_int_eq(read_once(&outcome), 1);
		ck_assert_int_eq(outcome, GRILL_E_UNKNOWN);
		for (int round = 0; round < 2; round++) {
			ck_assert_int_eq(read_once(&outcome), N_PLATES);
			ck_assert_int_eq(outcome, 0);
			ck_assert_int_eq(reports[0].state, GRILL_IDLE);
			ck_assert_int_eq(reports[1].state, GRILL_SILENT);
			ck_assert_int_eq(reports[3].state, GRILL_IDLE);
		}
		/* All answer again: soon they are read together again. */
		grill_fake_silence(grills[0], 1, false);
		ck_assert_int_eq(read_once(&outcome), N_PLATES);
		ck_assert_int_eq(reports[1].state, GRILL_IDLE);
		ck_assert_int_eq(read_once(&outcome), N_REQUESTS);
		ck_assert_int_eq(outcome, 0);
	}
END_TEST

START_TEST(a_grill_that_is_silent_is_not_asked_for_each_plate)
	{
		int outcome;

		for (int i = 0; i < N_PLATES; i++)
			grill_fake_silence(grills[0], i, true);
		for (int round = 0; round < 4; round++) {
			ck_assert_int_lt(read_once(&outcome), N_PLATES);
			ck_assert_int_eq(outcome, GRILL_E_UNKNOWN);
		}
		for (int i = 0; i < N_PLATES; i++)
			grill_fake_silence(grills[0], i, false);
		(void)read_once(&outcome);
		ck_assert_int_eq(outcome, 0);
		ck_assert_int_eq(reports[3].state, GRILL_IDLE);
	}
END_TEST

/* ---- threads ---- */

START_TEST(a_grill_that_hangs_does_not_keep_another_waiting)
	{
		struct grill_answer answer;

		give_and_hang(start_of(0, 1, 1));
		for (uint64_t i = 1; i <= 20; i++) {
			give(threads[1], fence_of(0, (uint32_t)i, i));
			ck_assert_uint_eq(next_answer(threads[1]).tag, i);
		}
		ck_assert(!grill_thread_answer(threads[0], &answer));
		grill_fake_gate(grills[0], false);
		ck_assert_uint_eq(next_answer(threads[0]).tag, 1);
	}
END_TEST

static void *open_gate_later(void *arg)
{
	/* A thread that does not wait is given the time to end too early. */
	(void)grill_fake_wait(arg, N_PLATES, 100);
	grill_fake_gate(arg, false);
	return NULL;
}

START_TEST(a_thread_that_ends_waits_for_its_command_and_drops_the_rest)
	{
		int64_t began_ms;
		pthread_t opener;

		grill_fake_gate(grills[0], true);
		for (int plate = 0; plate < N_PLATES; plate++)
			give(threads[0],
			     start_of(plate, 1, (uint64_t)plate + 1));
		ck_assert(grill_fake_wait(grills[0], 1, DEADLINE_MS));
		began_ms = clock_now_ms();
		ck_assert_int_eq(pthread_create(&opener, NULL, open_gate_later,
						grills[0]),
				 0);
		threads[0] = grill_thread_free(threads[0]);
		ck_assert_int_ge(clock_now_ms() - began_ms, 95);
		ck_assert_int_lt(clock_now_ms() - began_ms, DEADLINE_MS / 2);
		ck_assert_int_eq(grill_fake_n_starts(grills[0]), 1);
		ck_assert_int_eq(
			grill_fake_n_calls(grills[0], GRILL_FAKE_CLOSE), 1);
		(void)pthread_join(opener, NULL);
	}
END_TEST

START_TEST(more_plates_than_there_is_room_for_is_our_mistake)
	{
		struct grill_thread_params params = {
			.ops = &grill_modbus_ops,
			.arg = grills[0],
			.n_plates = GRILL_PLATES_MAX + 1,
			.loop = loop,
		};
		struct grill_thread *thread;

		(void)grill_thread_new(&thread, &params);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("grill_thread");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ what_came_of_a_command_comes_back_with_its_tag, CHECK_N(ends) },
		{ what_there_is_no_room_for_was_not_sent, 1 },
		{ answers_that_nobody_fetches_do_not_pile_up, 1 },
		{ a_reading_shows_what_was_given_before_it, 1 },
		{ readings_are_numbered_and_each_is_newer_once, 1 },
		{ several_requests_are_answered_by_one_reading, 1 },
		{ a_reading_that_had_begun_does_not_answer_a_later_request, 1 },
		{ a_reading_that_failed_says_so_and_fills_in_nothing, 1 },
		{ only_what_was_asked_for_is_read_and_what_stands_together_at_once, CHECK_N(groups) },
		{ a_silent_plate_does_not_hide_the_others, 1 },
		{ a_grill_that_is_silent_is_not_asked_for_each_plate, 1 },
		{ a_grill_that_hangs_does_not_keep_another_waiting, 1 },
		{ a_thread_that_ends_waits_for_its_command_and_drops_the_rest, 1 },
		{ 0 },
	});
	/* clang-format on */
	tcase_add_test_raise_signal(
		tcase, more_plates_than_there_is_room_for_is_our_mistake,
		SIGABRT);
	return check_run(suite);
}
