/* SPDX-License-Identifier: MIT */
/*
 * The grill does what grills do: it is slow, says nothing, says no, loses its
 * power or its memory. A toastie is never started twice; where nobody can know
 * whether it was started, it is uncertain, for as long as the plate cannot be
 * asked, or else until a person decides; and the other plates go on.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/checker.h"
#include "itests/harness/orders.h"
#include "itests/harness/suite.h"
#include "itests/harness/until.h"

/* A grill that says nothing for three seconds is given up. */
#define IMPATIENT "GRILL_ANSWER_MS=300", "GRILL_PATIENCE_MS=3000"

struct kitchen {
	struct world *world;
	struct bus *bus;
	struct grill_spy grill;
	struct program *jafflr;
};

/* A chillybin with full shelves and a grill; jafflr comes later. */
static void open_kitchen(struct kitchen *kitchen, struct world *world,
			 int n_plates, int64_t speed)
{
	*kitchen = (struct kitchen){ .world = world };
	kitchen->bus = bus_new(world);
	kitchen->grill = grill_open(world, "grill-1", n_plates, speed);
	(void)world_start(world, "chillybin-1", NULL);
	orders_restock(kitchen->bus, "bread", 100, "bread-1");
	orders_restock(kitchen->bus, "cheese", 100, "cheese-1");
	bus_flush(kitchen->bus);
	db_wait(world->db, PATIENCE_MS, 2, "SELECT count(*) FROM stock");
}

static void start_jafflr(struct kitchen *kitchen)
{
	/* A static member: one that comes back has its partitions at once. */
	kitchen->jafflr =
		world_start(kitchen->world, "jafflr-1", IMPATIENT,
			    "GRILL_POLL_MS=20", "INSTANCE_ID=j1", NULL);
}

/* Orders number @from to @to. */
static void order(struct kitchen *kitchen, uint8_t from, uint8_t to,
		  enum doneness doneness)
{
	for (uint8_t n = from; n <= to; n++) {
		struct order_placed placed = order_of(n);

		placed.doneness = doneness;
		bus_order(kitchen->bus, &placed, 2, "placed", NULL);
	}
	bus_flush(kitchen->bus);
}

static int64_t count_state(const struct kitchen *kitchen, const char *state)
{
	return db_i64(kitchen->world->db,
		      "SELECT count(*) FROM toasties WHERE state = '%s'",
		      state);
}

static void wait_state(const struct kitchen *kitchen, const char *state,
		       int64_t n)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM toasties WHERE state = '%s'",
		       state);
	db_wait(kitchen->world->db, PATIENCE_MS, n, sql);
}

/* At rest, right in every respect, and with so many starts. */
static void close_kitchen(struct kitchen *kitchen, int64_t n_starts)
{
	struct check_result result;

	world_settle(kitchen->world, PATIENCE_MS);
	result = check_world(
		kitchen->world,
		&(struct check_params){ .grills = { &kitchen->grill } });
	ck_assert_int_eq(result.n_starts, n_starts);
	kitchen->bus = bus_free(kitchen->bus);
}

/* ---- faults after which everything is done ---- */

static const struct {
	const char *name, *line;
} passing[] = {
	{ "slow", "plate all slow 200" },
	{ "a start that is lost", "plate all silent-before-start 1" },
	{ "a start that is not answered", "plate all silent-after-start 1" },
	{ "a plate that says nothing for a while", "plate all silent 2" },
	{ "cut off for a while", "down 1000" },
};

START_TEST(a_grill_that_hesitates_starts_each_toastie_exactly_once)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct kitchen kitchen;
		uint8_t n = 0;

		open_kitchen(&kitchen, world, 2, 20);
		start_jafflr(&kitchen);
		for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]);
		     i++) {
			int64_t start_ms = clock_now_ms();

			grill_tell(&kitchen.grill, passing[i].line);
			order(&kitchen, (uint8_t)(n + 1), (uint8_t)(n + 6),
			      DONENESS_LIGHT);
			n = (uint8_t)(n + 6);
			wait_state(&kitchen, "done", n);
			grill_tell(&kitchen.grill, "plate all ok");
			suite_note("%s: done after %" PRId64 " ms",
				   passing[i].name, since_ms(start_ms));
		}
		close_kitchen(&kitchen, n);
	}
END_TEST

START_TEST(a_plate_that_is_out_leaves_the_others_going)
	{
		static const char *const lines[] = { "plate 0 broken",
						     "plate 0 exception" };

		for (size_t i = 0; i < 2; i++) {
			CLEANUP(world_freep)
			struct world *world = world_new(__func__);
			struct kitchen kitchen;

			open_kitchen(&kitchen, world, 3, 20);
			grill_tell(&kitchen.grill, lines[i]);
			start_jafflr(&kitchen);
			order(&kitchen, 1, 12, DONENESS_LIGHT);
			db_wait(world->db, PATIENCE_MS, 1,
				"SELECT (count(*) >= 11)::int FROM toasties "
				"WHERE state = 'done'");
			grill_tell(&kitchen.grill, "plate 0 ok");
			world_settle(world, PATIENCE_MS);
			suite_note("%s: %d done, %d uncertain, %d returned",
				   lines[i], (int)count_state(&kitchen, "done"),
				   (int)count_state(&kitchen, "uncertain"),
				   (int)count_state(&kitchen, "returned"));
			close_kitchen(&kitchen, count_state(&kitchen, "done"));
		}
	}
END_TEST

/* ---- faults in the middle of a toastie ---- */

/* Orders are on their way, and when the first one is on the plate something
 * happens; what becomes of them. */
struct mishap {
	int n_plates;
	int64_t speed;
	const char *before; /* the grill is told; NULL: nothing */
	uint8_t n_orders;
	enum doneness doneness;
	bool unstarted; /* it strikes when the intent is there, not the start */
	bool kills;     /* jafflr, which then comes back */
	const char *then; /* the grill is told while jafflr is away */
	const char *state;
	const char *resolved; /* a person then decides; NULL: nobody */
};

static void strike(struct kitchen *kitchen, const struct mishap *mishap)
{
	if (mishap->before)
		grill_tell(&kitchen->grill, mishap->before);
	start_jafflr(kitchen);
	order(kitchen, 1, mishap->n_orders, mishap->doneness);
	if (mishap->unstarted)
		wait_state(kitchen, "grilling", 1);
	else
		grill_wait_starts(&kitchen->grill, 1, PATIENCE_MS);
	if (mishap->kills)
		program_kill(kitchen->jafflr);
	if (mishap->then)
		grill_tell(&kitchen->grill, mishap->then);
	if (mishap->kills)
		program_start(kitchen->jafflr);
	wait_state(kitchen, mishap->state, mishap->n_orders);
}

/* What a person has decided is told like everything else. */
static void resolve(struct kitchen *kitchen, const char *state)
{
	struct world *world = kitchen->world;

	world_settle(world, PATIENCE_MS);
	world_run(world, PATIENCE_MS,
		  world_command(world, "overlord-resolve", "toastie", "resolve",
				"018f3a1e-7c2b-7abc-8def-000000000001", state,
				"--execute", NULL));
	wait_state(kitchen, state, 1);
}

/* Each order is begun once, whatever becomes of it. */
static void play(const char *name, struct mishap mishap)
{
	CLEANUP(world_freep) struct world *world = world_new(name);
	struct kitchen kitchen;

	open_kitchen(&kitchen, world, mishap.n_plates, mishap.speed);
	strike(&kitchen, &mishap);
	if (mishap.resolved)
		resolve(&kitchen, mishap.resolved);
	close_kitchen(&kitchen, mishap.n_orders);
}

START_TEST(a_power_cut_spoils_the_toastie_and_no_other_is_made_for_it)
	{
		play(__func__,
		     (struct mishap){ 1, 2, NULL, 1, DONENESS_BURNT,
				      .then = "power-cut", .state = "failed" });
	}
END_TEST

START_TEST(a_plate_that_forgot_leaves_it_uncertain_until_a_person_decides)
	{
		play(__func__,
		     (struct mishap){ 2, 2, NULL, 1, DONENESS_BURNT,
				      .then = "reset all", .state = "uncertain",
				      .resolved = "failed" });
	}
END_TEST

START_TEST(jafflr_killed_between_intent_and_start_makes_it_once)
	{
		play(__func__,
		     (struct mishap){ 1, 20, "plate 0 silent-before-start", 3,
				      DONENESS_LIGHT, .unstarted = true,
				      .kills = true, .then = "plate 0 ok",
				      .state = "done" });
	}
END_TEST

START_TEST(jafflr_killed_just_after_the_start_does_not_start_again)
	{
		play(__func__,
		     (struct mishap){ 1, 10, "plate 0 silent-after-start 1", 2,
				      DONENESS_BURNT, .kills = true,
				      .state = "done" });
	}
END_TEST

START_TEST(of_a_plate_that_cannot_fence_a_start_in_doubt_is_uncertain)
	{
		play(__func__, (struct mishap){ 1, 2, "plate 0 no-fence", 1,
						DONENESS_BURNT, .kills = true,
						.state = "uncertain" });
	}
END_TEST

/* ---- a plate that says nothing for too long, and then comes back ---- */

static const struct {
	const char *name;
	const char *before;    /* the grill is told; NULL: nothing */
	const char *meanwhile; /* the same, once nothing is heard of it */
	bool kills;            /* jafflr, in the meantime */
	const char *state;     /* what becomes of the first order */
	int64_t n_starts;      /* of that and the one behind it */
} absences[] = {
	{ "it went on", NULL, NULL, false, "done", 2 },
	{ "it went on, and jafflr is another", NULL, NULL, true, "done", 2 },
	{ "it had no power", NULL, "power-cut", false, "failed", 2 },
	{ "the start was lost", "plate 0 silent-before-start", NULL, false,
	  "done", 2 },
	{ "it has forgotten", NULL, "reset 0", false, "uncertain", 2 },
};

/* The order behind it waits for the same plate. */
static void be_absent(struct kitchen *kitchen, size_t i)
{
	grill_tell(&kitchen->grill,
		   absences[i].before ? absences[i].before : "plate 0 ok");
	start_jafflr(kitchen);
	order(kitchen, 1, 1, DONENESS_BURNT);
	if (absences[i].before)
		wait_state(kitchen, "grilling", 1);
	else
		grill_wait_starts(&kitchen->grill, 1, PATIENCE_MS);
	grill_tell(&kitchen->grill, "plate 0 silent");
	if (absences[i].meanwhile)
		grill_tell(&kitchen->grill, absences[i].meanwhile);
	order(kitchen, 2, 2, DONENESS_LIGHT);
	wait_state(kitchen, "uncertain", 1);
	if (absences[i].kills) {
		program_kill(kitchen->jafflr);
		program_start(kitchen->jafflr);
	}
	grill_tell(&kitchen->grill, "plate 0 ok");
}

/* The first one is in @state, and the other is done. */
static void wait_both(const struct kitchen *kitchen, const char *state)
{
	char sql[192];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT count(*) FROM toasties WHERE state ="
		       " CASE doneness WHEN 'burnt' THEN '%s' ELSE 'done' END",
		       state);
	db_wait(kitchen->world->db, PATIENCE_MS, 2, sql);
}

START_TEST(what_a_plate_knows_when_it_comes_back_needs_no_person)
	{
		for (size_t i = 0; i < sizeof(absences) / sizeof(absences[0]);
		     i++) {
			CLEANUP(world_freep)
			struct world *world = world_new(__func__);
			struct kitchen kitchen;
			int64_t start_ms;

			open_kitchen(&kitchen, world, 1, 2);
			be_absent(&kitchen, i);
			start_ms = clock_now_ms();
			wait_both(&kitchen, absences[i].state);
			suite_note("%s: settled after %" PRId64 " ms",
				   absences[i].name, since_ms(start_ms));
			close_kitchen(&kitchen, absences[i].n_starts);
		}
	}
END_TEST

/* ---- tables that were restored from an older copy ---- */

START_TEST(plates_that_are_ahead_of_their_table_go_on_as_if_nothing_had_been)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct kitchen kitchen;

		open_kitchen(&kitchen, world, 2, 4);
		(void)db_query(world->db,
			       "UPDATE control.plates SET token = 100000");
		start_jafflr(&kitchen);
		order(&kitchen, 1, 2, DONENESS_BURNT);
		grill_wait_starts(&kitchen.grill, 2, PATIENCE_MS);
		program_kill(kitchen.jafflr);
		(void)db_query(world->db,
			       "UPDATE control.plates SET token = 7");
		program_start(kitchen.jafflr);
		/* What was on the plates, and new ones at the first try. */
		order(&kitchen, 3, 8, DONENESS_LIGHT);
		wait_state(&kitchen, "done", 8);
		ck_assert_int_eq(
			db_i64(world->db, "SELECT count(*) FROM intents"), 8);
		ck_assert_int_eq(db_i64(world->db,
					"SELECT count(*) FROM control.plates"
					" WHERE token > 100001"),
				 2);
		close_kitchen(&kitchen, 8);
	}
END_TEST

/* ---- demo stalls ---- */

START_TEST(a_toastie_of_a_demo_stall_never_reaches_hardware)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct order_placed placed = order_of(9);
		const struct item item = { TEXT_INIT("bread"), 1 };
		const struct stock_command stock = {
			.kind = STOCK_COMMAND_ADDED,
			.stall = TEXT("demo-one"),
			.ingredient = TEXT("bread"),
			.quantity = 5,
		};
		struct kitchen kitchen;

		open_kitchen(&kitchen, world, 1, 20);
		start_jafflr(&kitchen);
		bus_stock(kitchen.bus, &stock, "demo-bread", NULL);
		bus_flush(kitchen.bus);
		db_wait(world->db, PATIENCE_MS, 3,
			"SELECT count(*) FROM stock");
		placed.stall = TEXT("demo-one");
		placed.items = &item;
		placed.n_items = 1;
		bus_order(kitchen.bus, &placed, 2, "placed", NULL);
		order(&kitchen, 1, 2, DONENESS_LIGHT);
		wait_state(&kitchen, "done", 2);
		ck_assert_int_eq(db_i64(world->db,
					"SELECT count(*) FROM toasties WHERE "
					"stall = 'demo-one' AND plate IS NULL"),
				 1);
		kitchen.bus = bus_free(kitchen.bus);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_grill_that_hesitates_starts_each_toastie_exactly_once,
		a_plate_that_is_out_leaves_the_others_going,
		a_power_cut_spoils_the_toastie_and_no_other_is_made_for_it,
		a_plate_that_forgot_leaves_it_uncertain_until_a_person_decides,
		jafflr_killed_between_intent_and_start_makes_it_once,
		jafflr_killed_just_after_the_start_does_not_start_again,
		of_a_plate_that_cannot_fence_a_start_in_doubt_is_uncertain,
		what_a_plate_knows_when_it_comes_back_needs_no_person,
		plates_that_are_ahead_of_their_table_go_on_as_if_nothing_had_been,
		a_toastie_of_a_demo_stall_never_reaches_hardware,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
