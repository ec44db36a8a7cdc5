/* SPDX-License-Identifier: MIT */
/*
 * A candidate version beside the live one: it decides the same orders from the
 * same stock, under load, and nothing of the live version is touched. What it
 * decides wrongly is found; what only another order of events explains is not
 * called wrong.
 *
 *	SHADOW_ORDERS=3000	orders that both decide; make soak takes 50000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/commands.h"
#include "itests/harness/rush.h"
#include "itests/harness/suite.h"

#define ORDERS_DEFAULT 3000
#define BEFORE 500 /* orders that are decided before there is a shadow */

static const char *bin(void)
{
	const char *value = getenv("BIN");

	return value && *value ? value : "build/rel/bin";
}

static int64_t n_orders(void)
{
	const char *text = getenv("SHADOW_ORDERS");
	int64_t n;

	if (!text || str_to_i64(&n, text, 1, 10000000))
		return ORDERS_DEFAULT;
	return n;
}

/* ---- overlord ---- */

static void shadow_start(struct world *world, const char *from)
{
	world_run(world, "overlord-start", "shadow", "start", "chillybin",
		  "--from", from, "--execute");
}

static struct program *shadow_run(struct world *world)
{
	struct program *candidate =
		world_command(world, "overlord-candidate", "shadow", "run");

	program_start(candidate);
	return candidate;
}

/* The exit status. */
static int shadow_diff(struct world *world, struct program **ret)
{
	*ret = world_command(world, "overlord-diff", "shadow", "diff",
			     "--json");
	(void)remove((*ret)->log);
	program_start(*ret);
	return program_wait(*ret, PATIENCE_MS);
}

/* The number behind that name in what it said. */
static int64_t said_number(const struct program *program, const char *name)
{
	CLEANUP(cleanup_free) char *text = file_text(program->log);
	const char *at = text ? strstr(text, name) : NULL;
	long long n;

	ck_assert_msg(at && sscanf(at + strlen(name), "\": %lld", &n) == 1,
		      "'%s' does not say '%s'", program->log, name);
	return n;
}

static void wait_level(struct world *world)
{
	world_settle(world);
	db_wait(world->db, 0,
		"SELECT sum(l.next_offset - s.next_offset)::bigint FROM "
		"positions l "
		"JOIN shadow_green.positions s USING (service, topic, "
		"partition)");
}

/* Nothing is left of it, but rows of the audit. */
static void shadow_stop(struct world *world, struct program *candidate)
{
	world_run(world, "overlord-stop", "shadow", "stop", "--execute");
	ck_assert_int_eq(program_wait(candidate, PATIENCE_MS), 0);
	db_expect(world->db, 0, "pg_namespace WHERE nspname = 'shadow_green'");
	db_expect(world->db, 0,
		  "pg_roles WHERE rolname = 'shadow_' || current_database()");
	db_expect(world->db, 0, "control.heartbeats WHERE colour = 'green'");
	world_run(world, "overlord-stop-again", "shadow", "stop");
}

/* ---- the same version ---- */

static const struct {
	int64_t restock; /* of ORDERS_DEFAULT; 0: more than enough */
	/* The candidate begins when all is decided: it reads a backlog, and
	 * orders of other partitions come first. */
	bool late;
} cases[] = { { 0, false }, { 4500, true } };

WORLD_CASES(a_shadow_of_the_same_version_makes_no_wrong_decision, N_ROWS(cases))
{
	int64_t n = n_orders(), n_interleaved;
	struct program *candidate = NULL, *diff;
	struct check_result result;
	struct rush rush;

	(void)world_start(world, "chillybin-1");
	(void)world_start(world, "chillybin-2");
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = 2 * n,
					 .n_waves = 2,
					 /* It lasts while the shadow starts. */
					 .rate = n < 15000 ? n / 6 : 2500,
					 .restock = cases[i].restock * n /
						    ORDERS_DEFAULT,
					 .no_grills = true });
	rush_start(&rush);
	rush_wait_decided(&rush, BEFORE);
	shadow_start(world, bin());
	if (!cases[i].late)
		candidate = shadow_run(world);
	rush_wait_sent(&rush);
	rush_start(&rush);
	rush_wait_sent(&rush);
	world_settle(world);
	if (cases[i].late)
		candidate = shadow_run(world);
	wait_level(world);
	ck_assert_msg(!shadow_diff(world, &diff), "see '%s'", diff->log);
	ck_assert_int_eq(said_number(diff, "wrong"), 0);
	ck_assert_int_ge(said_number(diff, "compared"), n);
	n_interleaved = said_number(diff, "interleaved");
	suite_note("%lld orders compared, %lld decided in another order",
		   (long long)said_number(diff, "compared"),
		   (long long)n_interleaved);
	/* With enough for everybody no order of events matters. */
	ck_assert_int_eq(n_interleaved > 0, cases[i].late);
	shadow_stop(world, candidate);
	result = rush_check(&rush);
	ck_assert_int_eq(result.n_orders, 2 * n);
	ck_assert_int_eq(result.n_refused > 0, cases[i].restock > 0);
}

/* ---- cancellations, returns and restocks ---- */

#define N_BEFORE 60
#define N_CANCELLED_BEFORE 20
#define N_ALL 120

static void cancel(struct world *world, uint32_t first, uint32_t end)
{
	for (uint32_t n = first; n < end; n++) {
		struct order_id id = sample_order_id(n);
		char event_id[32];

		(void)snprintf(event_id, sizeof(event_id), "cancel-%u", n);
		send_cancel(world_bus(world), &id, "gita", event_id);
	}
	bus_flush(world_bus(world));
}

/* No grill is there, so every toastie that is cancelled is returned. */
WORLD_TEST(cancellations_returns_and_restocks_come_to_the_same_in_the_shadow)
{
	struct program *candidate, *diff;

	(void)world_start_ready(world, "chillybin-1");
	stock_up(world, 1000);
	send_orders(world_bus(world), 0, N_BEFORE, -1);
	wait_decided(world, N_BEFORE);
	cancel(world, 0, N_CANCELLED_BEFORE);
	world_settle(world);
	shadow_start(world, bin());
	candidate = shadow_run(world);
	send_orders(world_bus(world), N_BEFORE, N_ALL, -1);
	send_restock(world_bus(world), "main", "cheese", 7, "more-cheese");
	wait_level(world);
	(void)world_start_ready(world, "jafflr-1");
	cancel(world, N_CANCELLED_BEFORE, N_ALL);
	wait_level(world);
	ck_assert_msg(!shadow_diff(world, &diff), "see '%s'", diff->log);
	/* All of the others are older, or were cancelled before. */
	ck_assert_int_eq(said_number(diff, "compared"), N_ALL - N_BEFORE);
	ck_assert_int_eq(said_number(diff, "interleaved"), 0);
	ck_assert_int_eq(said_number(diff, "running"), 1);
	db_expect(world->db, 0,
		  "stock l FULL JOIN shadow_green.stock s USING (stall, "
		  "ingredient) WHERE l.quantity IS DISTINCT FROM s.quantity");
	db_expect(world->db, N_ALL,
		  "shadow_green.orders WHERE returned_at IS NOT NULL");
	shadow_stop(world, candidate);
	ck_assert_int_eq(check_world(world).n_cancelled, N_ALL);
}

/* ---- a version that is wrong ---- */

WORLD_TEST(a_wrong_decision_is_found_and_live_stock_knows_nothing_of_it)
{
	char from[PROGRAM_PATH_MAX];
	struct program *candidate, *diff;
	struct rush rush;

	(void)world_start(world, "chillybin-1");
	rush_open(&rush, world,
		  &(struct rush_params){ .n_orders = ORDERS_DEFAULT,
					 .plain = true,
					 .no_grills = true });
	(void)snprintf(from, sizeof(from),
		       "%s/../broken/chillybin_refuses_tenth", bin());
	shadow_start(world, from);
	candidate = shadow_run(world);
	rush_start(&rush);
	rush_wait_sent(&rush);
	wait_level(world);
	ck_assert_int_eq(shadow_diff(world, &diff), 1);
	ck_assert_int_eq(said_number(diff, "compared"), ORDERS_DEFAULT);
	ck_assert_int_gt(said_number(diff, "wrong"), ORDERS_DEFAULT / 20);
	db_expect(world->db, said_number(diff, "wrong"),
		  "shadow_green.orders WHERE verdict = 'r'");
	ck_assert_int_eq(program_said(diff, "the first wrong decision: order "),
			 1);
	suite_note("%lld of %d are named as wrong",
		   (long long)said_number(diff, "wrong"), ORDERS_DEFAULT);
	shadow_stop(world, candidate);
	ck_assert_int_eq(rush_check(&rush).n_refused, 0);
}
