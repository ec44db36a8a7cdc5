/* SPDX-License-Identifier: MIT */
/*
 * Producers that write in transactions leave offsets at which no record
 * stands: markers, and records that were aborted. They are no lag, cost no
 * time, and may expire. Records that were not decided may not.
 */
#include <inttypes.h>

#include "infra/lib/clock.h"
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

#define PARTITION 3
#define N_SHORT 60
#define SHORT_MS 10000
#define N_LOST 5

static struct bus *transactions_of(const struct world *world)
{
	return bus_new(world, "transactional.id", world->suffix, "linger.ms",
		       "0", NULL);
}

/* The n-th order to @partition, in a transaction of its own. */
static void send_alone(struct bus *bus, uint32_t n, int32_t partition,
		       bool commit)
{
	const struct order_placed order = sample_order(n);
	struct draft draft;

	draft_order(&draft, &order, 2, "placed");
	draft.record.partition = partition;
	bus_begin(bus);
	draft_send(&draft, bus);
	bus_end(bus, commit);
}

/* The same; when it returns the marker stands behind the record. */
static void send_marked(const struct world *world, struct bus *bus, uint32_t n,
			int32_t partition, bool commit)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);
	int64_t end = bus_count(world, "orders") + 2;

	send_alone(bus, n, partition, commit);
	while (bus_count(world, "orders") != end)
		wait_more(deadline_at_ms, "there is no marker");
}

WORLD_TEST(behind_markers_and_aborted_records_there_is_no_lag)
{
	CLEANUP(bus_freep) struct bus *bus = transactions_of(world);
	struct program *chillybin = open_stocked(world);

	send_marked(world, bus, 1, PARTITION, true);
	wait_decided(world, 1);
	program_wait_no_lag(chillybin);
	send_marked(world, bus, 2, PARTITION, false);
	send_marked(world, bus, 3, PARTITION + 1, false);
	program_wait_no_lag(chillybin);
	/* The positions stand at the ends, markers and all. */
	world_settle(world);
	ck_assert_int_eq(program_said(chillybin, "level=warn"), 0);
	/* The next worker finds them there. */
	program_restart(chillybin);
	send_marked(world, bus, 4, PARTITION, true);
	ck_assert_int_eq(check_world(world).n_picked, 2);
	program_wait_no_lag(chillybin);
}

WORLD_TEST(orders_of_one_transaction_each_are_decided_as_quickly_as_others)
{
	CLEANUP(bus_freep) struct bus *bus = transactions_of(world);
	struct program *chillybin = open_stocked(world);
	int64_t start_ms;

	start_ms = clock_now_ms();
	for (uint32_t n = 0; n < N_SHORT; n++)
		send_alone(bus, n, PARTITION, true);
	suite_note("%d transactions in %" PRId64 " ms", N_SHORT,
		   since_ms(start_ms));
	db_wait_within(world->db, SHORT_MS, N_SHORT, "orders");
	suite_note("decided after %" PRId64 " ms", since_ms(start_ms));
	ck_assert_int_eq(check_world(world).n_picked, N_SHORT);
	ck_assert_int_eq(program_said(chillybin, "level=warn"), 0);
	ck_assert_int_gt(program_metric(chillybin, "galore_record_gaps_total"),
			 0);
}

WORLD_TEST(markers_may_expire_with_the_records_that_were_decided)
{
	CLEANUP(bus_freep) struct bus *bus = transactions_of(world);
	struct program *chillybin = open_stocked(world);

	for (uint32_t n = 0; n < 2; n++) {
		send_marked(world, bus, 2 * n, PARTITION, true);
		/* Once with an aborted record before the end. */
		if (n)
			send_marked(world, bus, 100, PARTITION, false);
		wait_decided(world, 2 * n + 1);
		world_settle(world);
		(void)topic_delete_records(world, "orders", PARTITION, -1);
		send_orders(world_bus(world), 2 * n + 1, 2 * n + 2, PARTITION);
		wait_decided(world, 2 * n + 2);
		/* And for a worker that comes later. */
		program_restart(chillybin);
	}
	world_settle(world);
	ck_assert_int_eq(program_said(chillybin, "POSITION-GONE"), 0);
	ck_assert(program_ready_now(chillybin));
}

WORLD_TEST(a_log_that_lost_undecided_records_pauses_and_says_so)
{
	struct program *chillybin = open_stocked(world);
	struct bus *bus = world_bus(world);
	char text[160];

	send_orders(bus, 0, 10, PARTITION);
	wait_decided(world, 10);
	(void)program_stop(chillybin);
	send_orders(bus, 10, 10 + N_LOST, PARTITION);
	ck_assert_int_eq(topic_delete_records(world, "orders", PARTITION, -1),
			 10 + N_LOST);
	send_orders(bus, 20, 30, PARTITION);
	send_orders(bus, 30, 40, PARTITION + 1);
	program_start(chillybin);
	(void)program_wait_unready(chillybin, "orders");
	wait_decided(world, 20);
	ck_assert(program_unready_now(chillybin));
	world_partition(world, "orders", PARTITION, text);
	ck_assert_int_gt(program_said(chillybin, "POSITION-GONE"), 0);
	ck_assert_int_gt(program_said(chillybin, text), 0);
	ck_assert_int_eq(world_next_offset(world, "orders", PARTITION), 10);
}
