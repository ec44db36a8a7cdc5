/* SPDX-License-Identifier: MIT */
/* Tally: sums over workers that are there, come, and start anew. */
#include "infra/overlord/canary/tally.h"

#include <stdio.h>

#include "infra/lib/check_fixture.h"

static struct tally tally;
static struct outcomes candidate, other;

static void begin(void)
{
	tally = (struct tally){ 0 };
}

/* @quick and @slow records, @refused of them refused orders. */
static void note(const char *name, bool is_candidate, int quick, int slow,
		 int refused)
{
	char counters[512];

	(void)snprintf(
		counters, sizeof(counters),
		"{\"galore_orders_total{verdict=\\\"picked\\\"}\": %d,"
		"\"galore_orders_total{verdict=\\\"refused\\\"}\": %d,"
		"\"galore_records_total{outcome=\\\"decided\\\"}\": %d,"
		"\"messaging_process_duration_seconds\": [%d, 0, 0, %d]}",
		quick + slow - refused, refused, quick + slow, quick, slow);
	ck_assert(tally_note(&tally, name, is_candidate, counters));
}

static void expect(enum outcome_kind kind, const struct outcomes *outcomes,
		   int64_t bad, int64_t of)
{
	ck_assert_int_eq(outcomes->shares[kind].bad, bad);
	ck_assert_int_eq(outcomes->shares[kind].of, of);
}

START_TEST(what_was_counted_before_the_first_look_is_left_out)
	{
		note("green-1", true, 1000, 0, 900);
		note("blue-1", false, 5000, 0, 10);
		tally_begin(&tally);
		note("green-1", true, 1100, 0, 910);
		note("blue-1", false, 7000, 0, 30);
		ck_assert_int_eq(tally_sum(&tally, &candidate, &other), 100);
		expect(OUTCOME_REFUSED, &candidate, 10, 100);
		expect(OUTCOME_REFUSED, &other, 20, 2000);
	}
END_TEST

START_TEST(a_worker_that_starts_anew_loses_nothing_of_what_it_had_counted)
	{
		tally_begin(&tally);
		note("green-1 at 1", true, 70, 0, 7);
		note("green-1 at 2", true, 30, 0, 3);
		ck_assert_int_eq(tally_sum(&tally, &candidate, &other), 100);
		expect(OUTCOME_REFUSED, &candidate, 10, 100);
	}
END_TEST

START_TEST(slow_is_what_few_of_the_other_colour_are)
	{
		tally_begin(&tally);
		note("blue-1", false, 980, 20, 0);
		note("green-1", true, 10, 90, 0);
		(void)tally_sum(&tally, &candidate, &other);
		expect(OUTCOME_SLOW, &candidate, 90, 100);
		expect(OUTCOME_SLOW, &other, 20, 1000);
	}
END_TEST

START_TEST(what_is_usual_of_the_other_colour_is_not_slow)
	{
		tally_begin(&tally);
		note("blue-1", false, 500, 500, 0);
		note("green-1", true, 10, 90, 0);
		(void)tally_sum(&tally, &candidate, &other);
		expect(OUTCOME_SLOW, &candidate, 0, 100);
	}
END_TEST

START_TEST(times_from_before_they_were_forgotten_do_not_count)
	{
		tally_begin(&tally);
		note("blue-1", false, 1000, 0, 0);
		note("green-1", true, 10, 90, 7);
		tally_forget_times(&tally);
		note("blue-1", false, 2000, 0, 0);
		note("green-1", true, 110, 90, 7);
		(void)tally_sum(&tally, &candidate, &other);
		expect(OUTCOME_SLOW, &candidate, 0, 100);
		expect(OUTCOME_SLOW, &other, 0, 1000);
		expect(OUTCOME_REFUSED, &candidate, 7, 200);
	}
END_TEST

START_TEST(what_is_no_object_is_not_noted)
	{
		ck_assert(!tally_note(&tally, "green-1", true, "[1"));
		ck_assert(!tally_note(&tally, "green-1", true, "[1]"));
		ck_assert(tally_note(&tally, "green-1", true, "{}"));
		ck_assert_uint_eq(tally.n_workers, 1);
	}
END_TEST

START_TEST(more_workers_than_there_is_room_for_are_not_noted)
	{
		char name[16];

		for (int i = 0; i <= TALLY_WORKERS_MAX; i++) {
			(void)snprintf(name, sizeof(name), "green-%d", i);
			ck_assert_int_eq(tally_note(&tally, name, true, "{}"),
					 i < TALLY_WORKERS_MAX);
		}
		ck_assert(tally_note(&tally, "green-0", true, "{}"));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tally");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, begin, NULL);
	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ what_was_counted_before_the_first_look_is_left_out, 1 },
		{ a_worker_that_starts_anew_loses_nothing_of_what_it_had_counted, 1 },
		{ slow_is_what_few_of_the_other_colour_are, 1 },
		{ what_is_usual_of_the_other_colour_is_not_slow, 1 },
		{ times_from_before_they_were_forgotten_do_not_count, 1 },
		{ what_is_no_object_is_not_noted, 1 },
		{ more_workers_than_there_is_room_for_are_not_noted, 1 },
		{ 0 },
	});
	/* clang-format on */
	return check_run(suite);
}
