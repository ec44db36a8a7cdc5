/* SPDX-License-Identifier: MIT */
/* Autoscale: the rules of autoscale.h, in the order in which they are asked. */
#include "infra/overlord/scaling/autoscale.h"

#include <inttypes.h>
#include <stdio.h>

#include "schemas/topics.h"

/* A step must bring so much more, in percent, to be worth it. */
#define GAIN_MIN_PERCENT 10
/* Fewer workers shall be busy for at most so much of their time. */
#define BUSY_MAX_PERCENT 70
#define CEILING_FIRST_S 300
#define CEILING_LAST_S 3600
#define CALM_LAST_S 1800
/* A pace is measured over so many looks. */
#define PACE_LOOKS 6

int64_t autoscale_step(int64_t n, bool up)
{
	int64_t step = n;

	do
		step += up ? 1 : -1;
	while (step > 0 && step < TOPIC_PARTITIONS && TOPIC_PARTITIONS % step);
	return step < 1 || step > TOPIC_PARTITIONS ? n : step;
}

/* ---- what the last looks say ---- */

static const struct autoscale_look *look_before(const struct autoscale *state,
						int64_t n)
{
	int64_t i = state->n_looks - 1 - n;

	return &state->looks[(i < 0 ? 0 : i) % AUTOSCALE_LOOKS];
}

static int64_t per_second(int64_t n, int64_t ms)
{
	return ms > 0 ? n * 1000 / ms : 0;
}

static int64_t pace(const struct autoscale *state)
{
	const struct autoscale_look *now = look_before(state, 0);
	const struct autoscale_look *then = look_before(state, PACE_LOOKS);

	return per_second(now->decided - then->decided,
			  now->at_ms - then->at_ms);
}

static int64_t arrival(const struct autoscale *state)
{
	const struct autoscale_look *now = look_before(state, 0);
	const struct autoscale_look *then = look_before(state, PACE_LOOKS);

	return per_second(now->arrived - then->arrived,
			  now->at_ms - then->at_ms);
}

static void take_note(struct autoscale *state,
		      const struct autoscale_rules *rules,
		      const struct autoscale_look *look)
{
	state->looks[state->n_looks++ % AUTOSCALE_LOOKS] = *look;
	if (!state->calm_s)
		state->calm_s = rules->calm_s;
	if (!state->ceiling_s)
		state->ceiling_s = CEILING_FIRST_S;
	if (look->waited_s > 1 || !state->waits_at_ms)
		state->waits_at_ms = look->at_ms;
	/* What it can do is seen only while there is enough to do. */
	if (look->lag && look->wanted && !look->busy &&
	    pace(state) / look->wanted > state->best_of_one)
		state->best_of_one = pace(state) / look->wanted;
	if (state->ceiling && look->at_ms > state->ceiling_until_ms)
		state->ceiling = 0;
}

/* ---- verdicts ---- */

static int64_t stay(struct autoscale *state, int64_t n, const char *why)
{
	(void)snprintf(state->why, sizeof(state->why), "%s", why);
	return n;
}

static int64_t step_to(struct autoscale *state,
		       const struct autoscale_look *look, int64_t n)
{
	state->stepped_at_ms = look->at_ms;
	state->n_settled = 0;
	state->went_down = n < look->wanted;
	state->stepped_from = state->went_down ? 0 : look->wanted;
	state->pace_before = pace(state);
	return n;
}

static int64_t take_back(struct autoscale *state,
			 const struct autoscale_look *look)
{
	int64_t back = state->stepped_from;

	(void)snprintf(state->why, sizeof(state->why),
		       "%" PRId64 " decide %" PRId64 " records a second and "
		       "%" PRId64 " decided %" PRId64
		       ": more workers do not help",
		       look->wanted, pace(state), back, state->pace_before);
	state->ceiling = back;
	state->ceiling_until_ms = look->at_ms + state->ceiling_s * 1000;
	state->ceiling_s *= 2;
	if (state->ceiling_s > CEILING_LAST_S)
		state->ceiling_s = CEILING_LAST_S;
	(void)step_to(state, look, back);
	return back;
}

/* Would it take longer than the target, at this pace? */
static bool falls_behind(const struct autoscale *state,
			 const struct autoscale_rules *rules,
			 const struct autoscale_look *look)
{
	int64_t gain = pace(state) - arrival(state);

	if (look->waited_s <= rules->target_s)
		return false;
	return gain <= 0 || look->lag / gain > rules->target_s;
}

static int64_t more(struct autoscale *state,
		    const struct autoscale_rules *rules,
		    const struct autoscale_look *look)
{
	int64_t n = autoscale_step(look->wanted, true);

	if (state->ceiling && n > state->ceiling)
		return stay(state, look->wanted,
			    "records wait, and more workers did not help "
			    "before");
	if (n > rules->most || n == look->wanted)
		return stay(state, look->wanted,
			    "records wait, and there are as many workers as "
			    "there may be");
	/* The last step down was one too many. */
	if (state->went_down && state->calm_s < CALM_LAST_S)
		state->calm_s *= 2;
	(void)snprintf(state->why, sizeof(state->why),
		       "records wait for %" PRId64 " s, %" PRId64
		       " of them, at %" PRId64 " a second",
		       look->waited_s, look->lag, pace(state));
	return step_to(state, look, n);
}

static int64_t fewer(struct autoscale *state,
		     const struct autoscale_rules *rules,
		     const struct autoscale_look *look)
{
	int64_t n = autoscale_step(look->wanted, false);
	int64_t calm_ms = look->at_ms - state->waits_at_ms;

	if (n < rules->least || n == look->wanted)
		return stay(state, look->wanted, "nothing waits");
	if (calm_ms < state->calm_s * 1000)
		return stay(state, look->wanted,
			    "nothing has waited for too short a time to have "
			    "fewer workers");
	if (state->best_of_one &&
	    arrival(state) * 100 > n * state->best_of_one * BUSY_MAX_PERCENT)
		return stay(state, look->wanted,
			    "fewer workers could hardly do what comes in");
	(void)snprintf(state->why, sizeof(state->why),
		       "nothing has waited for %" PRId64 " s", calm_ms / 1000);
	state->waits_at_ms = look->at_ms;
	return step_to(state, look, n);
}

static bool in_bounds(const struct autoscale_rules *rules, int64_t n)
{
	return n >= rules->least && n <= rules->most;
}

int64_t autoscale_judge(struct autoscale *state,
			const struct autoscale_rules *rules,
			const struct autoscale_look *look)
{
	take_note(state, rules, look);
	if (!in_bounds(rules, look->wanted))
		return stay(state,
			    look->wanted < rules->least ? rules->least
							: rules->most,
			    "the bounds say so");
	if (look->busy)
		return stay(
			state, look->wanted,
			"partitions change hands, or a worker is not ready");
	if (++state->n_settled <= PACE_LOOKS ||
	    (state->stepped_at_ms &&
	     look->at_ms - state->stepped_at_ms < rules->settle_s * 1000))
		return stay(state, look->wanted, "the last step settles");
	if (state->stepped_from && look->lag &&
	    pace(state) * 100 < state->pace_before * (100 + GAIN_MIN_PERCENT))
		return take_back(state, look);
	state->stepped_from = 0;
	return falls_behind(state, rules, look) ? more(state, rules, look)
						: fewer(state, rules, look);
}
