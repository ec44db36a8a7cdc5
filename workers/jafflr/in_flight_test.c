/* SPDX-License-Identifier: MIT */
/* Telling: each token is heard of once, and not at all once it is forgotten. */
#include "workers/jafflr/in_flight.h"

#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"

static struct in_flight in_flight;
static struct in_flight_entry entry;

static void teardown(void)
{
	in_flight_deinit(&in_flight);
}

static struct order_id order(uint8_t n)
{
	return (struct order_id){ { n } };
}

static uint64_t add(uint8_t n)
{
	struct order_id id = order(n);

	return in_flight_add(&in_flight, &id, n * 10, n * 100U);
}

START_TEST(what_goes_with_a_fact_comes_back_with_its_token)
	{
		uint64_t first = add(1), second = add(2);

		ck_assert_uint_eq(in_flight.n_in_flight, 2);
		ck_assert(in_flight_remove(&in_flight, second, &entry));
		ck_assert_uint_eq(entry.order_id.bytes[0], 2);
		ck_assert_int_eq(entry.seq, 20);
		ck_assert_uint_eq(entry.job, 200);
		ck_assert(in_flight_remove(&in_flight, first, &entry));
		ck_assert_uint_eq(entry.order_id.bytes[0], 1);
		ck_assert_uint_eq(in_flight.n_in_flight, 0);
	}
END_TEST

START_TEST(a_token_is_taken_once)
	{
		uint64_t token = add(1);

		ck_assert(in_flight_remove(&in_flight, token, &entry));
		entry.seq = -5;
		ck_assert(!in_flight_remove(&in_flight, token, &entry));
		ck_assert_int_eq(entry.seq, -5);
		ck_assert_uint_eq(in_flight.n_in_flight, 0);
	}
END_TEST

START_TEST(a_token_that_was_never_given_is_nobodys)
	{
		uint64_t token = add(1);

		ck_assert(!in_flight_remove(&in_flight, token + 1, &entry));
		ck_assert(!in_flight_remove(&in_flight,
					    token | UINT64_C(1) << 32, &entry));
		ck_assert_uint_eq(in_flight.n_in_flight, 1);
	}
END_TEST

START_TEST(what_is_forgotten_is_not_heard_of_again)
	{
		uint64_t old[100];

		for (uint8_t i = 0; i < 100; i++)
			old[i] = add(i);
		in_flight_clear(&in_flight);
		ck_assert_uint_eq(in_flight.n_in_flight, 0);
		for (uint8_t i = 0; i < 100; i++)
			(void)add(i);
		for (int i = 0; i < 100; i++)
			ck_assert(
				!in_flight_remove(&in_flight, old[i], &entry));
		ck_assert_uint_eq(in_flight.n_in_flight, 100);
	}
END_TEST

/* The highest bit is the publisher's, for all generations. */
START_TEST(a_token_leaves_the_highest_bit_alone)
	{
		in_flight.generation = (UINT32_C(1) << 31) - 1;
		ck_assert_uint_eq(add(1) >> 63, 0);
		in_flight_clear(&in_flight);
		ck_assert_uint_eq(add(1) >> 63, 0);
		ck_assert_uint_eq(in_flight.generation, 0);
	}
END_TEST

/* ---- against a plain list ---- */

enum { N_STEPS = 20000, LIVE_MAX = 500 };

static struct live {
	uint64_t token;
	int64_t seq;
} live[LIVE_MAX];
static size_t n_live;

static void take_one(uint32_t random)
{
	size_t i = random % n_live;

	ck_assert(in_flight_remove(&in_flight, live[i].token, &entry));
	ck_assert_int_eq(entry.seq, live[i].seq);
	live[i] = live[--n_live];
}

static void add_one(int64_t seq)
{
	struct order_id id = order((uint8_t)seq);
	uint64_t token = in_flight_add(&in_flight, &id, seq, 0);

	for (size_t i = 0; i < n_live; i++)
		ck_assert_uint_ne(live[i].token, token);
	live[n_live++] = (struct live){ token, seq };
}

START_TEST(it_is_as_a_plain_list_in_whatever_order_things_come)
	{
		uint32_t random = 7;
		int n_forgotten = 0;

		for (int64_t i = 1; i < N_STEPS; i++) {
			random = random * 1664525 + 1013904223;
			if (random >> 22 == 0) {
				in_flight_clear(&in_flight);
				n_live = 0;
				n_forgotten++;
			} else if ((random >> 16) % 5 < 3 &&
				   n_live < LIVE_MAX) {
				add_one(i);
			} else if (n_live) {
				take_one(random >> 8);
			}
			ck_assert_uint_eq(in_flight.n_in_flight, n_live);
		}
		ck_assert_int_gt(n_forgotten, 5);
		/* Places are used again: it does not grow for ever. */
		ck_assert_uint_le(in_flight.cap, 2 * LIVE_MAX);
	}
END_TEST

START_TEST(of_a_forgotten_generation_no_token_is_ever_taken)
	{
		uint64_t *old = xreallocarray(NULL, 64 * 50, sizeof(*old));
		size_t n_old = 0;

		for (int generation = 0; generation < 50; generation++) {
			for (uint8_t i = 0; i < 64; i++)
				old[n_old++] = add(i);
			in_flight_clear(&in_flight);
			(void)add(1);
			for (size_t i = 0; i < n_old; i++)
				ck_assert(!in_flight_remove(&in_flight, old[i],
							    &entry));
			in_flight_clear(&in_flight);
		}
		free(old);
	}
END_TEST

START_TEST(it_is_empty_again_when_its_memory_is_gone)
	{
		(void)add(1);
		in_flight_deinit(&in_flight);
		ck_assert_uint_eq(in_flight.n_in_flight, 0);
		in_flight_deinit(&in_flight);
		ck_assert(in_flight_remove(&in_flight, add(3), &entry));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("in_flight");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, what_goes_with_a_fact_comes_back_with_its_token);
	tcase_add_test(tcase, a_token_is_taken_once);
	tcase_add_test(tcase, a_token_that_was_never_given_is_nobodys);
	tcase_add_test(tcase, what_is_forgotten_is_not_heard_of_again);
	tcase_add_test(tcase, a_token_leaves_the_highest_bit_alone);
	tcase_add_test(tcase,
		       it_is_as_a_plain_list_in_whatever_order_things_come);
	tcase_add_test(tcase, of_a_forgotten_generation_no_token_is_ever_taken);
	tcase_add_test(tcase, it_is_empty_again_when_its_memory_is_gone);
	return check_run(suite);
}
