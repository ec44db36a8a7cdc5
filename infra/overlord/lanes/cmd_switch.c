/* SPDX-License-Identifier: MIT */
/*
 * Switch: the verbs that give lanes to colours.
 *
 * What rollback goes back to: to the colour that had `stable` before the last
 * promote or canary, by the audit of that one. After a promote that is the
 * colour of before, after a canary the colour that `stable` has. So running it
 * twice changes nothing more: it never goes forward to what was just left, and
 * never back by two promotes. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/overlord/lanes/switching.h"
#include "schemas/limits.h"

/* ---- names ---- */

/* As workers are given it: a to z, 0 to 9, _ and -. */
static int check_colour(const struct verb *verb, const char *colour)
{
	size_t n = strlen(colour);

	if (n < 32 &&
	    strspn(colour, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n)
		return 0;
	return verb_usage(verb,
			  "colour '%.100s' is no name: 1 to 31 of a to z, 0 to "
			  "9, _ and -",
			  colour);
}

static int read_names(const struct verb *verb, struct canary *ret,
		      const char *names)
{
	struct text rest = text_of(names);
	bool more = true; /* one comes after each comma, also the last */

	while (more) {
		struct text name = text_cut(&rest, ',');

		if (!verb_right_text(name, TEXT_MAX_CHARS))
			return verb_usage(verb,
					  "'%.100s' are no names with commas "
					  "between",
					  names);
		if (ret->n_names == CANARY_NAMES_MAX)
			return verb_usage(verb,
					  "at most %d names can be given at "
					  "once",
					  CANARY_NAMES_MAX);
		ret->names[ret->n_names++] = name;
		more = name.p[name.n] == ',';
	}
	return 0;
}

/* The one of three options that says what the colour is to have. */
static int read_canary(const struct verb *verb, struct canary *ret)
{
	const struct options *options = &verb->options;

	*ret = (struct canary){ .colour = options->operands[1] };
	if (!!options->percent + !!options->customers + !!options->stalls != 1)
		return verb_usage(verb, "canary wants one of --percent, "
					"--customers and --stalls");
	if (options->customers) {
		ret->kind = LANE_CUSTOMERS;
		return read_names(verb, ret, options->customers);
	}
	if (options->stalls) {
		ret->kind = LANE_STALLS;
		return read_names(verb, ret, options->stalls);
	}
	ret->kind = LANE_BUCKETS_RANGE;
	if (percent_to_buckets(&ret->to, options->percent))
		return verb_usage(verb,
				  "percent '%.100s' is no number above 0 and "
				  "below 100 with at most 4 decimals; a share "
				  "is a number of %d buckets, so the smallest "
				  "is 0.0123",
				  options->percent, LANE_BUCKETS);
	return 0;
}

static void put_option(struct switching *switching, const char *name,
		       const char *value)
{
	if (value)
		buf_json_pair(&switching->what, name, text_of(value));
}

/* ---- canary ---- */

static int check_canary(const struct switching *switching,
			const struct canary *canary)
{
	if (!strcmp(canary->colour, switching_stable(switching)))
		return verb_failed(
			"a canary is of another colour; overlord abort and "
			"rollback give lanes back",
			"'%s' has lane stable of %s, so it has all that no "
			"canary has",
			canary->colour, switching->service);
	return switching_need_worker(switching, canary->colour);
}

static int run_canary(struct switching *switching, struct canary *canary)
{
	const struct options *options = &switching->verb->options;
	int r = check_canary(switching, canary);

	if (r)
		return r;
	canary->back_to = switching_stable(switching);
	switching->canary = *canary;
	switching->n_changes =
		canary_changes(&switching->lanes, canary, switching->changes);
	put_option(switching, "colour", canary->colour);
	put_option(switching, "percent", options->percent);
	put_option(switching, "customers", options->customers);
	put_option(switching, "stalls", options->stalls);
	return switching_run(switching);
}

int cmd_canary(struct verb *verb)
{
	struct switching switching = { 0 };
	struct canary canary;
	int r = check_colour(verb, verb->options.operands[1]);

	if (!r)
		r = read_canary(verb, &canary);
	if (!r)
		r = switching_begin(&switching, verb, canary.colour, false);
	if (!r)
		r = run_canary(&switching, &canary);
	switching_deinit(&switching);
	return r;
}

/* ---- promote, rollback, abort ---- */

static int move_all(struct switching *switching, const char *colour)
{
	put_option(switching, "colour", colour);
	switching_move_all(switching, colour);
	return switching_run(switching);
}

int cmd_promote(struct verb *verb)
{
	const char *colour = verb->options.operands[1];
	struct switching switching = { 0 };
	int r = check_colour(verb, colour);

	if (!r)
		r = switching_begin(&switching, verb, colour, false);
	if (!r)
		r = switching_need_worker(&switching, colour);
	if (!r)
		r = move_all(&switching, colour);
	switching_deinit(&switching);
	return r;
}

static bool has_canary(const struct switching *switching)
{
	for (size_t i = 0; i < switching->lanes.n_lanes; i++)
		if (switching_lives(switching, i) &&
		    strcmp(switching->states[i].colour,
			   switching_stable(switching)) != 0)
			return true;
	return false;
}

/* The colour that @ret is given is that of before the last step forward. */
static int read_before(struct switching *switching,
		       char ret[static LANE_NAME_BYTES])
{
	struct verb *verb = switching->verb;
	const char *stable = switching_stable(switching);
	int i = switching->i_before;

	if (pg_n_rows(verb->pg, i)) {
		stable = verb_cell(verb, i, 0, 0);
	} else if (!has_canary(switching)) {
		return verb_failed("overlord promote gives all lanes to a "
				   "colour",
				   "%s was never promoted, so there is nothing "
				   "to go back to",
				   switching->service);
	}
	(void)str_copy(ret, LANE_NAME_BYTES, stable);
	return 0;
}

int cmd_rollback(struct verb *verb)
{
	struct switching switching = { 0 };
	char colour[LANE_NAME_BYTES];
	int r = switching_begin(&switching, verb, "", false);

	if (!r)
		r = read_before(&switching, colour);
	if (!r)
		r = move_all(&switching, colour);
	switching_deinit(&switching);
	return r;
}

int cmd_abort(struct verb *verb)
{
	struct switching switching = { 0 };
	int r = switching_begin(&switching, verb, "", false);

	if (!r)
		r = move_all(&switching, switching_stable(&switching));
	switching_deinit(&switching);
	return r;
}

/* ---- merge ---- */

static bool can_end(const struct switching *switching, size_t i)
{
	const struct lane_state *state = &switching->states[i];
	const char *lane = switching->lanes.lanes[i].name;
	const char *heir = switching->lanes.lanes[state->heir].name;
	const char *colour = switching->states[state->heir].colour;
	bool same = !strcmp(state->colour, colour);

	if (!same)
		out_say("lane '%s' stays: it is '%s', and '%s' is '%s'", lane,
			state->colour, heir, colour);
	else if (state->behind || state->before)
		out_say("lane '%s' stays: it is not level with '%s', %" PRId64
			" records behind it and %" PRId64 " before it",
			lane, heir, state->behind, state->before);
	return same && !state->behind && !state->before;
}

/* A lane that was made later may lie below others, so it ends first. */
static void add_merges(struct switching *switching)
{
	for (size_t i = switching->lanes.n_lanes; i-- > 1;)
		if (switching_lives(switching, i) && can_end(switching, i))
			switching->changes[switching->n_changes++] =
				(struct lane_change){ .lane = (int)i,
						      .what = LANE_ENDS };
}

int cmd_merge(struct verb *verb)
{
	struct switching switching = { 0 };
	int r = switching_begin(&switching, verb, "", false);

	if (!r) {
		add_merges(&switching);
		r = switching_run(&switching);
	}
	switching_deinit(&switching);
	return r;
}

/* ---- hold, release ---- */

enum { WHY_MAX_CHARS = 200 };

int cmd_hold(struct verb *verb)
{
	const char *why = verb->options.why;
	struct switching switching = { 0 };
	int r;

	if (why && !verb_right_text(text_of(why), WHY_MAX_CHARS))
		return verb_usage(verb,
				  "why is a text of 1 to %d characters without "
				  "control characters",
				  WHY_MAX_CHARS);
	r = switching_begin(&switching, verb, "", false);
	if (!r) {
		put_option(&switching, "why", why);
		switching_move_all(&switching, HELD_COLOUR);
		switching.also = &sql_switch_hold_write;
		switching.values = VALUES(
			value_text(switching.service), value_text(verb->who),
			value_text(why), value_text(switching.before.p));
		switching.waits = false;
		r = switching_run(&switching);
	}
	switching_deinit(&switching);
	return r;
}

/* What each lane had; one that was made meanwhile gets what its parent gets. */
static void give_back(struct switching *switching,
		      char (*colours)[LANE_NAME_BYTES])
{
	const struct verb *verb = switching->verb;
	const struct lanes *lanes = &switching->lanes;
	int i = switching->i_held;

	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		int lane = lanes_by_name(lanes,
					 text_of(verb_cell(verb, i, row, 0)));

		if (lane >= 0)
			(void)str_copy(colours[lane], LANE_NAME_BYTES,
				       verb_cell(verb, i, row, 1));
	}
	for (size_t k = 0; k < lanes->n_lanes; k++) {
		if (!*colours[k])
			(void)str_copy(colours[k], LANE_NAME_BYTES,
				       colours[lanes->lanes[k].parent]);
		if (switching_lives(switching, k))
			switching->changes[switching->n_changes++] =
				(struct lane_change){ .lane = (int)k,
						      .what = LANE_MOVES,
						      .colour = colours[k] };
	}
}

int cmd_release(struct verb *verb)
{
	char colours[LANES_MAX][LANE_NAME_BYTES] = { 0 };
	struct switching switching = { 0 };
	struct value service = value_text(verb->options.operands[0]);
	int r = switching_begin(&switching, verb, "", true);

	if (!r && !switching.held)
		r = verb_failed(NULL, "%s is not held", switching.service);
	if (!r) {
		give_back(&switching, colours);
		switching.also = &sql_switch_hold_delete;
		switching.values = &service;
		r = switching_run(&switching);
	}
	switching_deinit(&switching);
	return r;
}
