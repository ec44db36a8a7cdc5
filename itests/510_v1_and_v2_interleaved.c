/* SPDX-License-Identifier: MIT */
/*
 * The same orders end in the same state, whichever version carried them and
 * their picks.
 */
#include <check.h>
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
#define SETTLE_MS 60000

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
	ck_assert_int_eq(rush_check(&rush, SETTLE_MS).n_done, N_ORDERS);
	expect_customers(storefront, rush.record);
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
		(void)rush_check(&rush, SETTLE_MS);
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

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		the_same_orders_end_in_the_same_state_whatever_version_carried_them,
		both_versions_of_both_events_stand_on_one_topic,
		NULL,
	};

	return suite_main(argc, argv, 120, tests);
}
