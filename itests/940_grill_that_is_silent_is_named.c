/* SPDX-License-Identifier: MIT */
/*
 * A grill that does not answer: the log, the table and the metrics say so at
 * once, and when it is back. Each toastie that came to its end is a line.
 */
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "itests/harness/commands.h"
#include "itests/harness/grill_spy.h"
#include "itests/harness/suite.h"

/* What the product promises: a reading a second, and its answer's deadline. */
enum { AT_ONCE_MS = 10000 };

/* A grill that answers, and a second one at a port where nobody listens. */
static struct program *open_grills(struct world *world)
{
	struct program *jafflr;

	(void)grill_open(world, "grill-1", 2, 20);
	(void)db_query(world->db, "INSERT INTO control.grills (grill, address)"
				  " VALUES ('grill-2', '127.0.0.1:9')");
	(void)db_query(world->db, "INSERT INTO control.plates (grill, plate)"
				  " VALUES ('grill-2', 0)");
	(void)world_start(world, "chillybin-1");
	jafflr = world_start(world, "jafflr-1", "GRILL_ANSWER_MS=300");
	world_wait_all_ready(world);
	return jafflr;
}

/* The table says at once whether it answers. */
static void wait_silent(struct world *world, const char *grill, bool silent)
{
	db_wait_within(world->db, AT_ONCE_MS, 1,
		       "control.grills WHERE grill = '%s' AND %s", grill,
		       silent ? "silent_since IS NOT NULL"
			      : "silent_since IS NULL AND "
				"seen_at > now() - interval '9 s'");
}

static void expect_gauge(const struct program *jafflr, const char *grill,
			 int64_t answers)
{
	char metric[64];

	(void)snprintf(metric, sizeof(metric),
		       "galore_grill_answers{grill=\"%s\"", grill);
	ck_assert_int_eq(program_metric(jafflr, metric), answers);
}

WORLD_TEST(a_grill_is_named_when_it_falls_silent_and_when_it_is_back)
{
	struct program *jafflr = open_grills(world);
	struct program *grill = world->grills->program;
	int64_t start_ms;

	program_wait_said(jafflr, AT_ONCE_MS, "id=GRILL-SILENT ", "grill-2");
	wait_silent(world, "grill-2", true);
	wait_silent(world, "grill-1", false);
	expect_gauge(jafflr, "grill-2", 0);
	expect_gauge(jafflr, "grill-1", 1);
	program_freeze(grill);
	start_ms = clock_now_ms();
	program_wait_said(jafflr, AT_ONCE_MS, "id=GRILL-SILENT ", "grill-1");
	wait_silent(world, "grill-1", true);
	suite_note("named after %" PRId64 " ms", since_ms(start_ms));
	expect_gauge(jafflr, "grill-1", 0);
	program_thaw(grill);
	program_wait_said(jafflr, AT_ONCE_MS, "id=GRILL-ANSWERS ", "grill-1");
	wait_silent(world, "grill-1", false);
}

WORLD_TEST(a_grill_that_is_deleted_from_the_tables_is_forgotten)
{
	struct program *jafflr = open_grills(world);

	wait_silent(world, "grill-2", true);
	stock_up(world, 10);
	send_orders(world_bus(world), 1, 2, -1);
	grill_wait_starts(world->grills, 1);
	(void)db_query(world->db, "DELETE FROM control.plates");
	(void)db_query(world->db, "DELETE FROM control.grills");
	db_wait(world->db, 1, "toasties WHERE state = 'done'");
	program_wait_said(jafflr, AT_ONCE_MS, "id=TOASTIE-DONE ",
			  "order=\"018f3a1e-7c2b-7abc-8def-000000000001\"");
	db_wait(world->db, 0, "toasties WHERE published_seq < seq");
	ck_assert(program_ready_now(jafflr));
	ck_assert_int_eq(
		program_metric(jafflr, "galore_toastie_done_seconds_count"), 1);
}
