/* SPDX-License-Identifier: MIT */
/*
 * A customer changes her mind while her toastie has a plate that never takes
 * it: no other plate grills it, and the ingredients come back once.
 */
#include <check.h>

#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

START_TEST(what_was_cancelled_and_never_started_is_grilled_by_no_other_plate)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		CLEANUP(bus_freep) struct bus *bus = bus_new(world);
		struct grill_spy grill = grill_open(world, "grill-1", 2, 20);
		struct order_placed order = order_of(1);
		struct order_cancelled cancelled = {
			.order_id = order_id_of(1),
			.stall = order.stall,
			.customer = order.customer,
		};

		(void)world_start(world, "chillybin-1", NULL);
		orders_restock(bus, "bread", 10, "bread-1");
		orders_restock(bus, "cheese", 10, "cheese-1");
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT count(*) FROM stock");
		grill_tell(&grill, "plate 0 silent-before-start");
		(void)world_start(world, "jafflr-1", NULL);
		bus_order(bus, &order, 2, "placed", NULL);
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, 1,
			"SELECT count(*) FROM toasties"
			" WHERE state = 'grilling' AND plate = 0");
		bus_cancel(bus, &cancelled, "cancelled", NULL);
		bus_flush(bus);
		db_wait(world->db, PATIENCE_MS, 1,
			"SELECT count(*) FROM toasties WHERE cancelled");
		grill_tell(&grill, "plate 0 broken");
		db_wait(world->db, PATIENCE_MS, 1,
			"SELECT count(*) FROM toasties"
			" WHERE state = 'returned' AND reason = 'cancelled'");
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT count(*) FROM stock WHERE quantity = 10");
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(check_world(world,
					     &(struct check_params){
						     .grills = { &grill } })
					 .n_starts,
				 0);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		what_was_cancelled_and_never_started_is_grilled_by_no_other_plate,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
