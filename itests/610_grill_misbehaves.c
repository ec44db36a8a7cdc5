/* SPDX-License-Identifier: MIT */
/*
 * The grill does what grills do: it is slow, does not answer, refuses, loses
 * its power or its memory. A toastie is never started twice. Where nobody can
 * know whether it was started, it is uncertain for as long as the plate cannot
 * be asked, or else until a person decides; and the other plates go on.
 */
#include <inttypes.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/suite.h"

/* A grill that does not answer for three seconds is given up. */
#define IMPATIENT "GRILL_ANSWER_MS=300", "GRILL_PATIENCE_MS=3000"

/* A grill and a chillybin with enough stock; jafflr comes later. */
static struct grill_spy *open_grill(struct world *world, int n_plates,
				    int64_t speed)
{
	struct grill_spy *grill = grill_open(world, "grill-1", n_plates, speed);

	(void)world_start(world, "chillybin-1");
	stock_up(world, 100);
	return grill;
}

static struct program *start_jafflr(struct world *world)
{
	/* A static member that comes back has its partitions at once. */
	return world_start(world, "jafflr-1", IMPATIENT, "GRILL_POLL_MS=20",
			   "INSTANCE_ID=j1");
}

/* Orders number @from to @to. */
static void place(struct world *world, uint32_t from, uint32_t to,
		  enum doneness doneness)
{
	for (uint32_t n = from; n <= to; n++) {
		struct order_placed order = sample_order(n);

		order.doneness = doneness;
		send_order(world_bus(world), &order, 2, "placed");
	}
	bus_flush(world_bus(world));
}

static int64_t count_state(struct world *world, const char *state)
{
	return db_i64(world->db, "toasties WHERE state = '%s'", state);
}

static void wait_state(struct world *world, const char *state, int64_t n)
{
	db_wait(world->db, n, "toasties WHERE state = '%s'", state);
}

/* At rest, right in every respect, and with so many starts. */
static void expect_starts(struct world *world, int64_t n_starts)
{
	ck_assert_int_eq(check_world(world).n_starts, n_starts);
}

/* ---- faults after which everything is done ---- */

static const struct {
	const char *name, *line;
} passing[] = {
	{ "slow", "plate all slow 200" },
	{ "a start that is lost", "plate all silent-before-start 1" },
	{ "a start that is not answered", "plate all silent-after-start 1" },
	{ "a plate that does not answer for a while", "plate all silent 2" },
	{ "cut off for a while", "down 1000" },
};

WORLD_TEST(a_grill_that_hesitates_starts_each_toastie_exactly_once)
{
	struct grill_spy *grill = open_grill(world, 2, 20);
	uint32_t n = 0;

	(void)start_jafflr(world);
	for (int i = 0; i < N_ROWS(passing); i++) {
		int64_t start_ms = clock_now_ms();

		grill_fault(grill, passing[i].line);
		place(world, n + 1, n + 6, DONENESS_LIGHT);
		n += 6;
		wait_state(world, "done", n);
		grill_fault(grill, "plate all ok");
		suite_note("%s: done after %" PRId64 " ms", passing[i].name,
			   since_ms(start_ms));
	}
	expect_starts(world, n);
}

static const char *const outages[] = { "plate 0 broken", "plate 0 exception" };

WORLD_CASES(a_plate_that_is_out_leaves_the_others_going, N_ROWS(outages))
{
	struct grill_spy *grill = open_grill(world, 3, 20);

	grill_fault(grill, outages[i]);
	(void)start_jafflr(world);
	place(world, 1, 12, DONENESS_LIGHT);
	db_wait(world->db, 1,
		"SELECT (count(*) >= 11)::int FROM toasties "
		"WHERE state = 'done'");
	grill_fault(grill, "plate 0 ok");
	world_settle(world);
	suite_note("%s: %d done, %d uncertain, %d returned", outages[i],
		   (int)count_state(world, "done"),
		   (int)count_state(world, "uncertain"),
		   (int)count_state(world, "returned"));
	expect_starts(world, count_state(world, "done"));
}

/* ---- faults in the middle of a toastie ---- */

/* Orders are on their way, and when the first one is on the plate something
 * happens; what becomes of them. */
static const struct {
	const char *name;
	int n_plates;
	int64_t speed;
	const char *before; /* a fault command; NULL: none */
	uint32_t n_orders;
	enum doneness doneness;
	bool unstarted; /* it strikes when the intent is there, not the start */
	bool kills;     /* jafflr, which then comes back */
	const char *then; /* a fault command while jafflr is away */
	const char *state;
	const char *resolved; /* a person then decides; NULL: nobody */
} mishaps[] = {
	{ "a power cut spoils it, and no other is made for it", 1, 2, NULL, 1,
	  DONENESS_BURNT, .then = "power-cut", .state = "failed" },
	{ "the plate forgot it: uncertain until a person decides", 2, 2, NULL,
	  1, DONENESS_BURNT, .then = "reset all", .state = "uncertain",
	  .resolved = "failed" },
	{ "jafflr killed between intent and start", 1, 20,
	  "plate 0 silent-before-start", 3, DONENESS_LIGHT, .unstarted = true,
	  .kills = true, .then = "plate 0 ok", .state = "done" },
	{ "jafflr killed just after the start", 1, 10,
	  "plate 0 silent-after-start 1", 2, DONENESS_BURNT, .kills = true,
	  .state = "done" },
	{ "the same, at a plate that cannot fence", 1, 2, "plate 0 no-fence", 1,
	  DONENESS_BURNT, .kills = true, .state = "uncertain" },
};

WORLD_CASES(after_a_fault_in_the_middle_of_a_toastie_it_was_begun_once,
	    N_ROWS(mishaps))
{
	struct grill_spy *grill =
		open_grill(world, mishaps[i].n_plates, mishaps[i].speed);
	struct program *jafflr;

	suite_note("case %d: %s", i, mishaps[i].name);
	if (mishaps[i].before)
		grill_fault(grill, mishaps[i].before);
	jafflr = start_jafflr(world);
	place(world, 1, mishaps[i].n_orders, mishaps[i].doneness);
	if (mishaps[i].unstarted)
		wait_state(world, "grilling", 1);
	else
		grill_wait_starts(grill, 1);
	if (mishaps[i].kills)
		program_kill(jafflr);
	if (mishaps[i].then)
		grill_fault(grill, mishaps[i].then);
	if (mishaps[i].kills)
		program_start(jafflr);
	wait_state(world, mishaps[i].state, mishaps[i].n_orders);
	/* What a person has decided is published like everything else. */
	if (mishaps[i].resolved) {
		world_settle(world);
		world_run(world, "overlord-resolve", "toastie", "resolve",
			  "018f3a1e-7c2b-7abc-8def-000000000001",
			  mishaps[i].resolved, "--execute");
		wait_state(world, mishaps[i].resolved, 1);
	}
	expect_starts(world, mishaps[i].n_orders);
}

/* ---- a plate that is silent for too long, and then comes back ---- */

static const struct {
	const char *name;
	const char *before;    /* a fault command */
	const char *meanwhile; /* the same, while it is silent; NULL: none */
	bool kills;            /* jafflr, in the meantime */
	const char *state;     /* what becomes of the first order */
} absences[] = {
	{ "it went on", "plate 0 ok", NULL, false, "done" },
	{ "it went on, and jafflr is another", "plate 0 ok", NULL, true,
	  "done" },
	{ "it had no power", "plate 0 ok", "power-cut", false, "failed" },
	{ "the start was lost", "plate 0 silent-before-start", NULL, false,
	  "done" },
	{ "it has forgotten", "plate 0 ok", "reset 0", false, "uncertain" },
};

WORLD_CASES(what_a_plate_knows_when_it_comes_back_needs_no_person,
	    N_ROWS(absences))
{
	struct grill_spy *grill = open_grill(world, 1, 2);
	struct program *jafflr;
	int64_t start_ms;

	grill_fault(grill, absences[i].before);
	jafflr = start_jafflr(world);
	place(world, 1, 1, DONENESS_BURNT);
	if (!strcmp(absences[i].before, "plate 0 ok"))
		grill_wait_starts(grill, 1);
	else
		wait_state(world, "grilling", 1);
	grill_fault(grill, "plate 0 silent");
	if (absences[i].meanwhile)
		grill_fault(grill, absences[i].meanwhile);
	/* The order behind it waits for the same plate. */
	place(world, 2, 2, DONENESS_LIGHT);
	wait_state(world, "uncertain", 1);
	if (absences[i].kills) {
		program_kill(jafflr);
		program_start(jafflr);
	}
	grill_fault(grill, "plate 0 ok");
	start_ms = clock_now_ms();
	db_wait(world->db, 2,
		"toasties WHERE state = CASE doneness WHEN 'burnt' THEN "
		"'%s' ELSE 'done' END",
		absences[i].state);
	suite_note("%s: settled after %" PRId64 " ms", absences[i].name,
		   since_ms(start_ms));
	expect_starts(world, 2);
}

/* ---- tables that were restored from an older copy ---- */

WORLD_TEST(plates_that_are_ahead_of_their_table_go_on_as_if_nothing_had_been)
{
	struct grill_spy *grill = open_grill(world, 2, 4);
	struct program *jafflr;

	(void)db_query(world->db, "UPDATE control.plates SET token = 100000");
	jafflr = start_jafflr(world);
	place(world, 1, 2, DONENESS_BURNT);
	grill_wait_starts(grill, 2);
	program_kill(jafflr);
	(void)db_query(world->db, "UPDATE control.plates SET token = 7");
	program_start(jafflr);
	/* What was on the plates, and new ones at the first try. */
	place(world, 3, 8, DONENESS_LIGHT);
	wait_state(world, "done", 8);
	db_expect(world->db, 8, "intents");
	db_expect(world->db, 2, "control.plates WHERE token > 100001");
	expect_starts(world, 8);
}

/* ---- demo stalls ---- */

WORLD_TEST(a_toastie_of_a_demo_stall_never_reaches_hardware)
{
	const struct item item = { TEXT_INIT("bread"), 1 };
	struct order_placed order = sample_order(9);
	struct bus *bus = world_bus(world);

	(void)open_grill(world, 1, 20);
	(void)start_jafflr(world);
	send_restock(bus, "demo-one", "bread", 5, "demo-bread");
	bus_flush(bus);
	db_wait(world->db, 3, "stock");
	order.stall = TEXT("demo-one");
	order.items = &item;
	order.n_items = 1;
	send_order(bus, &order, 2, "placed");
	place(world, 1, 2, DONENESS_LIGHT);
	wait_state(world, "done", 2);
	db_expect(world->db, 1,
		  "toasties WHERE stall = 'demo-one' AND plate IS NULL");
}
