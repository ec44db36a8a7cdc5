/* SPDX-License-Identifier: MIT */
/*
 * Job: the table row by row, what holds for all ways through it, and walks
 * through a small world with a plate, writes that come late, and jobs that
 * die: an order is never started twice, and is given back only when it was
 * never started.
 */
#include "workers/jafflr/job.h"

#include <string.h>

#include "infra/lib/check_fixture.h"

/* ---- the table ---- */

struct row {
	enum job_state state;
	enum job_event event;
	enum job_action action;
	enum job_state next;
};

#define ROW(s, e, a, n)                                                        \
	{                                                                      \
		JOB_##s, JOB_##e, JOB_DO_##a, JOB_##n                          \
	}

/* clang-format off */
static const struct row rows[] = {
	ROW(PUBLISHING, PUBLISHED, START, STARTING),
	ROW(ADOPTED, PUBLISHED, RAISE, DOUBT),
	ROW(STARTING, STARTED, READ, GRILLING),
	ROW(STARTING, NOT_SENT, NOTHING, WAITING),
	ROW(STARTING, REFUSED, RAISE, DOUBT),
	ROW(STARTING, NO_ANSWER, RAISE, DOUBT),
	ROW(WAITING, PUBLISHED, START, STARTING),
	ROW(WAITING, TIMED_OUT, REQUEUE, OVER),
	ROW(GRILLING, SEES_RUNNING, READ, GRILLING),
	ROW(GRILLING, SEES_DONE, DONE, OVER),
	ROW(GRILLING, SEES_STOPPED, FAILED, OVER),
	ROW(GRILLING, SEES_OTHER, UNCERTAIN, OVER),
	ROW(GRILLING, SEES_RESET, UNCERTAIN, OVER),
	ROW(GRILLING, SEES_NO_FENCE, UNCERTAIN, OVER),
	ROW(GRILLING, SEES_FAULT, UNCERTAIN, OVER),
	ROW(GRILLING, NO_ANSWER, READ, GRILLING),
	ROW(GRILLING, TIMED_OUT, PARK, PARKING),
	ROW(DOUBT, TOKEN, FENCE, FENCING),
	ROW(DOUBT, NO_TOKEN, UNCERTAIN, OVER),
	ROW(DOUBT, TIMED_OUT, PARK, PARKING),
	ROW(FENCING, FENCED, READ, READING),
	ROW(FENCING, REFUSED, RAISE, DOUBT),
	ROW(FENCING, NOT_SENT, FENCE, FENCING),
	ROW(FENCING, NO_ANSWER, FENCE, FENCING),
	ROW(FENCING, TIMED_OUT, PARK, PARKING),
	ROW(READING, SEES_RUNNING, READ, GRILLING),
	ROW(READING, SEES_DONE, DONE, OVER),
	ROW(READING, SEES_STOPPED, FAILED, OVER),
	ROW(READING, SEES_OTHER, START, STARTING),
	ROW(READING, SEES_RESET, UNCERTAIN, OVER),
	ROW(READING, SEES_NO_FENCE, UNCERTAIN, OVER),
	ROW(READING, SEES_FAULT, REQUEUE, OVER),
	ROW(READING, NO_ANSWER, READ, READING),
	ROW(READING, TIMED_OUT, PARK, PARKING),
	ROW(PARKING, PUBLISHED, READ, PARKED),
	ROW(PARKED, SEES_RUNNING, READ, PARKED),
	ROW(PARKED, SEES_DONE, DONE, OVER),
	ROW(PARKED, SEES_STOPPED, FAILED, OVER),
	ROW(PARKED, SEES_OTHER, RAISE, PARKED_DOUBT),
	ROW(PARKED, SEES_RESET, RAISE, PARKED_DOUBT),
	ROW(PARKED, SEES_NO_FENCE, RAISE, PARKED_DOUBT),
	ROW(PARKED, SEES_FAULT, RAISE, PARKED_DOUBT),
	ROW(PARKED, NO_ANSWER, READ, PARKED),
	ROW(PARKED_DOUBT, TOKEN, FENCE, PARKED_FENCING),
	ROW(PARKED_DOUBT, NO_TOKEN, UNCERTAIN, OVER),
	ROW(PARKED_DOUBT, TIMED_OUT, READ, PARKED),
	ROW(PARKED_FENCING, FENCED, READ, PARKED_READING),
	ROW(PARKED_FENCING, REFUSED, RAISE, PARKED_DOUBT),
	ROW(PARKED_FENCING, NOT_SENT, FENCE, PARKED_FENCING),
	ROW(PARKED_FENCING, NO_ANSWER, FENCE, PARKED_FENCING),
	ROW(PARKED_FENCING, TIMED_OUT, READ, PARKED),
	ROW(PARKED_READING, SEES_RUNNING, READ, PARKED),
	ROW(PARKED_READING, SEES_DONE, DONE, OVER),
	ROW(PARKED_READING, SEES_STOPPED, FAILED, OVER),
	ROW(PARKED_READING, SEES_OTHER, REQUEUE, OVER),
	ROW(PARKED_READING, SEES_RESET, UNCERTAIN, OVER),
	ROW(PARKED_READING, SEES_NO_FENCE, UNCERTAIN, OVER),
	ROW(PARKED_READING, SEES_FAULT, REQUEUE, OVER),
	ROW(PARKED_READING, NO_ANSWER, READ, PARKED_READING),
	ROW(PARKED_READING, TIMED_OUT, READ, PARKED),
};
/* clang-format on */

static struct row expected(enum job_state state, enum job_event event)
{
	for (int i = 0; i < CHECK_N(rows); i++)
		if (rows[i].state == state && rows[i].event == event)
			return rows[i];
	return (struct row){ state, event, JOB_DO_NOTHING, state };
}

START_TEST(each_event_in_each_state_does_what_the_table_says)
	{
		for (int e = 0; e < N_JOB_EVENTS; e++) {
			struct row row =
				expected((enum job_state)_i, (enum job_event)e);
			struct job_step step = job_step(row.state, row.event);

			ck_assert_msg(step.action == row.action &&
					      step.next == row.next,
				      "state %d, event %d: action %d, next %d",
				      _i, e, step.action, step.next);
		}
	}
END_TEST

/* ---- what holds for all ways through it ---- */

static bool is_sight(enum job_event event)
{
	return event >= JOB_SEES_RUNNING && event <= JOB_SEES_FAULT;
}

START_TEST(a_start_follows_only_an_acknowledged_fact_or_another_job_read_back)
	{
		for (int e = 0; e < N_JOB_EVENTS; e++) {
			enum job_state state = (enum job_state)_i;

			if (job_step(state, (enum job_event)e).action !=
			    JOB_DO_START)
				continue;
			ck_assert(
				(e == JOB_PUBLISHED &&
				 (state == JOB_PUBLISHING ||
				  state == JOB_WAITING)) ||
				(e == JOB_SEES_OTHER && state == JOB_READING));
		}
	}
END_TEST

START_TEST(only_what_certainly_was_not_sent_is_sent_again_as_it_was)
	{
		for (int e = 0; e < N_JOB_EVENTS; e++) {
			enum job_state state = (enum job_state)_i;
			struct job_step step =
				job_step(state, (enum job_event)e);

			if (step.next == JOB_WAITING && state != JOB_WAITING)
				ck_assert(state == JOB_STARTING &&
					  e == JOB_NOT_SENT);
		}
	}
END_TEST

START_TEST(who_has_lost_its_history_or_cannot_fence_is_never_started_on)
	{
		static const enum job_event events[] = {
			JOB_SEES_RESET,
			JOB_SEES_NO_FENCE,
		};

		for (int i = 0; i < CHECK_N(events); i++) {
			struct job_step step =
				job_step((enum job_state)_i, events[i]);

			if (_i == JOB_READING || _i == JOB_GRILLING ||
			    _i == JOB_PARKED_READING) {
				ck_assert_int_eq(step.action, JOB_DO_UNCERTAIN);
				ck_assert_int_eq(step.next, JOB_OVER);
			} else if (_i == JOB_PARKED) {
				ck_assert_int_eq(step.action, JOB_DO_RAISE);
			} else {
				ck_assert_int_eq(step.action, JOB_DO_NOTHING);
				ck_assert_int_eq(step.next, _i);
			}
		}
	}
END_TEST

START_TEST(what_is_over_stays_over)
	{
		struct job_step step = job_step(JOB_OVER, (enum job_event)_i);

		ck_assert_int_eq(step.action, JOB_DO_NOTHING);
		ck_assert_int_eq(step.next, JOB_OVER);
	}
END_TEST

static bool is_end(enum job_action action)
{
	return action >= JOB_DO_DONE && action <= JOB_DO_REQUEUE &&
	       action != JOB_DO_PARK;
}

START_TEST(it_is_over_when_its_end_is_said_and_not_before)
	{
		for (int e = 0; e < N_JOB_EVENTS; e++) {
			struct job_step step =
				job_step((enum job_state)_i, (enum job_event)e);

			if (_i != JOB_OVER)
				ck_assert_int_eq(step.next == JOB_OVER,
						 is_end(step.action));
		}
	}
END_TEST

/* How far a job in doubt has got: nothing counts before what precedes it. */
enum progress { IN_DOUBT, RAISED, FENCED, SURE, N_PROGRESS };

static enum progress progress_after(enum progress progress,
				    enum job_event event,
				    const struct job_step *step)
{
	if (step->action == JOB_DO_RAISE || step->action == JOB_DO_PARK)
		return IN_DOUBT;
	if (event == JOB_TOKEN && step->action == JOB_DO_FENCE)
		return RAISED;
	if (progress == RAISED && event == JOB_FENCED &&
	    step->action == JOB_DO_READ)
		return FENCED;
	if (progress == FENCED && is_sight(event))
		return SURE;
	return progress;
}

static bool seen[N_JOB_STATES][N_PROGRESS];

static void explore(enum job_state state, enum progress progress)
{
	if (seen[state][progress])
		return;
	seen[state][progress] = true;
	for (int e = 0; e < N_JOB_EVENTS; e++) {
		enum job_event event = (enum job_event)e;
		struct job_step step = job_step(state, event);
		enum progress next = progress;

		if (step.action == JOB_DO_NOTHING && step.next == state)
			continue;
		next = progress_after(progress, event, &step);
		if (step.action == JOB_DO_START || step.next == JOB_GRILLING ||
		    (step.action == JOB_DO_REQUEUE && is_sight(event)))
			ck_assert_msg(next == SURE,
				      "state %d, event %d: not fenced and read",
				      state, e);
		explore(step.next, next);
	}
}

START_TEST(out_of_doubt_leads_only_a_new_token_a_fence_and_a_reading)
	{
		memset(seen, 0, sizeof(seen));
		explore(JOB_ADOPTED, IN_DOUBT);
		explore(JOB_DOUBT, IN_DOUBT);
		explore(JOB_PUBLISHING, SURE);
		for (int s = 0; s < N_JOB_STATES; s++) {
			bool reached = false;

			for (int p = 0; p < N_PROGRESS; p++)
				reached |= seen[s][p];
			ck_assert_msg(reached, "state %d is never reached", s);
		}
		ck_assert(!seen[JOB_STARTING][IN_DOUBT]);
		ck_assert(!seen[JOB_READING][RAISED]);
		ck_assert(!seen[JOB_PARKED_READING][RAISED]);
	}
END_TEST

START_TEST(what_is_parked_is_never_started_from_there)
	{
		memset(seen, 0, sizeof(seen));
		explore(JOB_PARKING, IN_DOUBT);
		for (int p = 0; p < N_PROGRESS; p++) {
			ck_assert(!seen[JOB_STARTING][p]);
			ck_assert(!seen[JOB_WAITING][p]);
		}
	}
END_TEST

/* ---- what a reading says ---- */

static const uint8_t ours[GRILL_JOB_BYTES] = { 1, 2, 3 };

static const struct {
	bool our_job;
	struct grill_report report;
	enum job_event event;
} sights[] = {
	{ true,
	  { GRILL_HEATING, .fences = true, .boot = 7 },
	  JOB_SEES_RUNNING },
	{ true, { GRILL_DONE, .fences = true, .boot = 7 }, JOB_SEES_DONE },
	{ true, { GRILL_IDLE, .fences = true, .boot = 7 }, JOB_SEES_STOPPED },
	{ true, { GRILL_FAULT, .fences = true, .boot = 7 }, JOB_SEES_STOPPED },
	/* It was reset and then started with ours: what it says is so. */
	{ true, { GRILL_DONE, .fences = true, .boot = 8 }, JOB_SEES_DONE },
	{ false, { GRILL_IDLE, .fences = true, .boot = 7 }, JOB_SEES_OTHER },
	{ false, { GRILL_DONE, .fences = true, .boot = 7 }, JOB_SEES_OTHER },
	{ false, { GRILL_HEATING, .fences = true, .boot = 7 }, JOB_SEES_OTHER },
	{ false, { GRILL_FAULT, .fences = true, .boot = 7 }, JOB_SEES_FAULT },
	{ false, { GRILL_IDLE, .fences = true, .boot = 8 }, JOB_SEES_RESET },
	{ false, { GRILL_FAULT, .fences = true, .boot = 8 }, JOB_SEES_RESET },
	{ false,
	  { GRILL_IDLE, .fences = false, .boot = 7 },
	  JOB_SEES_NO_FENCE },
	{ false,
	  { GRILL_FAULT, .fences = false, .boot = 7 },
	  JOB_SEES_NO_FENCE },
	/* It says nothing, whatever stands beside that. */
	{ true, { GRILL_SILENT, .fences = true, .boot = 7 }, JOB_NO_ANSWER },
	{ false, { GRILL_SILENT, .fences = false }, JOB_NO_ANSWER },
};

START_TEST(a_report_is_seen_as_what_it_proves)
	{
		struct grill_report report = sights[_i].report;

		if (sights[_i].our_job)
			memcpy(report.job, ours, sizeof(ours));
		else
			report.job[0] = 99;
		ck_assert_int_eq(job_sees(&report, ours, 7), sights[_i].event);
	}
END_TEST

START_TEST(a_plate_whose_past_was_not_recorded_proves_nothing)
	{
		struct grill_report report = { .fences = true, .boot = 7 };

		ck_assert_int_eq(job_sees(&report, ours, -1), JOB_SEES_RESET);
	}
END_TEST

/* ---- walks ---- */

enum { N_WALKS = 20000, N_STEPS = 80, LATE_MAX = 8 };

/* A plate that keeps its rules, one order, and one job at a time. */
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
	/* the job */
	enum job_state state;
	uint32_t job_token;
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

static enum job_event plate_fence(uint32_t token)
{
	if (!world.plate.fences)
		return JOB_FENCED;
	if (token < world.plate.token)
		return JOB_REFUSED;
	world.plate.token = token;
	return JOB_FENCED;
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
static enum job_event send_start(void)
{
	switch (chance(6)) {
	case 0:
		return JOB_NOT_SENT;
	case 1:
		return JOB_NO_ANSWER;
	case 2:
		(void)plate_start(world.job_token);
		return JOB_NO_ANSWER;
	case 3:
		if (world.n_late < LATE_MAX)
			world.late[world.n_late++] = world.job_token;
		return JOB_NO_ANSWER;
	default:
		return plate_start(world.job_token) ? JOB_STARTED : JOB_REFUSED;
	}
}

static enum job_event send_fence(void)
{
	switch (chance(5)) {
	case 0:
		return JOB_NOT_SENT;
	case 1:
		return JOB_NO_ANSWER;
	case 2:
		(void)plate_fence(world.job_token);
		return JOB_NO_ANSWER;
	default:
		return plate_fence(world.job_token);
	}
}

static enum job_event read_plate(void)
{
	if (chance(4) == 0)
		return JOB_NO_ANSWER;
	return job_sees(&world.plate, ours, world.boot);
}

/* What the world answers to the state that the job is in. */
static enum job_event next_event(void)
{
	if (chance(20) == 0)
		return JOB_TIMED_OUT;
	switch (world.state) {
	case JOB_STARTING:
		return send_start();
	case JOB_DOUBT:
	case JOB_PARKED_DOUBT:
		world.job_token = ++world.token;
		return JOB_TOKEN;
	case JOB_FENCING:
	case JOB_PARKED_FENCING:
		return send_fence();
	case JOB_GRILLING:
	case JOB_READING:
	case JOB_PARKED:
	case JOB_PARKED_READING:
		return read_plate();
	case JOB_PUBLISHING:
	case JOB_ADOPTED:
	case JOB_WAITING:
	case JOB_PARKING:
	case JOB_OVER:
	case N_JOB_STATES:
		break;
	}
	return JOB_PUBLISHED;
}

static void claim(void)
{
	world.state = JOB_PUBLISHING;
	world.parked = false;
	world.job_token = ++world.token;
	world.boot = world.plate.boot;
}

/* Parked ones that were given back, over all walks. */
static int n_settled;

/* What was said of the order's end is true; given back, it is tried again. */
static bool heed_end(enum job_action action)
{
	switch (action) {
	case JOB_DO_DONE:
		ck_assert_int_eq(world.n_starts, 1);
		ck_assert(world.came_to_its_end);
		return true;
	case JOB_DO_FAILED:
		ck_assert_int_eq(world.n_starts, 1);
		ck_assert(!world.came_to_its_end ||
			  world.plate.state == GRILL_FAULT);
		return true;
	case JOB_DO_REQUEUE:
		ck_assert_int_eq(world.n_starts, 0);
		n_settled += world.parked;
		claim();
		return false;
	case JOB_DO_PARK:
		world.parked = true;
		return false;
	default:
		return is_end(action);
	}
}

static enum job_action walk(uint64_t seed, bool fences)
{
	world = (struct world){
		.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
		.plate = { .fences = fences, .boot = 1, .job = { 42 } },
	};
	claim();
	for (int i = 0; i < N_STEPS; i++) {
		struct job_step step;

		disturb_plate();
		if (chance(15) == 0) {
			/* It dies; who takes over finds the open intent. */
			world.state = world.parked ? JOB_PARKING : JOB_ADOPTED;
			world.job_token = world.token;
		}
		step = job_step(world.state, next_event());
		world.state = step.next;
		if (heed_end(step.action))
			return step.action;
		ck_assert_int_le(world.n_starts, 1);
	}
	return JOB_DO_NOTHING;
}

START_TEST(whatever_happens_an_order_is_never_started_twice)
	{
		int n_ends[JOB_DO_REQUEUE + 1] = { 0 }, n_done_late = 0;

		n_settled = 0;
		for (uint64_t i = 1; i <= N_WALKS; i++) {
			enum job_action end = walk(i, _i == 0);

			n_ends[end]++;
			n_done_late += end == JOB_DO_DONE && world.parked;
			ck_assert_int_le(world.n_starts, 1);
		}
		/* The walks get about: a world that does nothing proves
		 * nothing. */
		ck_assert_int_gt(n_ends[JOB_DO_UNCERTAIN], 100);
		if (_i == 0) {
			ck_assert_int_gt(n_settled, 100);
			ck_assert_int_gt(n_done_late, 100);
			ck_assert_int_gt(n_ends[JOB_DO_DONE], N_WALKS / 4);
			ck_assert_int_gt(n_ends[JOB_DO_FAILED], 100);
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job");
	TCase *tcase = check_case(suite, 60);

	tcase_add_loop_test(tcase,
			    each_event_in_each_state_does_what_the_table_says,
			    0, N_JOB_STATES);
	tcase_add_loop_test(
		tcase,
		a_start_follows_only_an_acknowledged_fact_or_another_job_read_back,
		0, N_JOB_STATES);
	tcase_add_loop_test(
		tcase, only_what_certainly_was_not_sent_is_sent_again_as_it_was,
		0, N_JOB_STATES);
	tcase_add_loop_test(
		tcase,
		who_has_lost_its_history_or_cannot_fence_is_never_started_on, 0,
		N_JOB_STATES);
	tcase_add_loop_test(tcase, what_is_over_stays_over, 0, N_JOB_EVENTS);
	tcase_add_loop_test(tcase,
			    it_is_over_when_its_end_is_said_and_not_before, 0,
			    N_JOB_STATES);
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
