/* SPDX-License-Identifier: MIT */
/* Decide: tables of what is wanted, what is, and what is done then. */
#include "infra/overlord/agent/decide.h"

#include <string.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/text/str.h"

#define NEW_DIGEST "new"
#define OLD_DIGEST "old"
#define NOW_MS INT64_C(1000000)

static const struct rules rules = {
	.ready_ms = 20000, .steady_ms = 30000, .drain_ms = 5000, .crashes = 5
};
static const struct deployment deployment = {
	.service = "chillybin",
	.colour = "blue",
	.digest = NEW_DIGEST,
	.n_instances = 3,
	.generation = 7,
};

/* ---- one instance ---- */

enum wish { NOTHING, KEEP, REPLACE, STALE };

static const struct {
	enum instance_state state;
	int64_t ago_ms; /* it entered the state, or is due again */
	enum wish wish;
	const char *digest;
	enum action action;
} rows[] = {
	{ INSTANCE_STOPPED, 0, KEEP, "", ACTION_START },
	{ INSTANCE_STOPPED, 0, STALE, "", ACTION_START },
	{ INSTANCE_STOPPED, 0, NOTHING, "", ACTION_FORGET },
	{ INSTANCE_BACKOFF, 0, KEEP, NEW_DIGEST, ACTION_START },
	{ INSTANCE_BACKOFF, -100, KEEP, NEW_DIGEST, ACTION_NONE },
	{ INSTANCE_BACKOFF, -100, NOTHING, NEW_DIGEST, ACTION_FORGET },
	{ INSTANCE_STARTING, 19000, KEEP, NEW_DIGEST, ACTION_NONE },
	{ INSTANCE_STARTING, 21000, KEEP, NEW_DIGEST, ACTION_KILL },
	{ INSTANCE_STARTING, 21000, STALE, NEW_DIGEST, ACTION_NONE },
	{ INSTANCE_READY, 21000, KEEP, NEW_DIGEST, ACTION_NONE },
	{ INSTANCE_READY, 0, KEEP, OLD_DIGEST, ACTION_NONE },
	{ INSTANCE_READY, 0, REPLACE, OLD_DIGEST, ACTION_DRAIN },
	{ INSTANCE_READY, 0, REPLACE, NEW_DIGEST, ACTION_NONE },
	{ INSTANCE_READY, 0, NOTHING, NEW_DIGEST, ACTION_DRAIN },
	{ INSTANCE_READY, 0, STALE, OLD_DIGEST, ACTION_NONE },
	{ INSTANCE_UNREADY, 90000, KEEP, NEW_DIGEST, ACTION_NONE },
	{ INSTANCE_UNREADY, 0, NOTHING, NEW_DIGEST, ACTION_DRAIN },
	{ INSTANCE_DRAINING, 4000, NOTHING, NEW_DIGEST, ACTION_NONE },
	{ INSTANCE_DRAINING, 6000, NOTHING, NEW_DIGEST, ACTION_KILL },
	{ INSTANCE_DRAINING, 6000, STALE, NEW_DIGEST, ACTION_KILL },
};

START_TEST(what_an_instance_needs_follows_from_its_state_and_what_is_wanted)
	{
		struct instance instance = {
			.state = rows[_i].state,
			.since_ms = NOW_MS - rows[_i].ago_ms,
			.started_ms = NOW_MS - rows[_i].ago_ms,
			.generation = 7,
		};
		struct wanted wanted = {
			.deployment =
				rows[_i].wish == NOTHING ? NULL : &deployment,
			.replace = rows[_i].wish == REPLACE,
			.stale = rows[_i].wish == STALE,
		};

		(void)str_copy(instance.digest, sizeof(instance.digest),
			       rows[_i].digest);
		if (rows[_i].state == INSTANCE_BACKOFF)
			instance.backoff = (struct backoff){
				.on = true, .until_ms = NOW_MS - rows[_i].ago_ms
			};
		ck_assert_int_eq(
			decide_action(&instance, &wanted, &rules, NOW_MS),
			rows[_i].action);
	}
END_TEST

START_TEST(a_lower_generation_is_replaced_and_a_higher_one_is_not)
	{
		struct instance instance = { .state = INSTANCE_READY,
					     .digest = NEW_DIGEST };
		struct wanted wanted = { &deployment, true, false };

		for (instance.generation = 6; instance.generation < 9;
		     instance.generation++)
			ck_assert_int_eq(decide_action(&instance, &wanted,
						       &rules, NOW_MS),
					 instance.generation < 7 ? ACTION_DRAIN
								 : ACTION_NONE);
	}
END_TEST

static const enum instance_state overdue[] = { INSTANCE_STARTING,
					       INSTANCE_DRAINING };

START_TEST(what_has_had_its_time_is_killed_once)
	{
		struct instance instance = { .state = overdue[_i],
					     .digest = NEW_DIGEST,
					     .generation = 7 };
		struct wanted wanted = { .deployment = &deployment };

		ck_assert_int_eq(
			decide_action(&instance, &wanted, &rules, NOW_MS),
			ACTION_KILL);
		instance.killed = true;
		ck_assert_int_eq(
			decide_action(&instance, &wanted, &rules, NOW_MS),
			ACTION_NONE);
	}
END_TEST

static void start(struct instance *instance, int64_t now_ms)
{
	instance_enter(instance, INSTANCE_STARTING, now_ms);
	instance->started_ms = now_ms;
}

START_TEST(the_first_crash_is_mended_at_once_and_more_after_growing_pauses)
	{
		struct instance instance = { 0 };
		int64_t pause_ms = 0;

		for (int i = 1; i < 8; i++) {
			start(&instance, NOW_MS);
			instance_ended(&instance, "signal KILL", &rules, NOW_MS,
				       UINT32_MAX / 2);
			ck_assert_int_eq(instance.state, INSTANCE_BACKOFF);
			ck_assert_int_eq(instance.crashes, i);
			if (i == 1)
				ck_assert(backoff_over(&instance.backoff,
						       NOW_MS));
			else
				ck_assert_int_ge(instance.backoff.until_ms -
							 NOW_MS,
						 pause_ms);
			pause_ms = (instance.backoff.until_ms - NOW_MS) / 2;
		}
		ck_assert_int_le(instance.backoff.until_ms - NOW_MS, 3000);
		ck_assert_str_eq(instance.detail, "signal KILL");
	}
END_TEST

/* For so long it was ready before it ended. */
static const struct {
	int64_t ready_ms;
	int64_t crashes;
} ends[] = { { 29000, 3 }, { 31000, 1 } };

START_TEST(one_that_was_steady_has_not_crashed_before)
	{
		struct instance instance = { .crashes = 2 };

		start(&instance, NOW_MS);
		instance_heard(&instance, "", NOW_MS);
		instance_ended(&instance, "exit status 1", &rules,
			       NOW_MS + ends[_i].ready_ms, 0);
		ck_assert_int_eq(instance.crashes, ends[_i].crashes);
		ck_assert(backoff_over(&instance.backoff,
				       NOW_MS + ends[_i].ready_ms) ==
			  (ends[_i].crashes == 1));
	}
END_TEST

START_TEST(crashes_are_forgotten_once_it_is_steady)
	{
		struct instance instance = { .crashes = 2 };

		start(&instance, NOW_MS);
		instance_heard(&instance, "", NOW_MS);
		ck_assert(!instance_settled(&instance, &rules, NOW_MS + 29000));
		ck_assert(instance_settled(&instance, &rules, NOW_MS + 31000));
		ck_assert_int_eq(instance.crashes, 0);
		ck_assert(!instance_settled(&instance, &rules, NOW_MS + 32000));
	}
END_TEST

START_TEST(one_that_was_asked_to_leave_has_not_crashed)
	{
		struct instance instance = { 0 };

		start(&instance, NOW_MS);
		instance_enter(&instance, INSTANCE_DRAINING, NOW_MS);
		instance_heard(&instance, "draining", NOW_MS);
		ck_assert_int_eq(instance.state, INSTANCE_DRAINING);
		instance_ended(&instance, "exit status 0", &rules, NOW_MS, 0);
		ck_assert_int_eq(instance.state, INSTANCE_STOPPED);
		ck_assert_int_eq(instance.crashes + instance.restarts, 0);
	}
END_TEST

START_TEST(one_that_starts_says_why_it_is_not_ready_and_is_unready_only_later)
	{
		struct instance instance = { 0 };

		start(&instance, NOW_MS);
		instance_heard(&instance, "no session yet", NOW_MS);
		ck_assert_int_eq(instance.state, INSTANCE_STARTING);
		ck_assert_str_eq(instance.detail, "no session yet");
		instance_heard(&instance, "", NOW_MS + 5);
		ck_assert_int_eq(instance.state, INSTANCE_READY);
		ck_assert_str_eq(instance.detail, "");
		instance_heard(&instance, "away", NOW_MS + 9);
		ck_assert_int_eq(instance.state, INSTANCE_UNREADY);
		ck_assert_int_eq(instance.ready_at_ms, NOW_MS + 5);
	}
END_TEST

/* ---- the fleet ---- */

static struct deployment deployments[2];
static struct slot slots[6];
static struct fleet fleet;

/* Three of each, ready and current; those of the first are ours. */
static void setup(void)
{
	deployments[0] = deployments[1] = deployment;
	deployments[1].service[0] = 'x';
	for (size_t i = 0; i < 6; i++)
		slots[i] = (struct slot){
			.deployment = i / 3,
			.number = (int64_t)i % 3 + 1,
			.mine = i < 3,
			.state = INSTANCE_READY,
			.digest = NEW_DIGEST,
			.generation = 7,
			.has_heartbeat = true,
			.heartbeat_ready = true,
		};
	fleet = (struct fleet){ deployments, 2, slots, 6, 1 };
}

static void outdate(size_t from)
{
	for (size_t i = from; i < 3; i++)
		(void)str_copy(slots[i].digest, sizeof(slots[i].digest),
			       OLD_DIGEST);
}

static bool turn(int64_t number)
{
	return decide_turn(&fleet, &deployments[0], number);
}

START_TEST(the_lowest_that_is_not_current_has_its_turn)
	{
		outdate(0);
		ck_assert(turn(1) && !turn(2) && !turn(3));
		setup();
		outdate(1);
		ck_assert(turn(2) && !turn(3));
	}
END_TEST

static void former_starts(void)
{
	slots[0].state = INSTANCE_STARTING;
}

static void another_drains(void)
{
	slots[2].state = INSTANCE_DRAINING;
}

static void worker_says_no(void)
{
	slots[0].heartbeat_ready = false;
}

static void worker_is_silent(void)
{
	slots[0].has_heartbeat = false;
}

static void lag_is_high(void)
{
	deployments[0].lag_before = 500;
	slots[2].lag = 2002;
}

static void lag_is_as_before(void)
{
	deployments[0].lag_before = 500;
	slots[2].lag = 2000;
}

static void nobody_has_heartbeats(void)
{
	for (int i = 0; i < 3; i++)
		slots[i].has_heartbeat = false;
}

static void others_lag(void)
{
	slots[5].lag = 1000000;
}

static void one_is_missing(void)
{
	fleet.n_slots = 2;
	fleet.slots = slots + 1;
}

static const struct {
	void (*change)(void);
	bool turn;
} turns[] = {
	{ former_starts, false },        { another_drains, false },
	{ worker_says_no, false },       { worker_is_silent, false },
	{ lag_is_high, false },          { lag_is_as_before, true },
	{ nobody_has_heartbeats, true }, { others_lag, true },
	{ one_is_missing, false },
};

START_TEST(the_next_waits_until_all_others_are_ready_and_lag_is_normal)
	{
		outdate(1);
		turns[_i].change();
		ck_assert_int_eq(turn(2), turns[_i].turn);
	}
END_TEST

static bool back(char why[AGENT_DETAIL_BYTES])
{
	return decide_back(&fleet, &deployments[0], &rules, why);
}

START_TEST(a_version_that_crashes_often_before_it_was_steady_goes_back)
	{
		char why[AGENT_DETAIL_BYTES];

		slots[0].crashes = 2;
		slots[1].crashes = 2;
		ck_assert(!back(why));
		slots[1].crashes = 3;
		ck_assert(back(why));
		ck_assert_str_eq(why,
				 "it crashed 5 times before it was steady");
		/* Those of the version before do not count. */
		outdate(1);
		ck_assert(!back(why));
		setup();
		slots[1].crashes = 99;
		deployments[0].troubled = true;
		ck_assert(!back(why));
		deployments[0].troubled = false;
		(void)str_copy(deployments[0].good, sizeof(deployments[0].good),
			       NEW_DIGEST);
		ck_assert(!back(why));
		/* A restart of what is good goes no further. */
		slots[2].generation = 6;
		ck_assert(back(why));
	}
END_TEST

/* The first one is new, the others are still to come. */
static const struct {
	enum instance_state state;
	int64_t age_ms, lag;
	const char *why;
} lates[] = {
	{ INSTANCE_STARTING, 19000, 0, NULL },
	{ INSTANCE_STARTING, 21000, 0, "it was not ready within 20 s" },
	{ INSTANCE_UNREADY, 21000, 0, "it was not ready within 20 s" },
	{ INSTANCE_READY, 21000, 0, NULL },
	{ INSTANCE_READY, 19000, 9000, NULL },
	{ INSTANCE_READY, 21000, 9000,
	  "its lag did not come back to normal within 20 s" },
	{ INSTANCE_DRAINING, 21000, 0, NULL },
	{ INSTANCE_BACKOFF, 21000, 0, NULL },
};

START_TEST(a_version_whose_first_instance_does_not_get_on_goes_back)
	{
		char why[AGENT_DETAIL_BYTES];

		outdate(1);
		slots[0].state = lates[_i].state;
		slots[0].age_ms = lates[_i].age_ms;
		slots[0].lag = lates[_i].lag;
		ck_assert_int_eq(back(why), lates[_i].why != NULL);
		if (lates[_i].why)
			ck_assert_str_eq(why, lates[_i].why);
	}
END_TEST

START_TEST(an_agent_with_more_than_its_share_gives_one_up_when_all_is_calm)
	{
		for (size_t i = 0; i < 5; i++)
			slots[i].mine = true;
		ck_assert_ptr_null(decide_surplus(&fleet));
		fleet.n_agents = 2;
		/* Of the deployment of which it has the most. */
		ck_assert_ptr_eq(decide_surplus(&fleet), &slots[2]);
		slots[5].state = INSTANCE_STARTING;
		ck_assert_ptr_null(decide_surplus(&fleet));
		slots[5].state = INSTANCE_READY;
		slots[3].mine = slots[4].mine = false;
		ck_assert_ptr_null(decide_surplus(&fleet));
	}
END_TEST

/* clang-format off */
int main(void)
{
	const struct check_row tests[] = {
		{ what_an_instance_needs_follows_from_its_state_and_what_is_wanted, CHECK_N(rows) },
		{ a_lower_generation_is_replaced_and_a_higher_one_is_not, 1 },
		{ what_has_had_its_time_is_killed_once, CHECK_N(overdue) },
		{ the_first_crash_is_mended_at_once_and_more_after_growing_pauses, 1 },
		{ one_that_was_steady_has_not_crashed_before, CHECK_N(ends) },
		{ crashes_are_forgotten_once_it_is_steady, 1 },
		{ one_that_was_asked_to_leave_has_not_crashed, 1 },
		{ one_that_starts_says_why_it_is_not_ready_and_is_unready_only_later, 1 },
		{ the_lowest_that_is_not_current_has_its_turn, 1 },
		{ the_next_waits_until_all_others_are_ready_and_lag_is_normal, CHECK_N(turns) },
		{ a_version_that_crashes_often_before_it_was_steady_goes_back, 1 },
		{ a_version_whose_first_instance_does_not_get_on_goes_back, CHECK_N(lates) },
		{ an_agent_with_more_than_its_share_gives_one_up_when_all_is_calm, 1 },
		{ 0 },
	};
	Suite *suite = suite_create("decide");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, NULL);
	check_add(tcase, tests);
	return check_run(suite);
}
