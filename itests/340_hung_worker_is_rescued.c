/* SPDX-License-Identifier: MIT */
/*
 * A worker that is stopped in the middle of a batch keeps its rows locked, and
 * no time-out of the server ends that. The worker that is assigned its
 * partitions ends its session and goes on; when the first one wakes it commits
 * nothing.
 */
#include <inttypes.h>

#include "infra/lib/clock.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define N_ORDERS 20000
/* The broker lets nobody have less than 500. */
#define GROUP "GROUP_SESSION_TIMEOUT_MS=1500"

WORLD_TEST(a_worker_stopped_in_the_middle_of_a_copy_holds_nobody_up)
{
	struct program *hung, *other;
	int64_t stopped_at_ms, n_decided;
	struct rush rush;

	/* Large batches, and none of them with a repeat: so sent as COPY. */
	hung = world_start(world, "chillybin-1", GROUP, "BATCH_MAX=20000");
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .plain = true,
					 .no_grills = true });
	(void)program_stop(hung);
	rush_start(&rush);
	rush_wait_sent(&rush);
	gate_build(world, "orders");
	/* The one that is let through is written. */
	gate_let(world, "orders", 1);
	program_start(hung);
	gate_wait_for(world, hung);
	program_freeze(hung);
	gate_open(world, "orders");
	/* The server has read all that it was sent, and waits for more. */
	db_wait(world->db, 1,
		"pg_stat_activity WHERE datname = current_database() AND "
		"query LIKE '%%COPY%%' AND backend_xid IS NOT NULL AND "
		"wait_event = 'ClientRead'");
	stopped_at_ms = clock_now_ms();
	other = world_start(world, "chillybin-2", GROUP);
	n_decided = db_i64(world->db, "orders");
	rush_wait_decided(&rush, n_decided + 1);
	suite_note("gone on %" PRId64 " ms after it hung",
		   since_ms(stopped_at_ms));
	rush_wait_decided(&rush, N_ORDERS);
	ck_assert_int_ge(program_metric(other, "galore_rescues_total"), 1);
	program_thaw(hung);
	(void)program_wait_ready(hung);
	ck_assert_int_eq(rush_check(&rush).n_orders, N_ORDERS);
}

WORLD_TEST(a_worker_stopped_anywhere_is_replaced_and_wakes_as_a_stranger)
{
	struct rush_workers workers = rush_workers(world, 2, GROUP);
	struct rush rush;

	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = 8000, .rate = 2500 });
	rush_start(&rush);
	rush_wait_decided(&rush, 2000);
	program_freeze(workers.chillybin);
	program_freeze(workers.jafflr);
	/* The others have all of it. */
	rush_wait_decided(&rush, 7000);
	program_thaw(workers.chillybin);
	program_thaw(workers.jafflr);
	ck_assert_int_eq(rush_check(&rush).n_starts, 8000);
}
