/* SPDX-License-Identifier: MIT */
/*
 * A worker is ready soon, is small when idle, leaves in time when it is asked
 * to, and what it had begun is done or is another worker's. When it has left,
 * Kafka's tools read from its group's offsets where it stood.
 */
#include <inttypes.h>
#include <signal.h>

#include "infra/lib/clock.h"
#include "itests/harness/commands.h"
#include "itests/harness/gate.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define READY_SOON_MS 1000
#define IDLE_MAX_KBYTES (12 * 1024)
#define LEAVE_MS 30000
/* Other tests run beside this one and may use its core for a while; a worker
 * that is slow itself is slow each time. */
#define N_STARTS 20

static const struct {
	const char *name;
	int64_t n_partitions;
} kinds[] = { { "chillybin-1", 36 }, { "jafflr-1", 12 }, { "tally-1", 12 } };

/*
 * The quickest of several starts is within a second. All that it holds counts
 * as its memory, pages of files too, which other processes may share.
 */
WORLD_CASES(the_quickest_start_takes_a_second_and_an_idle_worker_is_small,
	    N_ROWS(kinds))
{
	struct program *program;
	int64_t ready_ms, kbytes;

	(void)grill_open(world, "grill-1", 8, 1);
	program = world_start(world, kinds[i].name);
	ready_ms = program_wait_ready(program);
	kbytes = program_memory_kbytes(program, "Rss");
	/* Ready is: all that it was to have, it has. */
	ck_assert_int_eq(program_metric(program, "galore_assigned_partitions"),
			 kinds[i].n_partitions);
	suite_note("%s: ready after %" PRId64 " ms, %" PRId64 " KiB resident, "
		   "of them %" PRId64 " its own",
		   kinds[i].name, ready_ms, kbytes,
		   program_memory_kbytes(program, "Anonymous"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_int_le(kbytes, IDLE_MAX_KBYTES);
#endif
	for (int n = 1; n < N_STARTS && ready_ms > READY_SOON_MS; n++) {
		(void)program_stop(program);
		program_start(program);
		ready_ms = program_wait_ready(program);
	}
	ck_assert_int_le(ready_ms, READY_SOON_MS);
}

static const int signals[] = { SIGTERM, SIGINT };

/* Both kinds of worker are asked to leave in the middle of a transaction, with
 * much to do before them. */
WORLD_CASES(a_worker_that_is_asked_to_leave_under_load_leaves_nothing_half_done,
	    N_ROWS(signals))
{
	static const char *const tables[] = { "orders", "intents" };
	struct rush_workers workers = rush_workers(world, 2, NULL);
	struct program *leaving[] = { workers.chillybin, workers.jafflr };
	int64_t asked_at_ms;
	struct rush rush;

	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = 5000, .n_waves = 2 });
	for (int k = 0; k < 2; k++)
		gate_build(world, tables[k]);
	for (int k = 0; k < 2; k++) {
		rush_start(&rush);
		gate_wait_for(world, leaving[k]);
		asked_at_ms = clock_now_ms();
		program_signal(leaving[k], signals[i]);
		gate_open(world, tables[k]);
		ck_assert_int_eq(program_wait(leaving[k], LEAVE_MS), 0);
		suite_note("%s left after %" PRId64 " ms", leaving[k]->name,
			   since_ms(asked_at_ms));
	}
	ck_assert_int_eq(rush_check(&rush).n_orders, 5000);
}

/* No other worker is there to complete what it leaves undone. */
WORLD_TEST(a_worker_asked_to_leave_ends_its_batch_and_publishes_it_first)
{
	struct rush rush;
	/* No fact waits so long that the worker leaves without it. */
	struct program *chillybin = rush_hold(&rush, world, "LINGER_MS=1000");
	int64_t n_decided, deadline_at_ms;

	program_signal(chillybin, SIGTERM);
	deadline_at_ms = within(PATIENCE_MS);
	while (!program_ended(chillybin) && !program_unready_now(chillybin))
		wait_more(deadline_at_ms, "chillybin does not leave");
	ck_assert(!program_ended(chillybin));
	gate_open(world, "orders");
	ck_assert_int_eq(program_wait(chillybin, LEAVE_MS), 0);
	n_decided = db_i64(world->db, "orders");
	ck_assert_int_gt(n_decided, 0);
	ck_assert_int_eq(bus_count(world, "picks"), n_decided);
	db_expect(world->db, 0,
		  "positions WHERE service = 'chillybin' AND (holder IS "
		  "NOT NULL OR emitted_offset <> next_offset)");
	program_start(chillybin);
	ck_assert_int_eq(rush_check(&rush).n_orders, RUSH_FEW);
}

WORLD_TEST(a_worker_that_has_left_has_committed_where_it_stood_to_its_group)
{
	struct program *chillybin = world_start(world, "chillybin-1");

	/* So many orders leave no partition out. */
	send_orders(world_bus(world), 0, 100, -1);
	wait_decided(world, 100);
	(void)program_stop(chillybin);
	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++) {
		int64_t committed = topic_committed(world, "orders", i);

		ck_assert_int_gt(committed, 0);
		db_expect(world->db, committed,
			  "SELECT emitted_offset FROM positions WHERE service "
			  "= 'chillybin' AND topic = 'orders' AND partition = "
			  "%d",
			  i);
	}
}

/* Its session would last longer than the test waits. */
#define LONG_SESSION "GROUP_SESSION_TIMEOUT_MS=300000"

WORLD_TEST(a_static_member_that_is_interrupted_gives_its_partitions_up_at_once)
{
	struct program *stays = world_start_ready(
		world, "chillybin-1", "INSTANCE_ID=one", LONG_SESSION);
	struct program *goes = world_start_ready(
		world, "chillybin-2", "INSTANCE_ID=two", LONG_SESSION);

	program_wait_metric(goes, "galore_assigned_partitions", 18);
	program_signal(goes, SIGINT);
	ck_assert_int_eq(program_wait(goes, LEAVE_MS), 0);
	program_wait_metric(stays, "galore_assigned_partitions", 36);
	send_orders(world_bus(world), 0, 100, -1);
	wait_decided(world, 100);
}

WORLD_TEST(tally_counts_each_toastie_once_by_stall_and_hour)
{
	struct program *tally;
	struct rush rush;

	(void)rush_workers(world, 1, NULL);
	tally = world_start(world, "tally-1");
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = 1000, .n_waves = 2 });
	gate_build(world, "tally");
	for (int wave = 0; wave < 2; wave++) {
		rush_start(&rush);
		/* In the middle of a batch, each time. */
		gate_let(world, "tally", 1);
		gate_wait_for(world, tally);
		program_kill(tally);
		program_start(tally);
	}
	gate_open(world, "tally");
	ck_assert_int_eq(rush_check(&rush).n_done, 1000);
	db_expect(world->db, 1000, "SELECT sum(toasties)::int8 FROM tally");
	db_expect(world->db, 0,
		  "(SELECT stall, date_trunc('hour', changed_at) AS "
		  "hour, count(*) FROM toasties WHERE state = 'done' "
		  "GROUP BY 1, 2 EXCEPT SELECT stall, hour, toasties "
		  "FROM tally) x");
}
