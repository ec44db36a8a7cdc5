/* SPDX-License-Identifier: MIT */
/*
 * A grill that does not answer: the log, the table and the metrics say so at
 * once, and when it is back. Each toastie that came to its end is a line.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/grill_spy.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"

/* What the product promises: a reading a second, and its answer's deadline. */
enum { AT_ONCE_MS = 10000 };

struct shop {
	struct world *world;
	struct bus *bus;
	struct grill_spy grill;
	struct program *jafflr;
};

/* The second grill is at a port where nobody listens. */
static void open_shop(struct shop *shop, struct world *world)
{
	*shop = (struct shop){ .world = world };
	shop->bus = bus_new(world);
	shop->grill = grill_open(world, "grill-1", 2, 20);
	(void)db_query(world->db, "INSERT INTO control.grills (grill, address)"
				  " VALUES ('grill-2', '127.0.0.1:9')");
	(void)db_query(world->db, "INSERT INTO control.plates (grill, plate)"
				  " VALUES ('grill-2', 0)");
	(void)world_start(world, "chillybin-1", NULL);
	shop->jafflr =
		world_start(world, "jafflr-1", "GRILL_ANSWER_MS=300", NULL);
	world_wait_all_ready(world);
}

struct line {
	const struct program *program;
	const char *id, *about;
};

/* Is there a line of that id in which that stands? */
static bool is_logged(void *arg)
{
	const struct line *wanted = arg;
	FILE *file = fopen(wanted->program->log, "re");
	char line[4096];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, wanted->id) && strstr(line, wanted->about);
	if (file)
		(void)fclose(file);
	return found;
}

static void wait_line(const struct program *program, const char *id,
		      const char *about)
{
	struct line line = { program, id, about };

	ck_assert_msg(until(AT_ONCE_MS, is_logged, &line),
		      "'%s' of '%s' is not in the log of %s", id, about,
		      program->name);
}

static void wait_silent(const struct shop *shop, const char *grill, bool silent)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM control.grills WHERE grill = '%s'"
		       " AND (silent_since IS NOT NULL) = %s"
		       " AND (%s OR seen_at > now() - interval '9 s')",
		       grill, silent ? "true" : "false",
		       silent ? "true" : "false");
	db_wait(shop->world->db, AT_ONCE_MS, 1, sql);
}

START_TEST(a_grill_is_told_of_when_it_falls_silent_and_when_it_is_back)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct shop shop;
		int64_t start_ms;

		open_shop(&shop, world);
		wait_line(shop.jafflr, "id=GRILL-SILENT ", "grill-2");
		wait_silent(&shop, "grill-2", true);
		wait_silent(&shop, "grill-1", false);
		ck_assert_int_eq(program_metric(shop.jafflr,
						"galore_grill_answers{grill="
						"\"grill-2\""),
				 0);
		ck_assert_int_eq(program_metric(shop.jafflr,
						"galore_grill_answers{grill="
						"\"grill-1\""),
				 1);
		program_freeze(shop.grill.program);
		start_ms = clock_now_ms();
		wait_line(shop.jafflr, "id=GRILL-SILENT ", "grill-1");
		wait_silent(&shop, "grill-1", true);
		suite_note("told after %" PRId64 " ms", since_ms(start_ms));
		ck_assert_int_eq(program_metric(shop.jafflr,
						"galore_grill_answers{grill="
						"\"grill-1\""),
				 0);
		program_thaw(shop.grill.program);
		wait_line(shop.jafflr, "id=GRILL-ANSWERS ", "grill-1");
		wait_silent(&shop, "grill-1", false);
		shop.bus = bus_free(shop.bus);
	}
END_TEST

START_TEST(a_grill_that_is_taken_out_of_the_tables_is_forgotten)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct shop shop;
		struct order_placed order = order_of(1);

		open_shop(&shop, world);
		wait_silent(&shop, "grill-2", true);
		orders_restock(shop.bus, "bread", 10, "bread-1");
		orders_restock(shop.bus, "cheese", 10, "cheese-1");
		bus_flush(shop.bus);
		db_wait(world->db, PATIENCE_MS, 2,
			"SELECT count(*) FROM stock");
		bus_order(shop.bus, &order, 2, "placed", NULL);
		bus_flush(shop.bus);
		grill_wait_starts(&shop.grill, 1, PATIENCE_MS);
		(void)db_query(world->db, "DELETE FROM control.plates");
		(void)db_query(world->db, "DELETE FROM control.grills");
		db_wait(world->db, PATIENCE_MS, 1,
			"SELECT count(*) FROM toasties WHERE state = 'done'");
		wait_line(shop.jafflr, "id=TOASTIE-DONE ",
			  "order=\"018f3a1e-7c2b-7abc-8def-000000000001\"");
		db_wait(world->db, PATIENCE_MS, 0,
			"SELECT count(*) FROM toasties"
			" WHERE published_seq < seq");
		ck_assert(program_ready_now(shop.jafflr));
		ck_assert_int_eq(
			program_metric(shop.jafflr,
				       "galore_toastie_done_seconds_count"),
			1);
		shop.bus = bus_free(shop.bus);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_grill_is_told_of_when_it_falls_silent_and_when_it_is_back,
		a_grill_that_is_taken_out_of_the_tables_is_forgotten,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
