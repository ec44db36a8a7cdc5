/* SPDX-License-Identifier: MIT */
/*
 * Texts of the longest kind that the contracts allow, of characters that no
 * database makes shorter, go the whole way: a restock, an order, its toastie,
 * its count. Nobody else's orders wait for them.
 */
#include <check.h>

#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "schemas/fixture.h"

enum { SOURCE = 1, EVENT, STALL, CUSTOMER, INGREDIENTS };

static struct text longest(int n)
{
	static char rooms[INGREDIENTS + ORDER_ITEMS_MAX][TEXT_MAX_BYTES];

	return fixture_longest(rooms[n], (uint64_t)n);
}

static int add_header(void *arg, const char *name, const char *value, size_t n)
{
	struct bus_record *record = arg;
	static char room[100000];
	static size_t n_used;

	if (record->n_headers == 0)
		n_used = 0;
	ck_assert_uint_le(n_used + n, sizeof(room));
	memcpy(room + n_used, value, n);
	record->headers[record->n_headers++] =
		(struct bus_header){ name, { room + n_used, n } };
	n_used += n;
	return 0;
}

/* Everything in its headers is as long as may be. */
static void send_longest(struct bus *bus, enum event_type type,
			 const struct msgpack_writer *writer,
			 struct bus_position *ret)
{
	struct bus_header headers[32];
	struct bus_record record = { .partition = 9,
				     .key = longest(SOURCE),
				     .value = { (const char *)writer->p,
						writer->n },
				     .headers = headers };
	struct envelope envelope;

	envelope_init(&envelope);
	envelope.type = type;
	envelope.version = event_newest(type);
	envelope.id = longest(EVENT);
	envelope.source = longest(SOURCE);
	envelope.subject = longest(EVENT);
	envelope.customer = longest(CUSTOMER);
	envelope.stall = longest(STALL);
	ck_assert(!envelope_write(&envelope, add_header, &record));
	bus_send(bus, topic_table[event_kinds[type].topic].name, &record, ret);
}

static void send_restock(struct bus *bus)
{
	static uint8_t room[BODY_MAX_BYTES];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(room);
	const struct stock_command command = { .kind = STOCK_COMMAND_ADDED,
					       .stall = longest(STALL),
					       .ingredient =
						       longest(INGREDIENTS),
					       .quantity = 5 };

	ck_assert_int_eq(stock_command_encode(&command, &writer), 0);
	send_longest(bus, EVENT_STOCK_ADDED, &writer, NULL);
}

/* Of @n_items ingredients; the stall has the first one only. */
static void send_order(struct bus *bus, uint8_t n, size_t n_items)
{
	static uint8_t room[BODY_MAX_BYTES];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(room);
	struct item items[ORDER_ITEMS_MAX];
	const struct order_placed order = { .order_id = order_id_of(n),
					    .stall = longest(STALL),
					    .customer = longest(CUSTOMER),
					    .grill = true,
					    .items = items,
					    .n_items = n_items };

	for (size_t i = 0; i < n_items; i++)
		items[i] = (struct item){ longest(INGREDIENTS + (int)i), 1 };
	ck_assert_int_eq(order_placed_encode(&order, 2, &writer), 0);
	send_longest(bus, EVENT_ORDER_PLACED, &writer, NULL);
}

static void send_poison(struct bus *bus)
{
	struct msgpack_writer nothing = { 0 };

	send_longest(bus, EVENT_ORDER_PLACED, &nothing, NULL);
}

static void go_the_whole_way(const char *name, const char *picks)
{
	CLEANUP(world_freep) struct world *world = world_new(name);
	CLEANUP(bus_freep) struct bus *bus = bus_new(world);
	struct grill_spy grill = grill_open(world, "grill-1", 2, 1000);
	const struct order_placed plain = order_of(1);
	struct check_result result;

	(void)world_start(world, "chillybin-1", picks, NULL);
	(void)world_start(world, "jafflr-1", NULL);
	(void)world_start(world, "tally-1", NULL);
	orders_restock(bus, "bread", 100, "bread-1");
	orders_restock(bus, "cheese", 100, "cheese-1");
	send_restock(bus);
	bus_flush(bus);
	db_wait(world->db, PATIENCE_MS, 3, "SELECT count(*) FROM stock");
	send_order(bus, 2, 1);
	send_order(bus, 3, ORDER_ITEMS_MAX);
	send_poison(bus);
	bus_order(bus, &plain, 2, "placed", NULL);
	bus_flush(bus);
	world_settle(world, PATIENCE_MS);
	world_wait_all_ready(world);
	result =
		check_world(world, &(struct check_params){ .grills = { &grill },
							   .all_done = true });
	ck_assert_int_eq(result.n_picked, 2);
	ck_assert_int_eq(result.n_refused, 1);
	ck_assert_int_eq(result.n_done, 2);
	ck_assert_int_eq(result.n_dead_letters, 1);
	ck_assert_int_eq(db_i64(world->db, "SELECT sum(toasties)::bigint"
					   " FROM tally"),
			 2);
}

START_TEST(the_longest_texts_go_the_whole_way_and_nobody_waits_for_them)
	{
		go_the_whole_way(__func__, "PICK_V2_PERCENT=100");
	}
END_TEST

START_TEST(the_longest_texts_go_the_whole_way_line_by_line)
	{
		go_the_whole_way(__func__, "PICK_V2_PERCENT=0");
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		the_longest_texts_go_the_whole_way_and_nobody_waits_for_them,
		the_longest_texts_go_the_whole_way_line_by_line,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
