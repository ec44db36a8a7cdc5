/* SPDX-License-Identifier: MIT */
/* Tick: lists that grow, and what an empty one is. */
#include "workers/jafflr/tick.h"

#include "infra/lib/check_fixture.h"

static struct tick tick;

static void teardown(void)
{
	tick_deinit(&tick);
}

START_TEST(a_list_grows_and_keeps_what_was_added)
	{
		for (int64_t i = 0; i < 1000; i++)
			TICK_ADD(&tick, told).seq = i;
		ck_assert_uint_eq(tick.n_told, 1000);
		for (int64_t i = 0; i < 1000; i++)
			ck_assert_int_eq(tick.told[i].seq, i);
	}
END_TEST

START_TEST(an_element_is_empty_when_it_is_added_also_in_used_memory)
	{
		TICK_ADD(&tick, finish) = (struct tick_finish){
			.intent_id = 5,
			.reason = "reason",
			.keep_plate = true,
		};
		tick_reset(&tick);
		(void)TICK_ADD(&tick, finish);
		ck_assert_int_eq(tick.finish[0].intent_id, 0);
		ck_assert_ptr_null(tick.finish[0].reason);
		ck_assert(!tick.finish[0].keep_plate);
	}
END_TEST

START_TEST(a_reset_leaves_nothing_to_do_and_keeps_its_memory)
	{
		const struct tick_row *rows;

		(void)TICK_ADD(&tick, finish);
		(void)TICK_ADD(&tick, told);
		(void)TICK_ADD(&tick, raise);
		(void)TICK_ADD(&tick, plates);
		(void)TICK_ADD(&tick, rows);
		(void)TICK_ADD(&tick, grills);
		tick.adopt = tick.look = tick.list_grills = tick.looked = true;
		tick.n_claimed = 3;
		rows = tick.rows;
		tick_reset(&tick);
		ck_assert_uint_eq(tick.n_finish + tick.n_told + tick.n_raise +
					  tick.n_plates + tick.n_rows +
					  tick.n_grills + tick.n_claimed,
				  0);
		ck_assert(!tick.adopt && !tick.look && !tick.list_grills &&
			  !tick.looked);
		(void)TICK_ADD(&tick, rows);
		ck_assert_ptr_eq(tick.rows, rows);
	}
END_TEST

START_TEST(ends_and_new_tokens_cannot_wait)
	{
		ck_assert(!tick_pending(&tick));
		(void)TICK_ADD(&tick, told);
		(void)TICK_ADD(&tick, plates);
		tick.look = true;
		ck_assert(!tick_pending(&tick));
		(void)TICK_ADD(&tick, finish);
		ck_assert(tick_pending(&tick));
		tick_reset(&tick);
		ck_assert(!tick_pending(&tick));
		(void)TICK_ADD(&tick, raise);
		ck_assert(tick_pending(&tick));
	}
END_TEST

START_TEST(it_may_be_ended_twice)
	{
		(void)TICK_ADD(&tick, rows);
		(void)arena_alloc(&tick.arena, 100);
		tick_deinit(&tick);
		tick_deinit(&tick);
		ck_assert_ptr_null(tick.rows);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tick");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, a_list_grows_and_keeps_what_was_added);
	tcase_add_test(
		tcase,
		an_element_is_empty_when_it_is_added_also_in_used_memory);
	tcase_add_test(tcase,
		       a_reset_leaves_nothing_to_do_and_keeps_its_memory);
	tcase_add_test(tcase, ends_and_new_tokens_cannot_wait);
	tcase_add_test(tcase, it_may_be_ended_twice);
	return check_run(suite);
}
