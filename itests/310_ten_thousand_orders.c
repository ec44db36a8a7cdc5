/* SPDX-License-Identifier: MIT */
/*
 * Ten thousand orders, some sent twice, some of the old version, some that
 * nobody can read: each has one outcome, and each toastie is made once.
 */
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 10000

WORLD_TEST(each_of_ten_thousand_orders_has_one_outcome_and_one_toastie)
{
	struct check_result result;
	struct rush rush;

	(void)rush_workers(world, 2, NULL);
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .restock = 8000,
					 .v1_percent = 30,
					 .duplicate_percent = 5,
					 .poison_percent = 1 });
	world_wait_all_ready(world);
	rush_start(&rush);
	result = rush_check(&rush);
	ck_assert_int_eq(result.n_orders, N_ORDERS);
	ck_assert_int_gt(result.n_refused, 0);
	ck_assert_int_gt(result.n_repeats, N_ORDERS * 3 / 100);
	ck_assert_int_gt(result.n_dead_letters, N_ORDERS / 200);
	ck_assert_int_eq(result.n_done, result.n_picked);
	ck_assert_int_eq(result.n_starts, result.n_done);
}
