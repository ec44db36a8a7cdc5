/* SPDX-License-Identifier: MIT */
/*
 * The same orders end in the same state, whichever version carried them and
 * their picks.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "itests/harness/bus.h"
#include "itests/harness/orders.h"
#include "itests/harness/rush.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define N_ORDERS 1500
#define N_LOOKED_AT 25
#define SEED 20260131

static const struct {
	int64_t v1_percent;
	const char *pick_v2;
} mixes[] = {
	{ 0, "PICK_V2_PERCENT=100" },
	{ 50, "PICK_V2_PERCENT=50" },
	{ 100, "PICK_V2_PERCENT=0" },
	{ 100, "PICK_V2_PERCENT=100" },
};
#define N_MIXES (sizeof(mixes) / sizeof(mixes[0]))

/* The page tells the customer that the record tells. */
static void expect_customers(const struct program *storefront,
			     const char *record)
{
	FILE *file = fopen(record, "re");
	json_t *line, *seen;
	int n = 0;

	ck_assert_ptr_nonnull(file);
	while (n < N_LOOKED_AT &&
	       (line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
		seen = shop_see(storefront, text_at(line, "id"));
		ck_assert_str_ne(text_at(line, "customer"), "");
		ck_assert_str_eq(text_at(seen, "customer"),
				 text_at(line, "customer"));
		ck_assert_str_eq(text_at(seen, "stall"),
				 text_at(line, "stall"));
		ck_assert_str_eq(text_at(seen, "doneness"),
				 text_at(line, "doneness"));
		json_decref(seen);
		json_decref(line);
		n++;
	}
	(void)fclose(file);
	ck_assert_int_eq(n, N_LOOKED_AT);
}

static void run(struct world *world, size_t mix, struct buf *ret)
{
	struct program *storefront = world_start(world, "storefront", NULL);
	struct rush rush;

	(void)world_start(world, "chillybin-1", mixes[mix].pick_v2, NULL);
	(void)world_start(world, "chillybin-2", mixes[mix].pick_v2, NULL);
	(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
	/* Enough for all: who is refused would be a matter of luck. */
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = N_ORDERS,
					 .restock = 5000,
					 .v1_percent = mixes[mix].v1_percent,
					 .seed = SEED },
		  true);
	world_wait_all_ready(world);
	rush_start(&rush);
	ck_assert_int_eq(rush_check(&rush, PATIENCE_MS).n_done, N_ORDERS);
	expect_customers(storefront, rush.records[0]);
	orders_digest(world, ret);
}

START_TEST(the_same_orders_end_in_the_same_state_whatever_version_carried_them)
	{
		struct buf first = { 0 }, other = { 0 };

		for (size_t mix = 0; mix < N_MIXES; mix++) {
			CLEANUP(world_freep)
			struct world *world = world_new(__func__);

			run(world, mix, mix ? &other : &first);
			if (mix)
				ck_assert_str_eq(other.p, first.p);
		}
		buf_deinit(&first);
		buf_deinit(&other);
	}
END_TEST

/* On one topic, for one order: the command and the picks of either version. */
START_TEST(both_versions_of_both_events_stand_on_one_topic)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct bus_log picks;
		size_t n[3] = { 0 };
		struct rush rush;

		(void)world_start(world, "chillybin-1", "PICK_V2_PERCENT=50",
				  NULL);
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = 300,
						 .restock = 5000,
						 .v1_percent = 50 },
			  false);
		rush_start(&rush);
		(void)rush_check(&rush, PATIENCE_MS);
		bus_read(world, "picks", &picks);
		for (size_t i = 0; i < picks.n; i++) {
			struct text version =
				bus_header(&picks.records[i], "schema-version");

			n[text_equal(version, TEXT("1")) ? 1 : 2]++;
			/* v1 cannot say it in its body, so its headers do. */
			ck_assert_uint_gt(
				bus_header(&picks.records[i], "customer").n, 0);
		}
		ck_assert_uint_gt(n[1], 0);
		ck_assert_uint_gt(n[2], 0);
		bus_log_deinit(&picks);
		ck_assert_int_gt(db_i64(world->db,
					"SELECT count(*) FROM orders WHERE "
					"order_version <> pick_version"),
				 0);
	}
END_TEST

/* The picks of one order as version 1 tells them: a line an ingredient. */
static void make_lines(struct world *world, struct bus_log *ret)
{
	CLEANUP(bus_freep) struct bus *bus = bus_new(world);
	const struct order_placed order = order_of(1);

	(void)world_start(world, "chillybin-1", "PICK_V2_PERCENT=0", NULL);
	orders_restock(bus, "bread", 10, "bread-1");
	orders_restock(bus, "cheese", 10, "cheese-1");
	bus_flush(bus);
	db_wait(world->db, PATIENCE_MS, 2, "SELECT count(*) FROM stock");
	bus_order(bus, &order, 1, "placed", NULL);
	bus_flush(bus);
	world_settle(world, PATIENCE_MS);
	bus_read(world, "picks", ret);
	ck_assert_uint_eq(ret->n, 2);
}

static void send_line(struct world *world, const struct bus_log *lines,
		      size_t i, int64_t n_seen)
{
	CLEANUP(bus_freep) struct bus *bus = bus_new(world);
	char sql[128];

	bus_send(bus, "picks", &lines->records[i], NULL);
	bus_flush(bus);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT (sum(next_offset) = %" PRId64 ")::int "
		       "FROM positions WHERE service = 'jafflr'",
		       n_seen);
	db_wait(world->db, PATIENCE_MS, 1, sql);
}

/* Whichever comes last: here a line comes and comes again, then the other. */
START_TEST(a_toastie_is_not_begun_before_all_lines_of_its_pick_have_come)
	{
		struct bus_log lines = { 0 };

		{
			CLEANUP(world_freep)
			struct world *world = world_new(__func__);

			make_lines(world, &lines);
		}
		for (size_t first = 0; first < 2; first++) {
			CLEANUP(world_freep)
			struct world *world = world_new(__func__);
			struct grill_spy grill =
				grill_open(world, "grill-1", 1, 1000);

			(void)world_start(world, "jafflr-1", QUICK_GRILL, NULL);
			send_line(world, &lines, first, 1);
			send_line(world, &lines, first, 2);
			ck_assert_int_eq(db_i64(world->db,
						"SELECT count(*) FROM toasties "
						"WHERE state = 'collecting'"),
					 1);
			send_line(world, &lines, !first, 3);
			db_wait(world->db, PATIENCE_MS, 1,
				"SELECT count(*) FROM toasties "
				"WHERE state = 'done'");
			grill_wait_starts(&grill, 1, PATIENCE_MS);
		}
		bus_log_deinit(&lines);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		the_same_orders_end_in_the_same_state_whatever_version_carried_them,
		both_versions_of_both_events_stand_on_one_topic,
		a_toastie_is_not_begun_before_all_lines_of_its_pick_have_come,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
