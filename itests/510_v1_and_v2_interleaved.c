/* SPDX-License-Identifier: MIT */
/*
 * The same orders end in the same state, whichever version carried them and
 * their picks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "itests/harness/commands.h"
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

/* The storefront shows of an order what stampede's record says. */
static void expect_shown(const struct program *storefront, const char *record)
{
	static const char *const names[] = { "customer", "stall", "doneness" };
	FILE *file = fopen(record, "re");
	json_t *line, *seen;
	int n = 0;

	ck_assert_ptr_nonnull(file);
	while (n < N_LOOKED_AT &&
	       (line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
		seen = shop_see(storefront, text_at(line, "id"));
		ck_assert_str_ne(text_at(line, "customer"), "");
		for (int i = 0; i < N_ROWS(names); i++)
			ck_assert_str_eq(text_at(seen, names[i]),
					 text_at(line, names[i]));
		json_decref(seen);
		json_decref(line);
		n++;
	}
	(void)fclose(file);
	ck_assert_int_eq(n, N_LOOKED_AT);
}

PLAIN_TEST(the_same_orders_end_in_the_same_state_whatever_version_carried_them)
{
	CLEANUP(cleanup_free) char *first = NULL;

	for (int mix = 0; mix < N_ROWS(mixes); mix++) {
		CLEANUP(world_freep)
		struct world *world = world_new(__func__, mix);
		const char *setting = mixes[mix].pick_v2;
		struct program *storefront = world_start(world, "storefront");
		CLEANUP(cleanup_free) char *digest = NULL;
		struct rush rush;

		(void)world_start(world, "chillybin-1", setting);
		(void)world_start(world, "chillybin-2", setting);
		(void)world_start(world, "jafflr-1", QUICK_GRILL);
		/* Enough for all: which one is refused would be luck. */
		rush_open(&rush, world,
			  &(struct rush_params){ .n_orders = N_ORDERS,
						 .plain = true,
						 .v1_percent =
							 mixes[mix].v1_percent,
						 .seed = SEED });
		rush_start(&rush);
		ck_assert_int_eq(rush_check(&rush).n_done, N_ORDERS);
		expect_shown(storefront, rush.records[0]);
		/* Both versions of both events, for one order too. */
		if (mixes[mix].v1_percent == 50)
			db_expect(world->db, 4,
				  "(SELECT DISTINCT order_version, version "
				  "FROM orders JOIN check_picks USING "
				  "(order_id)) x");
		digest = digest_of(world);
		if (mix)
			ck_assert_str_eq(digest, first);
		else
			first = strdup(digest);
	}
}

/* The picks of one order in version 1: a line an ingredient. */
static void make_lines(struct bus_log *ret)
{
	CLEANUP(world_freep)
	struct world *world =
		world_new("the_picks_of_one_order_in_version_1", -1);
	const struct order_placed order = sample_order(1);

	(void)world_start(world, "chillybin-1", "PICK_V2_PERCENT=0");
	stock_up(world, 10);
	send_order(world_bus(world), &order, 1, "placed");
	bus_flush(world_bus(world));
	world_settle(world);
	bus_read(world, "picks", ret);
	ck_assert_uint_eq(ret->n, 2);
}

/* Whichever comes last: here a line comes and comes again, then the other. */
PLAIN_TEST(a_toastie_is_not_begun_before_all_lines_of_its_pick_have_come)
{
	struct bus_log lines = { 0 };

	make_lines(&lines);
	for (int first = 0; first < 2; first++) {
		CLEANUP(world_freep)
		struct world *world = world_new(__func__, first);
		struct grill_spy *grill = grill_open(world, "grill-1", 1, 1000);
		const int order[] = { first, first, !first };

		(void)world_start(world, "jafflr-1", QUICK_GRILL);
		for (int i = 0; i < 3; i++) {
			if (i == 2)
				db_expect(
					world->db, 1,
					"toasties WHERE state = 'collecting'");
			bus_send(world_bus(world), "picks",
				 &lines.records[order[i]], NULL);
			bus_flush(world_bus(world));
			db_wait(world->db, i + 1,
				"SELECT sum(next_offset)::int8 FROM positions "
				"WHERE service = 'jafflr'");
		}
		db_wait(world->db, 1, "toasties WHERE state = 'done'");
		grill_wait_starts(grill, 1);
	}
	bus_log_deinit(&lines);
}
