/* SPDX-License-Identifier: MIT */
/*
 * Job: what holds for each step and for all ways through the table, and walks
 * through a small world with a plate, writes that come late, and jobs that
 * die: an order is never started twice, and is given back only when it was
 * never started.
 */
#include "workers/jafflr/job.h"

#include <string.h>

#include "infra/lib/check_fixture.h"
#include "workers/jafflr/grill/grill_fake.h"
#include "workers/jafflr/grill/grill_modbus.h"

/* ---- what holds for all ways through it ---- */

static bool is_sight(enum job_event event)
{
	return event >= JOB_SEES_RUNNING && event <= JOB_SEES_FAULT;
}

static bool is_end(enum job_action action)
{
	return action >= JOB_DO_DONE && action <= JOB_DO_REQUEUE &&
	       action != JOB_DO_PARK;
}

/* The state in which a plate is read back in doubt, before it is over. */
static bool is_reading(enum job_state state)
{
	return state == JOB_REFUSED_READING || state == JOB_DOUBT_READING;
}

/* What is done about a plate that has lost its history, or cannot fence: it is
 * never started on. */
static enum job_action about_a_lost_history(enum job_state state)
{
	if (is_reading(state) || state == JOB_GRILLING ||
	    state == JOB_PARKED_READING)
		return JOB_DO_UNCERTAIN;
	return state == JOB_PARKED ? JOB_DO_RAISE : JOB_DO_NOTHING;
}

/* One event in one state: what must hold for its step. */
static void check_step(enum job_state state, enum job_event event)
{
	struct job_step step = job_step(state, event);

	/* A start follows only an acknowledged fact, a pause after one that
	 * was not sent, or another job that was read back. */
	if (step.action == JOB_DO_START)
		ck_assert((event == JOB_PUBLISHED && state == JOB_PUBLISHING) ||
			  (event == JOB_RETRY && state == JOB_WAITING) ||
			  (event == JOB_SEES_OTHER && is_reading(state)));
	/* Only what certainly was not sent is sent again as it was. */
	if (step.next == JOB_WAITING && state != JOB_WAITING)
		ck_assert(state == JOB_STARTING && event == JOB_NOT_SENT);
	/* It is over when its end is said, and not before. */
	if (state != JOB_OVER)
		ck_assert_int_eq(step.next == JOB_OVER, is_end(step.action));
	else
		ck_assert(step.action == JOB_DO_NOTHING &&
			  step.next == JOB_OVER);
	/* Of a job that may have begun, only a fenced reading says that it has
	 * not. */
	if (step.action == JOB_DO_REQUEUE && state >= JOB_DOUBT)
		ck_assert(is_sight(event) && (state == JOB_DOUBT_READING ||
					      state == JOB_PARKED_READING));
	if (event == JOB_SEES_RESET || event == JOB_SEES_NO_FENCE)
		ck_assert_int_eq(step.action, about_a_lost_history(state));
	/* Without a token nothing more is found out. */
	if (event == JOB_NO_TOKEN)
		ck_assert_int_eq(step.action,
				 state == JOB_REFUSED ? JOB_DO_REQUEUE
				 : state == JOB_DOUBT ||
						 state == JOB_PARKED_DOUBT
					 ? JOB_DO_UNCERTAIN
					 : JOB_DO_NOTHING);
	/* What comes too late changes nothing. */
	if (step.action == JOB_DO_NOTHING)
		ck_assert_int_eq(step.next, state);
	/* A plate is not asked again and again without a pause. */
	if (event == JOB_NO_ANSWER || event == JOB_NOT_SENT)
		ck_assert(step.pause != JOB_NOW ||
			  step.action == JOB_DO_NOTHING ||
			  step.action == JOB_DO_RAISE);
}

START_TEST(what_holds_for_each_event_in_each_state)
	{
		for (int e = 0; e < N_JOB_EVENTS; e++)
			check_step((enum job_state)_i, (enum job_event)e);
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
		explore(JOB_PUBLISHING, SURE);
		for (int s = 0; s < N_JOB_STATES; s++) {
			bool reached = false;

			for (int p = 0; p < N_PROGRESS; p++)
				reached |= seen[s][p];
			ck_assert_msg(reached, "state %d is never reached", s);
		}
		ck_assert(!seen[JOB_STARTING][IN_DOUBT]);
		ck_assert(!seen[JOB_DOUBT_READING][RAISED]);
		ck_assert(!seen[JOB_REFUSED_READING][RAISED]);
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
	struct job_past past;
	enum grill_plate_state state;
	bool our_job, fences;
	uint16_t boot;
	enum job_event event;
} sights[] = {
	/* clang-format off */
	{ { .boot = 7 }, GRILL_HEATING, true, true, 7, JOB_SEES_RUNNING },
	{ { .boot = 7 }, GRILL_DONE, true, true, 7, JOB_SEES_DONE },
	{ { .boot = 7 }, GRILL_IDLE, true, true, 7, JOB_SEES_STOPPED },
	{ { .boot = 7 }, GRILL_FAULT, true, true, 7, JOB_SEES_STOPPED },
	/* It was reset and then started with ours: what it says is so. */
	{ { .boot = 7 }, GRILL_DONE, true, true, 8, JOB_SEES_DONE },
	{ { .boot = 7 }, GRILL_IDLE, false, true, 7, JOB_SEES_OTHER },
	{ { .boot = 7 }, GRILL_DONE, false, true, 7, JOB_SEES_OTHER },
	{ { .boot = 7 }, GRILL_HEATING, false, true, 7, JOB_SEES_OTHER },
	{ { .boot = 7 }, GRILL_FAULT, false, true, 7, JOB_SEES_FAULT },
	{ { .boot = 7 }, GRILL_IDLE, false, true, 8, JOB_SEES_RESET },
	{ { .boot = 7 }, GRILL_FAULT, false, true, 8, JOB_SEES_RESET },
	{ { .boot = 7 }, GRILL_IDLE, false, false, 7, JOB_SEES_NO_FENCE },
	{ { .boot = 7 }, GRILL_FAULT, false, false, 7, JOB_SEES_NO_FENCE },
	/* It said before that it had begun, or has refused again and again. */
	{ { .boot = 7, .began = true }, GRILL_IDLE, false, true, 7, JOB_SEES_RESET },
	{ { .boot = 7, .began = true }, GRILL_FAULT, false, true, 7, JOB_SEES_RESET },
	{ { .boot = 7, .n_refused = JOB_REFUSALS_MAX - 1 }, GRILL_IDLE, false, true, 7, JOB_SEES_OTHER },
	{ { .boot = 7, .n_refused = JOB_REFUSALS_MAX }, GRILL_IDLE, false, true, 7, JOB_SEES_FAULT },
	/* The plate's past was not recorded. */
	{ { .boot = -1 }, GRILL_IDLE, false, true, 7, JOB_SEES_RESET },
	/* It says nothing, whatever stands beside that. */
	{ { .boot = 7 }, GRILL_SILENT, true, true, 7, JOB_NO_ANSWER },
	{ { .boot = 7 }, GRILL_SILENT, false, false, 0, JOB_NO_ANSWER },
	/* clang-format on */
};

START_TEST(a_report_is_seen_as_what_it_proves)
	{
		struct grill_report report = {
			.state = sights[_i].state,
			.fences = sights[_i].fences,
			.boot = sights[_i].boot,
			.job = { 99 },
		};

		if (sights[_i].our_job)
			memcpy(report.job, ours, sizeof(ours));
		ck_assert_int_eq(job_sees(&report, ours, &sights[_i].past),
				 sights[_i].event);
	}
END_TEST

/* ---- walks ---- */

enum { N_WALKS = 20000, N_STEPS = 80, LATE_MAX = 8 };

/* A plate, one order, and one job at a time. */
static struct world {
	uint64_t random;
	struct grill_fake *fake;
	bool broken, came_to_its_end;
	uint32_t late[LATE_MAX]; /* tokens of starts that are under way */
	int n_late;
	/* the tables */
	uint32_t token;
	struct job_past past;
	bool parked;
	/* the job, and what it does */
	enum job_state state;
	enum job_action action;
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

static struct grill_report report(void)
{
	struct grill_report report;

	ck_assert_int_eq(grill_modbus_ops.read(world.fake, 0, 1, &report), 0);
	return report;
}

static bool plate_start(uint32_t token)
{
	struct grill_start start = { .token = token, .time_ms = 1000 };

	memcpy(start.job, ours, sizeof(ours));
	return !grill_modbus_ops.start(world.fake, &start);
}

/* One that is reset, by a loss of power say, drops what is on the way. */
static void disturb_plate(void)
{
	static const struct {
		uint32_t one_in;
		enum grill_fake_event event;
	} events[] = {
		{ 4, GRILL_FAKE_DONE },
		{ 48, GRILL_FAKE_CUT_SHORT },
		{ 240, GRILL_FAKE_BREAKS },
		{ 240, GRILL_FAKE_RESET },
	};

	if (world.n_late && chance(12) == 0)
		(void)plate_start(world.late[--world.n_late]);
	for (int i = 0; i < CHECK_N(events); i++) {
		if (chance(events[i].one_in))
			continue;
		world.came_to_its_end |= events[i].event == GRILL_FAKE_DONE &&
					 report().state == GRILL_HEATING;
		world.broken |= events[i].event == GRILL_FAKE_BREAKS;
		if (events[i].event == GRILL_FAKE_RESET)
			world.n_late = 0;
		grill_fake_happens(world.fake, events[i].event);
	}
}

/* On its way it happens or not, now or later, and is answered or not. */
static enum job_event send_command(bool start)
{
	uint32_t how = chance(6);
	bool done;

	if (how == 0)
		return JOB_NOT_SENT;
	if (how == 1 && start && world.n_late < LATE_MAX)
		world.late[world.n_late++] = world.job_token;
	if (how <= 2)
		return JOB_NO_ANSWER;
	done = start ? plate_start(world.job_token)
		     : !grill_modbus_ops.fence(world.fake, 0, world.job_token);
	if (how == 3)
		return JOB_NO_ANSWER;
	if (done)
		return start ? JOB_STARTED : JOB_FENCED;
	/* The worker counts how often the plate has said no. */
	return ++world.past.n_refused < JOB_REFUSALS_MAX ? JOB_SAID_NO
							 : JOB_SAID_NO_AGAIN;
}

static enum job_event read_plate(void)
{
	struct grill_report read = report();

	return chance(4) == 0 ? JOB_NO_ANSWER
			      : job_sees(&read, ours, &world.past);
}

/* What the world answers to what the job does. */
static enum job_event next_event(void)
{
	if (chance(20) == 0)
		return JOB_TIMED_OUT;
	switch (world.action) {
	case JOB_DO_START:
		return send_command(true);
	case JOB_DO_RAISE:
		world.job_token = ++world.token;
		return JOB_TOKEN;
	case JOB_DO_FENCE:
		return send_command(false);
	case JOB_DO_READ:
		return read_plate();
	case JOB_DO_RETRY:
		return JOB_RETRY;
	default: /* its fact is in flight */
		return JOB_PUBLISHED;
	}
}

/* The next worker finds the row, or the open intent. */
static void begin_job(enum job_state state)
{
	world.state = state;
	world.action = JOB_DO_NOTHING;
	world.job_token = world.token;
	world.past.began = false;
	world.past.n_refused = 0;
}

static void claim(void)
{
	world.token++;
	world.parked = false;
	world.past.boot = report().boot;
	begin_job(JOB_PUBLISHING);
}

/* Parked ones that were given back, over all walks. */
static int n_settled;

/* What was said of the order's end is true; given back, it is tried again. */
static bool heed_end(enum job_action action)
{
	switch (action) {
	case JOB_DO_DONE:
		ck_assert_int_eq(grill_fake_n_starts(world.fake), 1);
		ck_assert(world.came_to_its_end);
		return true;
	case JOB_DO_FAILED:
		ck_assert_int_eq(grill_fake_n_starts(world.fake), 1);
		ck_assert(!world.came_to_its_end || world.broken);
		return true;
	case JOB_DO_REQUEUE:
		ck_assert_int_eq(grill_fake_n_starts(world.fake), 0);
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

static enum job_action walk(void)
{
	claim();
	for (int i = 0; i < N_STEPS; i++) {
		struct job_step step;
		enum job_event event;

		disturb_plate();
		/* It dies. */
		if (chance(15) == 0)
			begin_job(world.parked ? JOB_PARKING : JOB_ADOPTED);
		event = next_event();
		step = job_step(world.state, event);
		if (step.action == JOB_DO_NOTHING)
			continue;
		world.state = step.next;
		world.action = step.action;
		world.past.began |=
			step.next == JOB_GRILLING || event == JOB_SEES_RUNNING;
		if (heed_end(step.action))
			return step.action;
		ck_assert_int_le(grill_fake_n_starts(world.fake), 1);
	}
	return JOB_DO_NOTHING;
}

START_TEST(whatever_happens_an_order_is_never_started_twice)
	{
		int n_ends[JOB_DO_REQUEUE + 1] = { 0 }, n_done_late = 0;

		n_settled = 0;
		for (uint64_t i = 1; i <= N_WALKS; i++) {
			enum job_action end;

			world = (struct world){
				.random = i * UINT64_C(0x9e3779b97f4a7c15) + 1,
				.fake = grill_fake_new(1),
			};
			if (_i)
				grill_fake_happens(world.fake,
						   GRILL_FAKE_UNFENCED);
			end = walk();
			n_ends[end]++;
			n_done_late += end == JOB_DO_DONE && world.parked;
			world.fake = grill_fake_free(world.fake);
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

/* ---- when a plate is looked at ---- */

static const struct {
	int64_t due_at_ms, now_ms, after_ms;
} looks[] = {
	/* Not beyond what was set: it may be stopped. */
	{ 6000, 1000, 100 },
	{ 1099, 1000, 99 },
	{ 1001, 1000, 1 },
	{ 1000, 1000, 1 },
	/* It is late: a plate that says nothing of its time, say. */
	{ 1000, 1007, 1 },
	{ 1000, 1040, 10 },
	{ 1000, 1400, 100 },
	{ 1000, 9000, 100 },
	{ 0, 9000, 100 },
};

START_TEST(a_plate_is_looked_at_when_it_is_due_then_soon_then_less_often)
	{
		ck_assert_int_eq(
			job_look_ms(looks[_i].due_at_ms, looks[_i].now_ms, 100),
			looks[_i].after_ms);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job");
	TCase *tcase = check_case(suite, 60);

	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ what_holds_for_each_event_in_each_state, N_JOB_STATES },
		{ out_of_doubt_leads_only_a_new_token_a_fence_and_a_reading, 1 },
		{ what_is_parked_is_never_started_from_there, 1 },
		{ a_report_is_seen_as_what_it_proves, CHECK_N(sights) },
		{ whatever_happens_an_order_is_never_started_twice, 2 },
		{ a_plate_is_looked_at_when_it_is_due_then_soon_then_less_often, CHECK_N(looks) },
		{ 0 },
	});
	/* clang-format on */
	return check_run(suite);
}
