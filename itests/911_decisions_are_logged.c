/* SPDX-License-Identifier: MIT */
/*
 * What a person can see of a decision: a line in the log, once; counters; the
 * stock. And of a program: its build, once, and what it uses.
 */
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

/* How /metrics has each of them, or how it begins. */
static const char *const shown[] = {
	"galore_orders_total{verdict=\"picked\"} 2\n",
	"galore_refusals_total{reason=\"out-of-stock\"} 1\n",
	"galore_refusals_total{reason=\"unknown-ingredient\"} 1\n",
	"build_info{version=\"of-a-test\",colour=\"blue\"} 1\n",
	"process_resident_memory_bytes ",
	"process_cpu_seconds_total ",
	"kafka_consumergroup_lag{consumergroup=",
	"kafka_consumergroup_group_lag_seconds{consumergroup=",
};

/* Two orders that are picked, one too many, and one of what nobody has. */
static void send_decisions(struct bus *bus)
{
	static const struct item much = { TEXT_INIT("cheese"), 1000 };
	static const struct item unknown = { TEXT_INIT("moon dust"), 1 };

	for (uint32_t n = 1; n <= 4; n++) {
		struct order_placed order = sample_order(n);

		if (n > 2) {
			order.items = n == 3 ? &much : &unknown;
			order.n_items = 1;
		}
		send_order(bus, &order, 2, "placed");
		/* The same once more is no other decision. */
		send_order(bus, &order, 2, "placed");
	}
	bus_flush(bus);
}

WORLD_TEST(a_decision_is_logged_once_counted_by_reason_and_seen_in_the_stock)
{
	struct program *chillybin =
		world_start(world, "chillybin-1", "VERSION=of-a-test");

	stock_up(world, 100);
	send_decisions(world_bus(world));
	(void)check_world(world);
	ck_assert_int_eq(program_said(chillybin, "id=ORDER-DECIDED"), 4);
	ck_assert_int_eq(program_said(chillybin, ", is picked\""), 2);
	ck_assert_int_eq(program_said(chillybin, ", is refused, "), 2);
	for (int i = 0; i < N_ROWS(shown); i++)
		ck_assert_msg(program_shows(chillybin, shown[i]), "%s",
			      shown[i]);
	/* The build is said once, and not with each metric. */
	ck_assert(!program_shows(chillybin,
				 "galore_orders_total{verdict=\"picked\","
				 "version="));
	program_wait_metric(chillybin,
			    "galore_stock{stall=\"main\",ingredient=\"cheese\"",
			    98);
}
