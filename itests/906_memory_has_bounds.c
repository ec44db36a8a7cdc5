/* SPDX-License-Identifier: MIT */
/*
 * Whatever a record makes a worker keep counts: key, value, headers, and the
 * facts that follow from it. A worker that comes to a log full of the worst
 * of them stays near the size of an idle one.
 */
#include <inttypes.h>

#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define N_LARGE 640U
#define N_LINES 400U
#define BOUND_KBYTES (64 * 1024)

/* Headers and keys in turn, every other record of them a poison. */
static void send_all_large(struct bus *bus)
{
	for (uint32_t n = 0; n < N_LARGE; n++)
		send_large(bus,
			   &(struct hostile_order){
				   .n = n,
				   .partition = (int32_t)(n % TOPIC_PARTITIONS),
				   .in_key = n % 4 >= 2,
				   .poisoned = n % 2 });
}

/* Of version 1 and refused: each line is a fact of its own, and each of them
 * names all that is missing. */
static void send_all_lines(struct bus *bus)
{
	for (uint32_t n = 0; n < N_LINES; n++)
		send_long_lines(bus, n, -1);
}

static const struct {
	void (*send)(struct bus *bus);
	int64_t n_orders;
} cases[] = { { send_all_large, N_LARGE / 2 }, { send_all_lines, N_LINES } };

WORLD_CASES(large_records_and_refusals_that_name_much_do_not_fill_the_memory,
	    N_ROWS(cases))
{
	/* Facts of version 1 are the larger ones. */
	struct program *chillybin =
		world_start_ready(world, "chillybin-1", "PICK_V2_PERCENT=0");
	int64_t idle_kbytes;

	stock_up(world, 10000);
	idle_kbytes = program_memory_kbytes(chillybin, "Rss");
	(void)program_stop(chillybin);
	cases[i].send(world_bus(world));
	bus_flush(world_bus(world));
	program_start(chillybin);
	wait_decided(world, cases[i].n_orders);
	world_settle(world);
	suite_note("%s: %" PRId64 " KiB idle, %" PRId64 " KiB at the most",
		   world->name, idle_kbytes,
		   program_expect_peak(chillybin, idle_kbytes, BOUND_KBYTES));
	ck_assert_int_eq(check_world(world).n_orders, cases[i].n_orders);
}
