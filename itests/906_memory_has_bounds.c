/* SPDX-License-Identifier: MIT */
/*
 * Whatever a record makes a worker keep counts: key, value, headers, and the
 * facts that follow from it. A worker that comes to a log full of the worst
 * of them stays near the size of an idle one.
 */
#include <check.h>
#include <inttypes.h>

#include "itests/harness/checker.h"
#include "itests/harness/hostile.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

#define N_LARGE 640
#define N_LINES 40
#define BOUND_KBYTES (64 * 1024)

static void send_large(struct bus *bus)
{
	for (uint32_t n = 0; n < N_LARGE; n++) {
		/* Every other one is a poison. */
		const char *body = n % 2 ? "\x81\xa8order_id\x07" : NULL;
		int32_t partition = (int32_t)(n % TOPIC_PARTITIONS);

		if (n % 4 < 2)
			hostile_header(bus, n, partition, body);
		else
			hostile_key(bus, n, partition, body);
	}
	bus_flush(bus);
}

/* Of version 1 and refused: each line is a fact of its own, and each of them
 * names all that is missing. */
static void send_lines(struct bus *bus)
{
	for (uint32_t n = 0; n < N_LINES; n++)
		hostile_lines(bus, n, -1);
	bus_flush(bus);
}

/* An idle one is measured; then it comes to all that @send sends. */
static void expect_bounded(const char *name, void (*send)(struct bus *),
			   int64_t n_orders)
{
	CLEANUP(world_freep) struct world *world = world_new(name);
	CLEANUP(bus_freep) struct bus *bus = bus_new(world);
	struct program *chillybin;
	int64_t idle_kbytes;

	/* Facts of version 1 are the larger ones. */
	chillybin =
		world_start(world, "chillybin-1", "PICK_V2_PERCENT=0", NULL);
	orders_stock_up(world, bus);
	(void)program_wait_ready(chillybin, PATIENCE_MS);
	idle_kbytes = program_memory_kbytes(chillybin, "Rss");
	(void)program_stop(chillybin);
	send(bus);
	program_start(chillybin);
	orders_wait_decided(world, n_orders, PATIENCE_MS);
	world_settle(world, PATIENCE_MS);
	suite_note("%s: %" PRId64 " KiB idle, %" PRId64 " KiB at the most",
		   world->name, idle_kbytes,
		   program_expect_peak(chillybin, idle_kbytes, BOUND_KBYTES));
	ck_assert_int_eq(
		check_world(world, &(struct check_params){ 0 }).n_orders,
		n_orders);
}

START_TEST(records_with_large_headers_and_keys_do_not_fill_the_memory)
	{
		expect_bounded(__func__, send_large, N_LARGE / 2);
	}
END_TEST

START_TEST(refusals_that_name_much_do_not_fill_the_memory)
	{
		expect_bounded(__func__, send_lines, N_LINES);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		records_with_large_headers_and_keys_do_not_fill_the_memory,
		refusals_that_name_much_do_not_fill_the_memory,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
