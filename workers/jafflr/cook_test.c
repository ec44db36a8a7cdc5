/* SPDX-License-Identifier: MIT */
/*
 * Cook: the table row by row, what holds for all ways through it, and walks
 * through a small world with a plate, writes that come late, and cooks that
 * die: an order is never started twice, and is given back only when it was
 * never started.
 */
#include "workers/jafflr/cook.h"

#include <string.h>

#include "infra/lib/check_fixture.h"

/* ---- the table ---- */

struct row {
	enum cook_state state;
	enum cook_event event;
	enum cook_action action;
	enum cook_state next;
};

#define ROW(s, e, a, n)                                                        \
	{                                                                      \
		COOK_##s, COOK_##e, COOK_DO_##a, COOK_##n                      \
	}

/* clang-format off */
static const struct row rows[] = {
	ROW(TELLING, TOLD, START, STARTING),
	ROW(TELLING_OLD, TOLD, RAISE, DOUBT),
	ROW(STARTING, STARTED, READ, GRILLING),
	ROW(STARTING, NOT_SENT, NOTHING, WAITING),
	ROW(STARTING, REFUSED, RAISE, DOUBT),
	ROW(STARTING, NO_ANSWER, RAISE, DOUBT),
	ROW(WAITING, TOLD, START, STARTING),
	ROW(WAITING, TIRED, GIVE_BACK, OVER),
	ROW(GRILLING, SEES_RUNNING, READ, GRILLING),
	ROW(GRILLING, SEES_DONE, DONE, OVER),
	ROW(GRILLING, SEES_STOPPED, FAILED, OVER),
	ROW(GRILLING, SEES_OTHER, UNCERTAIN, OVER),
	ROW(GRILLING, SEES_RESET, UNCERTAIN, OVER),
	ROW(GRILLING, SEES_NO_FENCE, UNCERTAIN, OVER),
	ROW(GRILLING, SEES_FAULT, UNCERTAIN, OVER),
	ROW(GRILLING, NO_ANSWER, READ, GRILLING),
	ROW(GRILLING, TIRED, PARK, PARKING),
	ROW(DOUBT, TOKEN, FENCE, FENCING),
	ROW(DOUBT, NO_TOKEN, UNCERTAIN, OVER),
	ROW(DOUBT, TIRED, PARK, PARKING),
	ROW(FENCING, FENCED, READ, READING),
	ROW(FENCING, REFUSED, RAISE, DOUBT),
	ROW(FENCING, NOT_SENT, FENCE, FENCING),
	ROW(FENCING, NO_ANSWER, FENCE, FENCING),
	ROW(FENCING, TIRED, PARK, PARKING),
	ROW(READING, SEES_RUNNING, READ, GRILLING),
	ROW(READING, SEES_DONE, DONE, OVER),
	ROW(READING, SEES_STOPPED, FAILED, OVER),
	ROW(READING, SEES_OTHER, START, STARTING),
	ROW(READING, SEES_RESET, UNCERTAIN, OVER),
	ROW(READING, SEES_NO_FENCE, UNCERTAIN, OVER),
	ROW(READING, SEES_FAULT, GIVE_BACK, OVER),
	ROW(READING, NO_ANSWER, READ, READING),
	ROW(READING, TIRED, PARK, PARKING),
	ROW(PARKING, TOLD, READ, PARKED),
	ROW(PARKED, SEES_RUNNING, READ, PARKED),
	ROW(PARKED, SEES_DONE, DONE, OVER),
	ROW(PARKED, SEES_STOPPED, FAILED, OVER),
	ROW(PARKED, SEES_OTHER, RAISE, LATE_DOUBT),
	ROW(PARKED, SEES_RESET, RAISE, LATE_DOUBT),
	ROW(PARKED, SEES_NO_FENCE, RAISE, LATE_DOUBT),
	ROW(PARKED, SEES_FAULT, RAISE, LATE_DOUBT),
	ROW(PARKED, NO_ANSWER, READ, PARKED),
	ROW(LATE_DOUBT, TOKEN, FENCE, LATE_FENCING),
	ROW(LATE_DOUBT, NO_TOKEN, UNCERTAIN, OVER),
	ROW(LATE_DOUBT, TIRED, READ, PARKED),
	ROW(LATE_FENCING, FENCED, READ, LATE_READING),
	ROW(LATE_FENCING, REFUSED, RAISE, LATE_DOUBT),
	ROW(LATE_FENCING, NOT_SENT, FENCE, LATE_FENCING),
	ROW(LATE_FENCING, NO_ANSWER, FENCE, LATE_FENCING),
	ROW(LATE_FENCING, TIRED, READ, PARKED),
	ROW(LATE_READING, SEES_RUNNING, READ, PARKED),
	ROW(LATE_READING, SEES_DONE, DONE, OVER),
	ROW(LATE_READING, SEES_STOPPED, FAILED, OVER),
	ROW(LATE_READING, SEES_OTHER, GIVE_BACK, OVER),
	ROW(LATE_READING, SEES_RESET, UNCERTAIN, OVER),
	ROW(LATE_READING, SEES_NO_FENCE, UNCERTAIN, OVER),
	ROW(LATE_READING, SEES_FAULT, GIVE_BACK, OVER),
	ROW(LATE_READING, NO_ANSWER, READ, LATE_READING),
	ROW(LATE_READING, TIRED, READ, PARKED),
};
/* clang-format on */

static struct row expected(enum cook_state state, enum cook_event event)
{
	for (int i = 0; i < CHECK_N(rows); i++)
		if (rows[i].state == state && rows[i].event == event)
			return rows[i];
	return (struct row){ state, event, COOK_DO_NOTHING, state };
}

START_TEST(each_event_in_each_state_does_what_the_table_says)
	{
		for (int e = 0; e < N_COOK_EVENTS; e++) {
			struct row row = expected((enum cook_state)_i,
						  (enum cook_event)e);
			struct cook_step step = cook_step(row.state, row.event);

			ck_assert_msg(step.action == row.action &&
					      step.next == row.next,
				      "state %d, event %d: action %d, next %d",
				      _i, e, step.action, step.next);
		}
	}
END_TEST

/* ---- what holds for all ways through it ---- */

static bool is_sight(enum cook_event event)
{
	return event >= COOK_SEES_RUNNING && event <= COOK_SEES_FAULT;
}

START_TEST(a_start_follows_only_an_acknowledged_fact_or_another_job_read_back)
	{
		for (int e = 0; e < N_COOK_EVENTS; e++) {
			enum cook_state state = (enum cook_state)_i;

			if (cook_step(state, (enum cook_event)e).action !=
			    COOK_DO_START)
				continue;
			ck_assert((e == COOK_TOLD && (state == COOK_TELLING ||
						      state == COOK_WAITING)) ||
				  (e == COOK_SEES_OTHER &&
				   state == COOK_READING));
		}
	}
END_TEST

START_TEST(only_what_certainly_was_not_sent_is_sent_again_as_it_was)
	{
		for (int e = 0; e < N_COOK_EVENTS; e++) {
			enum cook_state state = (enum cook_state)_i;
			struct cook_step step =
				cook_step(state, (enum cook_event)e);

			if (step.next == COOK_WAITING && state != COOK_WAITING)
				ck_assert(state == COOK_STARTING &&
					  e == COOK_NOT_SENT);
		}
	}
END_TEST

START_TEST(who_has_lost_its_history_or_cannot_fence_is_never_started_on)
	{
		static const enum cook_event events[] = {
			COOK_SEES_RESET,
			COOK_SEES_NO_FENCE,
		};

		for (int i = 0; i < CHECK_N(events); i++) {
			struct cook_step step =
				cook_step((enum cook_state)_i, events[i]);

			if (_i == COOK_READING || _i == COOK_GRILLING ||
			    _i == COOK_LATE_READING) {
				ck_assert_int_eq(step.action,
						 COOK_DO_UNCERTAIN);
				ck_assert_int_eq(step.next, COOK_OVER);
			} else if (_i == COOK_PARKED) {
				ck_assert_int_eq(step.action, COOK_DO_RAISE);
			} else {
				ck_assert_int_eq(step.action, COOK_DO_NOTHING);
				ck_assert_int_eq(step.next, _i);
			}
		}
	}
END_TEST

START_TEST(what_is_over_stays_over)
	{
		struct cook_step step =
			cook_step(COOK_OVER, (enum cook_event)_i);

		ck_assert_int_eq(step.action, COOK_DO_NOTHING);
		ck_assert_int_eq(step.next, COOK_OVER);
	}
END_TEST

static bool is_end(enum cook_action action)
{
	return action >= COOK_DO_DONE && action <= COOK_DO_GIVE_BACK &&
	       action != COOK_DO_PARK;
}

START_TEST(it_is_over_when_its_end_is_said_and_not_before)
	{
		for (int e = 0; e < N_COOK_EVENTS; e++) {
			struct cook_step step = cook_step((enum cook_state)_i,
							  (enum cook_event)e);

			if (_i != COOK_OVER)
				ck_assert_int_eq(step.next == COOK_OVER,
						 is_end(step.action));
		}
	}
END_TEST

/* How far a cook in doubt has got: nothing counts before what precedes it. */
enum progress { IN_DOUBT, RAISED, FENCED, SURE, N_PROGRESS };

static enum progress progress_after(enum progress progress,
				    enum cook_event event,
				    const struct cook_step *step)
{
	if (step->action == COOK_DO_RAISE || step->action == COOK_DO_PARK)
		return IN_DOUBT;
	if (event == COOK_TOKEN && step->action == COOK_DO_FENCE)
		return RAISED;
	if (progress == RAISED && event == COOK_FENCED &&
	    step->action == COOK_DO_READ)
		return FENCED;
	if (progress == FENCED && is_sight(event))
		return SURE;
	return progress;
}

static bool seen[N_COOK_STATES][N_PROGRESS];

static void explore(enum cook_state state, enum progress progress)
{
	if (seen[state][progress])
		return;
	seen[state][progress] = true;
	for (int e = 0; e < N_COOK_EVENTS; e++) {
		enum cook_event event = (enum cook_event)e;
		struct cook_step step = cook_step(state, event);
		enum progress next = progress;

		if (step.action == COOK_DO_NOTHING && step.next == state)
			continue;
		next = progress_after(progress, event, &step);
		if (step.action == COOK_DO_START ||
		    step.next == COOK_GRILLING ||
		    (step.action == COOK_DO_GIVE_BACK && is_sight(event)))
			ck_assert_msg(next == SURE,
				      "state %d, event %d: not fenced and read",
				      state, e);
		explore(step.next, next);
	}
}

START_TEST(out_of_doubt_leads_only_a_new_token_a_fence_and_a_reading)
	{
		memset(seen, 0, sizeof(seen));
		explore(COOK_TELLING_OLD, IN_DOUBT);
		explore(COOK_DOUBT, IN_DOUBT);
		explore(COOK_TELLING, SURE);
		for (int s = 0; s < N_COOK_STATES; s++) {
			bool reached = false;

			for (int p = 0; p < N_PROGRESS; p++)
				reached |= seen[s][p];
			ck_assert_msg(reached, "state %d is never reached", s);
		}
		ck_assert(!seen[COOK_STARTING][IN_DOUBT]);
		ck_assert(!seen[COOK_READING][RAISED]);
		ck_assert(!seen[COOK_LATE_READING][RAISED]);
	}
END_TEST

START_TEST(what_is_parked_is_never_started_from_there)
	{
		memset(seen, 0, sizeof(seen));
		explore(COOK_PARKING, IN_DOUBT);
		for (int p = 0; p < N_PROGRESS; p++) {
			ck_assert(!seen[COOK_STARTING][p]);
			ck_assert(!seen[COOK_WAITING][p]);
		}
	}
END_TEST

/* ---- what a reading says ---- */

static const uint8_t ours[GRILL_JOB_BYTES] = { 1, 2, 3 };

static const struct {
	bool our_job;
	struct grill_report report;
	enum cook_event event;
} sights[] = {
	{ true,
	  { GRILL_HEATING, .fences = true, .boot = 7 },
	  COOK_SEES_RUNNING },
	{ true, { GRILL_DONE, .fences = true, .boot = 7 }, COOK_SEES_DONE },
	{ true, { GRILL_IDLE, .fences = true, .boot = 7 }, COOK_SEES_STOPPED },
	{ true, { GRILL_FAULT, .fences = true, .boot = 7 }, COOK_SEES_STOPPED },
	/* It was reset and then started with ours: what it says is so. */
	{ true, { GRILL_DONE, .fences = true, .boot = 8 }, COOK_SEES_DONE },
	{ false, { GRILL_IDLE, .fences = true, .boot = 7 }, COOK_SEES_OTHER },
	{ false, { GRILL_DONE, .fences = true, .boot = 7 }, COOK_SEES_OTHER },
	{ false,
	  { GRILL_HEATING, .fences = true, .boot = 7 },
	  COOK_SEES_OTHER },
	{ false, { GRILL_FAULT, .fences = true, .boot = 7 }, COOK_SEES_FAULT },
	{ false, { GRILL_IDLE, .fences = true, .boot = 8 }, COOK_SEES_RESET },
	{ false, { GRILL_FAULT, .fences = true, .boot = 8 }, COOK_SEES_RESET },
	{ false,
	  { GRILL_IDLE, .fences = false, .boot = 7 },
	  COOK_SEES_NO_FENCE },
	{ false,
	  { GRILL_FAULT, .fences = false, .boot = 7 },
	  COOK_SEES_NO_FENCE },
	/* It says nothing, whatever stands beside that. */
	{ true, { GRILL_SILENT, .fences = true, .boot = 7 }, COOK_NO_ANSWER },
	{ false, { GRILL_SILENT, .fences = false }, COOK_NO_ANSWER },
};

START_TEST(a_report_is_seen_as_what_it_proves)
	{
		struct grill_report report = sights[_i].report;

		if (sights[_i].our_job)
			memcpy(report.job, ours, sizeof(ours));
		else
			report.job[0] = 99;
		ck_assert_int_eq(cook_sees(&report, ours, 7), sights[_i].event);
	}
END_TEST

START_TEST(a_plate_whose_past_was_not_recorded_proves_nothing)
	{
		struct grill_report report = { .fences = true, .boot = 7 };

		ck_assert_int_eq(cook_sees(&report, ours, -1), COOK_SEES_RESET);
	}
END_TEST

/* ---- walks ---- */

enum { N_WALKS = 20000, N_STEPS = 80, LATE_MAX = 8 };

/* A plate that keeps its rules, one order, and one cook at a time. */
static struct world {
	uint64_t random;
	/* the plate */
	struct grill_report plate;
	bool has_run;
	int n_starts;
	bool came_to_its_end;
	uint32_t late[LATE_MAX]; /* tokens of starts that are under way */
	int n_late;
	/* the tables */
	uint32_t token;
	int64_t boot;
	bool parked;
	/* the cook */
	enum cook_state state;
	uint32_t cook_token;
} world;

/* xorshift: the same walks each time. */
static uint32_t chance(uint32_t n)
{
	world.random ^= world.random << 13;
	world.random ^= world.random >> 7;
	world.random ^= world.random << 17;
	return (uint32_t)(world.random >> 33) % n;
}

static bool plate_start(uint32_t token)
{
	struct grill_report *plate = &world.plate;

	if (plate->fences && (token < plate->token || world.has_run))
		return false;
	if (plate->state == GRILL_HEATING || plate->state == GRILL_FAULT)
		return false;
	plate->token = token;
	plate->state = GRILL_HEATING;
	if (plate->fences)
		memcpy(plate->job, ours, sizeof(ours));
	world.has_run = true;
	world.n_starts++;
	return true;
}

static enum cook_event plate_fence(uint32_t token)
{
	if (!world.plate.fences)
		return COOK_FENCED;
	if (token < world.plate.token)
		return COOK_REFUSED;
	world.plate.token = token;
	return COOK_FENCED;
}

/* One that is reset, by a loss of power say, drops what is on the writer. */
static void disturb_plate(void)
{
	struct grill_report *plate = &world.plate;

	switch (chance(12)) {
	case 0:
		if (world.n_late)
			(void)plate_start(world.late[--world.n_late]);
		return;
	case 1:
	case 2:
	case 3:
		if (plate->state != GRILL_HEATING)
			return;
		plate->state = GRILL_DONE;
		world.came_to_its_end = true;
		return;
	case 4:
		if (plate->state == GRILL_HEATING && chance(4) == 0)
			plate->state = GRILL_IDLE;
		return;
	case 5:
		if (chance(20) == 0)
			plate->state = GRILL_FAULT;
		return;
	case 6:
		if (chance(20) != 0)
			return;
		*plate = (struct grill_report){ .fences = plate->fences,
						.boot = plate->boot + 1 };
		world.has_run = false;
		world.n_late = 0;
		return;
	default:
		return;
	}
}

/* The start on its way: it happens or not, and is answered or not. */
static enum cook_event send_start(void)
{
	switch (chance(6)) {
	case 0:
		return COOK_NOT_SENT;
	case 1:
		return COOK_NO_ANSWER;
	case 2:
		(void)plate_start(world.cook_token);
		return COOK_NO_ANSWER;
	case 3:
		if (world.n_late < LATE_MAX)
			world.late[world.n_late++] = world.cook_token;
		return COOK_NO_ANSWER;
	default:
		return plate_start(world.cook_token) ? COOK_STARTED
						     : COOK_REFUSED;
	}
}

static enum cook_event send_fence(void)
{
	switch (chance(5)) {
	case 0:
		return COOK_NOT_SENT;
	case 1:
		return COOK_NO_ANSWER;
	case 2:
		(void)plate_fence(world.cook_token);
		return COOK_NO_ANSWER;
	default:
		return plate_fence(world.cook_token);
	}
}

static enum cook_event read_plate(void)
{
	if (chance(4) == 0)
		return COOK_NO_ANSWER;
	return cook_sees(&world.plate, ours, world.boot);
}

/* What the world answers to the state that the cook is in. */
static enum cook_event next_event(void)
{
	if (chance(20) == 0)
		return COOK_TIRED;
	switch (world.state) {
	case COOK_STARTING:
		return send_start();
	case COOK_DOUBT:
	case COOK_LATE_DOUBT:
		world.cook_token = ++world.token;
		return COOK_TOKEN;
	case COOK_FENCING:
	case COOK_LATE_FENCING:
		return send_fence();
	case COOK_GRILLING:
	case COOK_READING:
	case COOK_PARKED:
	case COOK_LATE_READING:
		return read_plate();
	case COOK_TELLING:
	case COOK_TELLING_OLD:
	case COOK_WAITING:
	case COOK_PARKING:
	case COOK_OVER:
	case N_COOK_STATES:
		break;
	}
	return COOK_TOLD;
}

static void claim(void)
{
	world.state = COOK_TELLING;
	world.parked = false;
	world.cook_token = ++world.token;
	world.boot = world.plate.boot;
}

/* Parked ones that were given back, over all walks. */
static int n_settled;

/* What was said of the order's end is true; given back, it is tried again. */
static bool heed_end(enum cook_action action)
{
	switch (action) {
	case COOK_DO_DONE:
		ck_assert_int_eq(world.n_starts, 1);
		ck_assert(world.came_to_its_end);
		return true;
	case COOK_DO_FAILED:
		ck_assert_int_eq(world.n_starts, 1);
		ck_assert(!world.came_to_its_end ||
			  world.plate.state == GRILL_FAULT);
		return true;
	case COOK_DO_GIVE_BACK:
		ck_assert_int_eq(world.n_starts, 0);
		n_settled += world.parked;
		claim();
		return false;
	case COOK_DO_PARK:
		world.parked = true;
		return false;
	default:
		return is_end(action);
	}
}

static enum cook_action walk(uint64_t seed, bool fences)
{
	world = (struct world){
		.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
		.plate = { .fences = fences, .boot = 1, .job = { 42 } },
	};
	claim();
	for (int i = 0; i < N_STEPS; i++) {
		struct cook_step step;

		disturb_plate();
		if (chance(15) == 0) {
			/* It dies; who takes over finds the open intent. */
			world.state =
				world.parked ? COOK_PARKING : COOK_TELLING_OLD;
			world.cook_token = world.token;
		}
		step = cook_step(world.state, next_event());
		world.state = step.next;
		if (heed_end(step.action))
			return step.action;
		ck_assert_int_le(world.n_starts, 1);
	}
	return COOK_DO_NOTHING;
}

START_TEST(whatever_happens_an_order_is_never_started_twice)
	{
		int n_ends[COOK_DO_GIVE_BACK + 1] = { 0 }, n_done_late = 0;

		n_settled = 0;
		for (uint64_t i = 1; i <= N_WALKS; i++) {
			enum cook_action end = walk(i, _i == 0);

			n_ends[end]++;
			n_done_late += end == COOK_DO_DONE && world.parked;
			ck_assert_int_le(world.n_starts, 1);
		}
		/* The walks get about: a world that does nothing proves
		 * nothing. */
		ck_assert_int_gt(n_ends[COOK_DO_UNCERTAIN], 100);
		if (_i == 0) {
			ck_assert_int_gt(n_settled, 100);
			ck_assert_int_gt(n_done_late, 100);
			ck_assert_int_gt(n_ends[COOK_DO_DONE], N_WALKS / 4);
			ck_assert_int_gt(n_ends[COOK_DO_FAILED], 100);
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cook");
	TCase *tcase = check_case(suite, 60);

	tcase_add_loop_test(tcase,
			    each_event_in_each_state_does_what_the_table_says,
			    0, N_COOK_STATES);
	tcase_add_loop_test(
		tcase,
		a_start_follows_only_an_acknowledged_fact_or_another_job_read_back,
		0, N_COOK_STATES);
	tcase_add_loop_test(
		tcase, only_what_certainly_was_not_sent_is_sent_again_as_it_was,
		0, N_COOK_STATES);
	tcase_add_loop_test(
		tcase,
		who_has_lost_its_history_or_cannot_fence_is_never_started_on, 0,
		N_COOK_STATES);
	tcase_add_loop_test(tcase, what_is_over_stays_over, 0, N_COOK_EVENTS);
	tcase_add_loop_test(tcase,
			    it_is_over_when_its_end_is_said_and_not_before, 0,
			    N_COOK_STATES);
	tcase_add_test(
		tcase,
		out_of_doubt_leads_only_a_new_token_a_fence_and_a_reading);
	tcase_add_test(tcase, what_is_parked_is_never_started_from_there);
	tcase_add_loop_test(tcase, a_report_is_seen_as_what_it_proves, 0,
			    CHECK_N(sights));
	tcase_add_test(tcase,
		       a_plate_whose_past_was_not_recorded_proves_nothing);
	tcase_add_loop_test(
		tcase, whatever_happens_an_order_is_never_started_twice, 0, 2);
	return check_run(suite);
}
