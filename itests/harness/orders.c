/* SPDX-License-Identifier: MIT */
/* Orders: see orders.h. */
#include "itests/harness/orders.h"

static const struct item cheese_and_bread[] = {
	{ TEXT_INIT("cheese"), 1 },
	{ TEXT_INIT("bread"), 2 },
};

struct order_id order_id_of(uint8_t n)
{
	struct order_id id = { { 0x01, 0x8f, 0x3a, 0x1e, 0x7c, 0x2b, 0x7a, 0xbc,
				 0x8d, 0xef, 0, 0, 0, 0, 0, n } };

	return id;
}

struct order_placed order_of(uint8_t n)
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
