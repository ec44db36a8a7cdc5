/* SPDX-License-Identifier: MIT */
/*
 * A record whose copy is larger than any topic accepts is still only one
 * record that steps aside: its copy is cut and says so, and everything else
 * goes on.
 */
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/monitor.h"
#include "itests/harness/suite.h"

#define PARTITION 5
#define N_ORDERS 30

static const struct {
	/* What is sent by a producer that compresses is measured as it comes.
	 */
	const char *compression;
	size_t n_bytes;
	/* NULL: as declared. */
	const char *topic_bytes;
} cases[] = {
	{ "zstd", (size_t)3 << 20, NULL },
	/* The topic of the copies was made narrower than its declaration: the
	 * broker refuses a copy, which then goes out again cut. */
	{ "none", 100000, "8192" },
};

WORLD_CASES(a_record_too_large_for_its_dead_letter_gets_a_copy_that_is_cut,
	    N_ROWS(cases))
{
	CLEANUP(bus_freep)
	struct bus *bus =
		bus_new(world, "compression.type", cases[i].compression, NULL);
	CLEANUP(monitor_freep) struct monitor *monitor = NULL;
	const struct hostile_poison poisons[] = {
		{ "large value", PARTITION, cases[i].n_bytes, 0 },
		{ "large header", PARTITION, 0, cases[i].n_bytes },
	};
	struct check_result result;
	struct program *chillybin;

	if (cases[i].topic_bytes)
		topic_set(world, "orders.dlq", "max.message.bytes",
			  cases[i].topic_bytes);
	chillybin = world_start_ready(world, "chillybin-1");
	monitor = monitor_new(chillybin);
	stock_up(world, 10000);
	for (int k = 0; k < N_ROWS(poisons); k++)
		send_poison(bus, &poisons[k]);
	bus_flush(bus);
	send_orders(world_bus(world), 0, N_ORDERS, PARTITION);
	wait_decided(world, N_ORDERS);
	result = check_world(world);
	monitor_expect_ready(monitor);
	ck_assert_int_eq(result.n_picked, N_ORDERS);
	ck_assert_int_eq(result.n_dead_letters, N_ROWS(poisons));
	/* Nothing was published twice; only the broker's refusal costs that. */
	if (!cases[i].topic_bytes) {
		ck_assert_int_eq(result.n_fact_copies, 0);
		ck_assert_int_eq(program_metric(chillybin,
						"galore_deliveries_lost_total"),
				 0);
	}
	ck_assert_int_eq(bus_count(world, "picks"), N_ORDERS);
	db_expect(world->db, N_ROWS(poisons), "check_copies WHERE cut");
}
