/* SPDX-License-Identifier: MIT */
/* Orders: see orders.h. */
#include "itests/harness/orders.h"

#include <stdio.h>

static const struct item cheese_and_bread[] = {
	{ TEXT_INIT("cheese"), 1 },
	{ TEXT_INIT("bread"), 2 },
};

struct order_id order_id_of(uint32_t n)
{
	struct order_id id = { { 0x01, 0x8f, 0x3a, 0x1e, 0x7c, 0x2b, 0x7a, 0xbc,
				 0x8d, 0xef } };

	for (size_t i = sizeof(id.bytes); n; n >>= 8)
		id.bytes[--i] = (uint8_t)n;
	return id;
}

struct order_placed order_of(uint32_t n)
{
	return (struct order_placed){
		.order_id = order_id_of(n),
		.doneness = DONENESS_LIGHT,
		.grill = true,
		.stall = TEXT("main"),
		.customer = TEXT("gita"),
		.items = cheese_and_bread,
		.n_items = 2,
	};
}

void orders_stock_up(struct world *world, struct bus *bus)
{
	orders_restock(bus, "bread", 1000000, "bread-1");
	orders_restock(bus, "cheese", 1000000, "cheese-1");
	bus_flush(bus);
	db_wait(world->db, PATIENCE_MS, 2,
		"SELECT count(*) FROM stock WHERE stall = 'main' AND "
		"ingredient IN ('bread', 'cheese')");
}

void orders_send(struct bus *bus, uint32_t first, uint32_t end,
		 int32_t partition)
{
	struct arena arena = { 0 };
	struct bus_record record;
	char event_id[32];

	for (uint32_t n = first; n < end; n++) {
		const struct order_placed order = order_of(n);

		(void)snprintf(event_id, sizeof(event_id), "placed-%u", n);
		bus_order_record(&arena, &order, 2, event_id, &record);
		record.partition = partition;
		bus_send(bus, "orders", &record, NULL);
		arena_reset(&arena);
	}
	arena_deinit(&arena);
	bus_flush(bus);
}

void orders_wait_decided(struct world *world, int64_t n, int64_t timeout_ms)
{
	db_wait(world->db, timeout_ms, n, "SELECT count(*) FROM orders");
}

void orders_restock(struct bus *bus, const char *ingredient, int32_t quantity,
		    const char *event_id)
{
	const struct stock_command command = {
		.kind = STOCK_COMMAND_ADDED,
		.stall = TEXT("main"),
		.ingredient = text_of(ingredient),
		.quantity = quantity,
	};

	bus_stock(bus, &command, event_id, NULL);
}

void orders_digest(struct world *world, struct buf *ret)
{
	db_text(world->db, ret,
		"SELECT md5(coalesce(string_agg(line, E'\\n' ORDER BY line), "
		"'')) FROM (SELECT concat_ws('|', 'order', order_id, stall, "
		"customer, items, doneness, o.grill, verdict, missing, "
		"cancelled_at IS NOT NULL, returned_at IS NOT NULL, t.state) "
		"FROM orders o LEFT JOIN toasties t USING (order_id, stall, "
		"customer, doneness) "
		"UNION ALL SELECT concat_ws('|', 'stock', stall, ingredient, "
		"quantity) FROM stock "
		"UNION ALL SELECT concat_ws('|', 'change', stall, ingredient, "
		"kind, delta) FROM stock_changes "
		"UNION ALL SELECT concat_ws('|', 'dead', reason, event_id) "
		"FROM dead_letters) AS lines(line)");
}
