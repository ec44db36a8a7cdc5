/* SPDX-License-Identifier: MIT */
/*
 * A session with the database is lost while a batch of large records waits,
 * full. All of them are read again, and everything goes on.
 */
#include "infra/lib/clock.h"
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/gate.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define N_LARGE 40
#define N_ORDERS 20
#define STILL_MS 500

/* It has begun to read, and does not go on: what it fills is full. Gives how
 * many records it has read. */
static int64_t wait_full(const struct program *chillybin)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);
	int64_t changed_at_ms = 0, seen = 0, n;

	for (;;) {
		n = program_metric(chillybin,
				   "messaging_client_consumed_messages_total"
				   "{messaging_destination_name=\"orders\"");
		if (n != seen)
			changed_at_ms = clock_now_ms();
		seen = n;
		if (n > 1 && n < N_LARGE + 1 &&
		    since_ms(changed_at_ms) > STILL_MS)
			return n;
		wait_more(deadline_at_ms,
			  "%d large records do not fill a batch", N_LARGE);
	}
}

WORLD_TEST(a_session_lost_while_a_full_batch_waits_ends_nothing)
{
	struct bus *bus = world_bus(world);
	struct program *chillybin = open_stocked(world);
	struct check_result result;

	gate_build(world, "orders");
	send_orders(bus, 0, 1, -1);
	gate_wait_for(world, chillybin);
	/* The next batch is filled while that one waits. */
	for (int i = 0; i < N_LARGE; i++)
		send_poison(bus, &(struct hostile_poison){ "large",
							   i % TOPIC_PARTITIONS,
							   HOSTILE_BYTES, 0 });
	bus_flush(bus);
	suite_note("full after %d records", (int)wait_full(chillybin) - 1);
	ck_assert_int_gt(world_cut_sessions(world, "chillybin"), 0);
	gate_open(world, "orders");
	send_orders(bus, 1, N_ORDERS, -1);
	wait_decided(world, N_ORDERS);
	(void)program_wait_ready(chillybin);
	result = check_world(world);
	ck_assert_int_eq(result.n_picked, N_ORDERS);
	ck_assert_int_eq(result.n_dead_letters, N_LARGE);
}
