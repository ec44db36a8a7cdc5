/* SPDX-License-Identifier: MIT */
/*
 * Ten thousand orders, some sent twice, some of the old version, some that
 * nobody can read: each has one outcome, and each toastie is made once.
 */
#include <check.h>

#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 10000

START_TEST(each_of_ten_thousand_orders_has_one_outcome_and_one_toastie)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct check_result result;
		struct rush rush;

		(void)world_start(world, "chillybin-1", NULL);
		(void)world_start(world, "chillybin-2", NULL);
		(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
		(void)world_start(world, "jafflr-2", QUICK_GRILL, NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = N_ORDERS,
						 .restock = 8000,
						 .v1_percent = 30,
						 .duplicate_percent = 5,
						 .poison_percent = 1 },
			  true);
		world_wait_all_ready(world);
		rush_start(&rush);
		result = rush_check(&rush, PATIENCE_MS);
		ck_assert_int_eq(result.n_orders, N_ORDERS);
		ck_assert_int_gt(result.n_refused, 0);
		ck_assert_int_gt(result.n_repeats, N_ORDERS * 3 / 100);
		ck_assert_int_gt(result.n_dead_letters, N_ORDERS / 200);
		ck_assert_int_eq(result.n_done, result.n_picked);
		ck_assert_int_eq(result.n_starts, result.n_done);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		each_of_ten_thousand_orders_has_one_outcome_and_one_toastie,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
