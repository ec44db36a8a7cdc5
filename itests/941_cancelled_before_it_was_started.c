/* SPDX-License-Identifier: MIT */
/*
 * A customer changes her mind while her toastie has a plate that never starts
 * it: no other plate grills it, and the ingredients come back once.
 */
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

WORLD_TEST(what_was_cancelled_and_never_started_is_grilled_by_no_other_plate)
{
	struct grill_spy *grill = grill_open(world, "grill-1", 2, 20);
	const struct order_id id = sample_order_id(1);
	struct bus *bus = world_bus(world);

	(void)world_start(world, "chillybin-1");
	stock_up(world, 10);
	grill_fault(grill, "plate 0 silent-before-start");
	(void)world_start(world, "jafflr-1");
	send_orders(bus, 1, 2, -1);
	db_wait(world->db, 1,
		"toasties WHERE state = 'grilling' AND plate = 0");
	send_cancel(bus, &id, "gita", "cancelled");
	bus_flush(bus);
	db_wait(world->db, 1, "toasties WHERE cancelled");
	grill_fault(grill, "plate 0 broken");
	db_wait(world->db, 1,
		"toasties WHERE state = 'returned' AND reason = "
		"'cancelled'");
	db_wait(world->db, 2, "stock WHERE quantity = 10");
	ck_assert_int_eq(check_world(world).n_starts, 0);
}
