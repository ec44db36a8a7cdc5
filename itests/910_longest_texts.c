/* SPDX-License-Identifier: MIT */
/*
 * Texts of the longest kind that the contracts allow, of characters that no
 * database makes shorter, go the whole way: a restock, an order, its toastie,
 * its count. No other order waits for them.
 */
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"
#include "schemas/fixture.h"

enum { SOURCE = 1, EVENT, STALL, CUSTOMER, INGREDIENTS };

static struct text longest(int n)
{
	static char texts[INGREDIENTS + ORDER_ITEMS_MAX][TEXT_MAX_BYTES];

	return fixture_longest(texts[n], (uint64_t)n);
}

/* Everything in its headers is as long as may be. */
static void send_longest(struct bus *bus, enum event_type type,
			 const struct msgpack_writer *body)
{
	struct envelope envelope;
	struct draft draft;

	envelope_init(&envelope);
	envelope.type = type;
	envelope.version = event_newest(type);
	envelope.id = longest(EVENT);
	envelope.source = longest(SOURCE);
	envelope.customer = longest(CUSTOMER);
	envelope.stall = longest(STALL);
	draft_build(&draft, longest(SOURCE), &envelope, body);
	draft.record.partition = 9;
	draft_send(&draft, bus);
}

static void send_long_stock(struct bus *bus)
{
	static uint8_t bytes[BODY_MAX_BYTES];
	struct msgpack_writer body = MSGPACK_WRITER_INIT(bytes);
	const struct stock_command stock = { .kind = STOCK_COMMAND_ADDED,
					     .stall = longest(STALL),
					     .ingredient = longest(INGREDIENTS),
					     .quantity = 5 };

	ck_assert(!stock_command_encode(&stock, &body));
	send_longest(bus, EVENT_STOCK_ADDED, &body);
}

/* Of @n_items ingredients; the stall has the first one only. */
static void send_long_order(struct bus *bus, uint32_t n, size_t n_items)
{
	static uint8_t bytes[BODY_MAX_BYTES];
	struct msgpack_writer body = MSGPACK_WRITER_INIT(bytes);
	struct item items[ORDER_ITEMS_MAX];
	const struct order_placed order = { .order_id = sample_order_id(n),
					    .stall = longest(STALL),
					    .customer = longest(CUSTOMER),
					    .grill = true,
					    .items = items,
					    .n_items = n_items };

	for (size_t i = 0; i < n_items; i++)
		items[i] = (struct item){ longest(INGREDIENTS + (int)i), 1 };
	ck_assert(!order_placed_encode(&order, 2, &body));
	send_longest(bus, EVENT_ORDER_PLACED, &body);
}

/* Version 1 is a fact a line. */
static const char *const picks[] = { "PICK_V2_PERCENT=100",
				     "PICK_V2_PERCENT=0" };

WORLD_CASES(the_longest_texts_go_the_whole_way_and_nobody_waits_for_them,
	    N_ROWS(picks))
{
	const struct msgpack_writer nothing = { 0 };
	struct bus *bus = world_bus(world);
	struct check_result result;

	(void)grill_open(world, "grill-1", 2, 1000);
	(void)world_start(world, "chillybin-1", picks[i]);
	(void)world_start(world, "jafflr-1");
	(void)world_start(world, "tally-1");
	send_long_stock(bus);
	stock_up(world, 100);
	db_wait(world->db, 3, "stock");
	send_long_order(bus, 2, 1);
	send_long_order(bus, 3, ORDER_ITEMS_MAX);
	send_longest(bus, EVENT_ORDER_PLACED, &nothing);
	send_orders(bus, 1, 2, -1);
	world_settle(world);
	world_wait_all_ready(world);
	result = check_world_with(world,
				  &(struct check_params){ .all_done = true });
	ck_assert_int_eq(result.n_picked, 2);
	ck_assert_int_eq(result.n_refused, 1);
	ck_assert_int_eq(result.n_done, 2);
	ck_assert_int_eq(result.n_dead_letters, 1);
	db_expect(world->db, 2, "SELECT sum(toasties)::bigint FROM tally");
}
