/* SPDX-License-Identifier: MIT */
/*
 * What nobody can act on steps aside: a row, a copy with its reason on the
 * .dlq topic, and the partition goes on. The checker compares the reasons.
 */
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

#define PARTITION 5

static const struct {
	const char *name;
	const char *type, *version; /* NULL: the header is not there */
	struct text body;
	const char *reason;
} poisons[] = {
	{ "no msgpack", "galore.order.placed", "2", TEXT_INIT("\xc1 cheese"),
	  "malformed" },
	{ "nothing at all", "galore.order.placed", "2", TEXT_INIT(""),
	  "malformed" },
	{ "gigabytes in five bytes", "galore.order.placed", "2",
	  TEXT_INIT("\xdd\x10\x00\x00\x00"), "malformed" },
	{ "a version that never shipped", "galore.order.placed", "99",
	  TEXT_INIT("\x80"), "unknown-version" },
	{ "a type that never shipped", "galore.order.eaten", "1",
	  TEXT_INIT("\x80"), "unknown-type" },
	{ "no type", NULL, "1", TEXT_INIT("\x80"), "unknown-type" },
	{ "an empty order", "galore.order.placed", "2", TEXT_INIT("\x80"),
	  "contract" },
	{ "an id that is a number", "galore.order.placed", "2",
	  TEXT_INIT(HOSTILE_BODY), "contract" },
	{ "a cancellation of nothing", "galore.order.cancelled", "1",
	  TEXT_INIT("\x80"), "contract" },
};

static void send_one(struct bus *bus, int i, struct bus_position *ret)
{
	struct bus_header headers[8] = {
		{ "ce_specversion", TEXT("1.0") },
		{ "ce_id", text_of(poisons[i].name) },
		{ "ce_source", TEXT("/itest") },
		{ "content-type", TEXT("application/msgpack") },
	};
	struct bus_record record = { .partition = PARTITION,
				     .key = text_of(poisons[i].name),
				     .value = poisons[i].body,
				     .headers = headers,
				     .n_headers = 4 };

	if (poisons[i].type)
		headers[record.n_headers++] =
			(struct bus_header){ "ce_type",
					     text_of(poisons[i].type) };
	if (poisons[i].version)
		headers[record.n_headers++] =
			(struct bus_header){ "schema-version",
					     text_of(poisons[i].version) };
	bus_send(bus, "orders", &record, ret);
}

WORLD_TEST(poison_of_each_sort_steps_aside_and_the_partition_goes_on)
{
	struct bus_position positions[N_ROWS(poisons)];
	struct bus *bus = world_bus(world);
	struct check_result result;

	(void)world_start(world, "chillybin-1");
	stock_up(world, 100);
	for (int i = 0; i < N_ROWS(poisons); i++)
		send_one(bus, i, &positions[i]);
	/* Some partition has both; the poison came first. */
	send_orders(bus, 0, 30, -1);
	result = check_world(world);
	ck_assert_int_eq(result.n_picked, 30);
	ck_assert_int_eq(result.n_dead_letters, N_ROWS(poisons));
	ck_assert_int_gt(
		db_i64(world->db, "orders WHERE partition = %d", PARTITION), 0);
	db_expect(world->db, N_ROWS(poisons), "check_copies WHERE NOT cut");
	for (int i = 0; i < N_ROWS(poisons); i++)
		db_expect(world->db, 1,
			  "dead_letters WHERE partition = %d AND "
			  "\"offset\" = %lld AND reason = '%s'",
			  PARTITION, (long long)positions[i].offset,
			  poisons[i].reason);
}

WORLD_TEST(a_known_id_with_another_content_is_a_conflict_and_no_fact)
{
	struct order_placed order = sample_order(1);
	struct bus *bus = world_bus(world);
	struct check_result result;

	(void)world_start(world, "chillybin-1");
	stock_up(world, 100);
	send_order(bus, &order, 2, "first");
	/* The same as version 1 is the same order, and no conflict. */
	send_order(bus, &order, 1, "again");
	order.doneness = DONENESS_BURNT;
	send_order(bus, &order, 2, "other");
	bus_flush(bus);
	world_settle(world);
	/* Alone in its batch too. */
	order.doneness = DONENESS_MEDIUM;
	send_order(bus, &order, 2, "another");
	bus_flush(bus);
	result = check_world(world);
	ck_assert_int_eq(result.n_orders, 1);
	ck_assert_int_eq(result.n_dead_letters, 2);
	db_expect(world->db, 2, "dead_letters WHERE reason = 'conflict'");
	ck_assert_int_eq(stock_of(world, "bread"), 98);
}
