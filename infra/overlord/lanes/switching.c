/* SPDX-License-Identifier: MIT */
/* Switching: locking, reading, showing and committing. Main thread. */
#include "infra/overlord/lanes/switching.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/postgres/pg_blockers.h"
#include "infra/overlord/lanes/logs.h"
#include "schemas/lanes/lane_rows.h"

#define LOCK_SECONDS "5"
#define READY_MS INT64_C(3000)
#define READY_EVERY_MS 100
#define QUERY_CANCELED "57014"
#define REFUSED "TG004"

void switching_deinit(struct switching *switching)
{
	lanes_deinit(&switching->lanes);
	plan_deinit(&switching->plan);
	switching->positions = out_free(switching->positions);
	switching->watch = pg_free(switching->watch);
	buf_deinit(&switching->what);
	buf_deinit(&switching->logs);
	buf_deinit(&switching->before);
	buf_deinit(&switching->ended);
}

/* ---- who is in the way ---- */

static void name_blocker(void *arg, const struct pg_blocker *blocker)
{
	struct switching *switching = arg;
	struct buf *ended = &switching->ended;

	if (!blocker->ended) {
		(void)snprintf(
			switching->in_the_way, sizeof(switching->in_the_way),
			"'%.*s' (session %" PRId64 ")", (int)blocker->name.n,
			blocker->name.p, blocker->backend_pid);
		return;
	}
	out_say("'%.*s' (session %" PRId64 ") had locks in the way and waited "
		"for its client: it has been ended",
		(int)blocker->name.n, blocker->name.p, blocker->backend_pid);
	buf_text(ended, ended->n > 1 ? ", {" : "{");
	buf_json_pair(ended, "name", blocker->name);
	buf_json_pair_i64(ended, "session", blocker->backend_pid);
	buf_text(ended, "}");
}

static void look(void *arg, int backend_pid, int64_t waited_ms)
{
	struct switching *switching = arg;

	(void)waited_ms;
	pg_end_hung_blockers(switching->watch, backend_pid, name_blocker,
			     switching);
}

static int lock_failed(const struct switching *switching, int r)
{
	const struct pg *pg = switching->verb->pg;

	if (r == PG_E_SQL && !strcmp(pg_sqlstate(pg), QUERY_CANCELED))
		return verb_failed(
			"it is waited for since it works; try again, or end "
			"it",
			"the lanes of %s could not be locked "
			"within " LOCK_SECONDS
			" s, %s has them; nothing was changed",
			switching->service,
			*switching->in_the_way ? switching->in_the_way
					       : "somebody");
	if (r == PG_E_SQL && !strcmp(pg_sqlstate(pg), REFUSED))
		return verb_failed("overlord lanes lists the services", "%s",
				   pg_message(pg));
	return verb_pg_failed(switching->verb, r, switching->service);
}

static int lock(struct switching *switching)
{
	struct verb *verb = switching->verb;
	int r = verb_connect_another(verb, &switching->watch);

	if (!r)
		r = verb_exec(
			verb,
			"BEGIN; SET LOCAL statement_timeout = '" LOCK_SECONDS
			"s'; SET LOCAL idle_in_transaction_session_timeout"
			" = '" LOCK_SECONDS "s'",
			switching->service);
	if (r)
		return r;
	pg_on_waiting(verb->pg, PG_BLOCKERS_EVERY_MS, look, switching);
	(void)verb_add(verb, &sql_switch_lock,
		       VALUES(value_text(switching->service)));
	r = verb_try(verb, verb->conf.timeout_ms);
	switching->locked_at_ms = clock_now_ms();
	return r ? lock_failed(switching, r) : 0;
}

/* ---- reading ---- */

/* The living lane that a lane's records fall to when it ends. */
static int heir_of(const struct switching *switching, int lane)
{
	do
		lane = switching->lanes.lanes[lane].parent;
	while (!switching_lives(switching, (size_t)lane));
	return lane;
}

/* The rows of lane @i and of its heir are of the same partitions in the same
 * order; else it is not level, and the database would say so. */
static void compare(struct switching *switching, int i,
		    const int first_rows[LANES_MAX])
{
	const struct pg *pg = switching->verb->pg;
	struct lane_state *state = &switching->states[i];
	int rows = switching->i_positions, n_rows = pg_n_rows(pg, rows);

	for (int row = first_rows[i], of = first_rows[state->heir];
	     row < n_rows && of < n_rows; row++, of++) {
		int64_t ahead =
			pg_i64(pg, rows, row, 4) - pg_i64(pg, rows, of, 4);

		if (strcmp(verb_cell(switching->verb, rows, row, 0),
			   switching->lanes.lanes[i].name) != 0)
			break;
		*(ahead < 0 ? &state->behind : &state->before) +=
			ahead < 0 ? -ahead : ahead;
	}
}

static void read_states(struct switching *switching, int i)
{
	const struct verb *verb = switching->verb;
	const struct lanes *lanes = &switching->lanes;
	int first_rows[LANES_MAX] = { 0 }, rows = switching->i_positions;

	buf_text(&switching->before, "{");
	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		const char *name = verb_cell(verb, i, row, 0);
		int lane = lanes_by_name(lanes, text_of(name));

		(void)str_copy(switching->states[lane].colour, LANE_NAME_BYTES,
			       verb_cell(verb, i, row, 1));
		buf_json_pair(&switching->before, name,
			      text_of(switching->states[lane].colour));
	}
	buf_add(&switching->before, "}", 2);
	for (int row = pg_n_rows(verb->pg, rows); row-- > 0;)
		first_rows[lanes_by_name(
			lanes, text_of(verb_cell(verb, rows, row, 0)))] = row;
	for (int lane = 1; lane < (int)lanes->n_lanes; lane++) {
		if (!switching_lives(switching, (size_t)lane))
			continue;
		switching->states[lane].heir = heir_of(switching, lane);
		compare(switching, lane, first_rows);
	}
}

static void read_hold(struct switching *switching, int i)
{
	const struct verb *verb = switching->verb;

	switching->held = pg_n_rows(verb->pg, i) > 0;
	if (switching->held)
		(void)snprintf(
			switching->held_by, sizeof(switching->held_by),
			"'%.100s' since %s: %.300s", verb_cell(verb, i, 0, 0),
			verb_cell(verb, i, 0, 2), verb_cell(verb, i, 0, 1));
}

static int read_lanes(struct switching *switching, bool held_too)
{
	struct verb *verb = switching->verb;
	struct value service = value_text(switching->service);
	int lanes = verb_add(verb, &lane_rows,
			     VALUES(service, value_text(switching->colour)));
	int states = verb_add(verb, &sql_switch_lanes, &service);
	int hold = verb_add(verb, &sql_switch_hold, &service);
	int r;

	switching->i_workers =
		verb_add(verb, &sql_switch_workers,
			 VALUES(service, value_text(verb->schema)));
	switching->i_positions =
		verb_add(verb, &sql_switch_positions,
			 VALUES(service, value_text(switching->logs.p)));
	switching->i_before = verb_add(verb, &sql_switch_before, &service);
	switching->i_held = verb_add(verb, &sql_switch_held_colours, &service);
	r = verb_send(verb, switching->service);
	if (r)
		return r;
	if (!pg_n_rows(verb->pg, states))
		return verb_failed("overlord lanes lists the services",
				   "there is no service '%s'",
				   switching->service);
	if (lane_rows_read(verb->pg, lanes, &switching->lanes))
		return verb_failed(NULL, "%s has more than %d lanes",
				   switching->service, LANES_MAX);
	read_states(switching, states);
	read_hold(switching, hold);
	if (switching->held && !held_too)
		return verb_failed("overlord release gives its lanes back",
				   "%s is held by %s", switching->service,
				   switching->held_by);
	return 0;
}

/* Workers of @colour that live, or that are ready, too. */
static int64_t n_workers(const struct switching *switching, const char *colour,
			 bool ready)
{
	const struct verb *verb = switching->verb;
	int i = switching->i_workers;

	for (int row = 0; row < pg_n_rows(verb->pg, i); row++)
		if (!strcmp(verb_cell(verb, i, row, 0), colour))
			return pg_i64(verb->pg, i, row, ready ? 2 : 1);
	return 0;
}

/*
 * A worker is not ready for a moment when its lanes have just changed, and its
 * heartbeat may be a second old: one that lives is given time to become ready.
 * Of a verb that needs no colour nobody is asked.
 */
static int wait_ready(struct switching *switching)
{
	struct verb *verb = switching->verb;
	int64_t until_ms = clock_now_ms() + READY_MS;
	int r;

	for (;;) {
		switching->i_workers =
			verb_add(verb, &sql_switch_workers,
				 VALUES(value_text(switching->service),
					value_text(verb->schema)));
		r = verb_send(verb, switching->service);
		if (r || !n_workers(switching, switching->colour, false) ||
		    n_workers(switching, switching->colour, true) ||
		    clock_now_ms() >= until_ms)
			return r;
		(void)poll(NULL, 0, READY_EVERY_MS);
	}
}

int switching_begin(struct switching *switching, struct verb *verb,
		    const char *colour, bool held_too)
{
	bool execute = verb->options.execute;
	int r;

	*switching = (struct switching){ .verb = verb,
					 .service = verb->options.operands[0],
					 .colour = colour,
					 .waits = !verb->options.no_wait };
	buf_text(&switching->what, "{");
	buf_json_pair(&switching->what, "service", text_of(switching->service));
	buf_text(&switching->ended, "[");
	r = verb_connect(verb);
	if (!r && *colour && !verb->options.force)
		r = wait_ready(switching);
	if (!r && !execute)
		r = logs_read(verb, &switching->logs);
	if (!r)
		r = execute ? lock(switching)
			    : verb_exec(verb,
					"BEGIN ISOLATION LEVEL REPEATABLE "
					"READ, READ ONLY",
					switching->service);
	return r ? r : read_lanes(switching, held_too);
}

const char *switching_stable(const struct switching *switching)
{
	return switching->states[0].colour;
}

bool switching_lives(const struct switching *switching, size_t lane)
{
	return *switching->states[lane].colour;
}

static void say_no_worker(const char *colour)
{
	out_say("no worker of '%s' lives: until one comes, nobody works its "
		"lanes",
		colour);
}

int switching_need_worker(const struct switching *switching, const char *colour)
{
	const struct verb *verb = switching->verb;
	struct buf others = { 0 };
	int i = switching->i_workers, r;

	if (n_workers(switching, colour, true) || verb->options.force)
		return 0;
	for (int row = 0; row < pg_n_rows(verb->pg, i); row++)
		buf_printf(&others, "%s'%s' (%" PRId64 ", %" PRId64 " ready)",
			   row ? ", " : "", verb_cell(verb, i, row, 0),
			   pg_i64(verb->pg, i, row, 1),
			   pg_i64(verb->pg, i, row, 2));
	buf_add(&others, "", 1);
	r = verb_failed("--force does it all the same: nobody works the lanes "
			"until a worker of the colour comes",
			"%s has no worker of '%s' that is ready; workers that "
			"live: %s",
			switching->service, colour,
			*others.p ? others.p : "none");
	buf_deinit(&others);
	return r;
}

void switching_move_all(struct switching *switching, const char *colour)
{
	for (size_t i = 0; i < switching->lanes.n_lanes; i++)
		if (switching_lives(switching, i))
			switching->changes[switching->n_changes++] =
				(struct lane_change){ .lane = (int)i,
						      .what = LANE_MOVES,
						      .colour = colour };
}

/* ---- the plan ---- */

static bool is_needed(const struct switching *switching,
		      const struct lane_change *change)
{
	return change->what != LANE_MOVES ||
	       strcmp(switching->states[change->lane].colour, change->colour) !=
		       0;
}

static void add_step(struct switching *switching,
		     const struct lane_change *change)
{
	const struct lane *lane = &switching->lanes.lanes[change->lane];
	const char *now = switching->states[change->lane].colour;
	struct buf what = { 0 };

	if (change->what == LANE_IS_SPLIT) {
		lane_change_rule(&what, &switching->canary, change);
		buf_printf(&what, " of %s", lane->name);
	} else {
		buf_text(&what, lane->name);
	}
	buf_add(&what, "", 1);
	if (change->what == LANE_ENDS)
		plan_add(&switching->plan, what.p, now, "ended");
	else
		plan_add(&switching->plan, what.p, now,
			 is_needed(switching, change) ? change->colour : NULL);
	buf_deinit(&what);
}

/* A row a position of a lane that is changed. */
static void add_positions(struct switching *switching,
			  const struct lane_change *change, const char *what)
{
	const struct verb *verb = switching->verb;
	const char *lane = switching->lanes.lanes[change->lane].name;
	struct out *out = switching->positions;
	int i = switching->i_positions;

	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		if (strcmp(verb_cell(verb, i, row, 0), lane) != 0)
			continue;
		out_row(out);
		out_cell(out, "%s", what);
		out_cell(out, "%s", verb_cell(verb, i, row, 1));
		out_cell(out, "%" PRId64, pg_i64(verb->pg, i, row, 2));
		out_cell(out, "%s", verb_cell(verb, i, row, 3));
		out_cell(out, "%s",
			 change->what == LANE_ENDS ? "" : change->colour);
		out_cell(out, "%" PRId64, pg_i64(verb->pg, i, row, 4));
		if (pg_null(verb->pg, i, row, 5))
			out_cell_none(out);
		else
			out_cell(out, "%" PRId64, pg_i64(verb->pg, i, row, 5));
	}
}

/* Is there a worker to wait for? */
static bool is_awaited(const struct switching *switching)
{
	const char *said = HELD_COLOUR;
	bool awaited = false;

	for (size_t i = 0; i < switching->n_changes; i++) {
		const struct lane_change *change = &switching->changes[i];
		bool moves = change->what != LANE_ENDS &&
			     is_needed(switching, change);

		if (moves && n_workers(switching, change->colour, false)) {
			awaited = true;
		} else if (moves && strcmp(said, change->colour) != 0) {
			said = change->colour;
			say_no_worker(said);
		}
	}
	return awaited;
}

static void make_plan(struct switching *switching)
{
	static const struct out_column columns[] = {
		{ "lane", OUT_TEXT },        { "topic", OUT_TEXT },
		{ "partition", OUT_NUMBER }, { "now", OUT_TEXT },
		{ "then", OUT_TEXT },        { "next", OUT_NUMBER },
		{ "waiting", OUT_NUMBER },   { NULL, 0 },
	};

	switching->positions =
		out_new("positions", switching->verb->options.json, columns);
	if (!switching->verb->options.execute)
		switching->plan.below = switching->positions;
	for (size_t i = 0; i < switching->n_changes; i++) {
		const struct lane_change *change = &switching->changes[i];

		add_step(switching, change);
		if (is_needed(switching, change))
			add_positions(switching, change,
				      switching->plan.steps[i].what);
	}
}

/* ---- doing it ---- */

static void put_names(struct buf *buf, const struct canary *canary,
		      uint64_t names)
{
	buf_json_key(buf, "names");
	buf_text(buf, "[");
	for (size_t i = 0; i < canary->n_names; i++) {
		if (!(names >> i & 1))
			continue;
		if (buf->p[buf->n - 1] != '[')
			buf_text(buf, ",");
		buf_json_text(buf, canary->names[i].p, canary->names[i].n);
	}
	buf_text(buf, "]");
}

static void put_split(struct buf *buf, const struct switching *switching,
		      const struct lane_change *change)
{
	static const char *const kinds[] = {
		[LANE_REST] = "rest",
		[LANE_BUCKETS_RANGE] = "buckets",
		[LANE_STALLS] = "stalls",
		[LANE_CUSTOMERS] = "customers",
	};

	buf_json_pair(buf, "parent",
		      text_of(switching->lanes.lanes[change->lane].name));
	buf_json_pair(buf, "kind", text_of(kinds[change->kind]));
	if (change->kind == LANE_BUCKETS_RANGE) {
		buf_json_pair_i64(buf, "bucket_from", change->from);
		buf_json_pair_i64(buf, "bucket_to", change->to);
	} else {
		put_names(buf, &switching->canary, change->names);
	}
	buf_json_pair(buf, "colour", text_of(change->colour));
}

/* The changes of one kind, as JSON for the statement that does them. */
static void put_changes(struct buf *ret, const struct switching *switching,
			int what)
{
	buf_text(ret, "[");
	for (size_t i = 0; i < switching->n_changes; i++) {
		const struct lane_change *change = &switching->changes[i];
		const char *lane = switching->lanes.lanes[change->lane].name;

		if ((int)change->what != what || !is_needed(switching, change))
			continue;
		if (ret->n > 1)
			buf_text(ret, ", ");
		if (change->what == LANE_ENDS) {
			buf_json_text(ret, lane, strlen(lane));
			continue;
		}
		buf_text(ret, "{");
		if (change->what == LANE_IS_SPLIT) {
			put_split(ret, switching, change);
		} else {
			buf_json_pair(ret, "lane", text_of(lane));
			buf_json_pair(ret, "colour", text_of(change->colour));
		}
		buf_text(ret, "}");
	}
	buf_add(ret, "]", 2);
}

/* Of the lanes as they will be: how many buckets each colour has. */
static void put_shares(struct buf *buf, const struct switching *switching)
{
	struct lanes lanes = switching->lanes; /* borrows its names */
	const char *colours[LANES_MAX];
	int32_t shares[LANES_MAX];

	for (size_t i = 0; i < lanes.n_lanes; i++)
		colours[i] = switching->states[i].colour;
	for (size_t i = 0; i < switching->n_changes; i++) {
		const struct lane_change *change = &switching->changes[i];
		struct lane *lane = &lanes.lanes[lanes.n_lanes];

		if (change->what == LANE_MOVES) {
			colours[change->lane] = change->colour;
		} else if (change->what == LANE_IS_SPLIT &&
			   change->kind == LANE_BUCKETS_RANGE) {
			*lane = (struct lane){ .parent = change->lane,
					       .kind = change->kind,
					       .bucket_from = change->from,
					       .bucket_to = change->to };
			colours[lanes.n_lanes++] = change->colour;
		}
	}
	lane_shares(&lanes, shares);
	for (size_t i = 0; i < lanes.n_lanes; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(colours[i], colours[k])) {
				shares[k] += shares[i];
				shares[i] = 0;
			}
	buf_json_key(buf, "shares");
	buf_text(buf, "{");
	for (size_t i = 0; i < lanes.n_lanes; i++)
		if (shares[i])
			buf_json_pair_i64(buf, colours[i], shares[i]);
	buf_text(buf, "}");
}

/* Of the audit: the steps, and how many buckets each colour has then. */
static void put_after(struct buf *ret, const struct switching *switching)
{
	buf_text(ret, "{");
	buf_json_key(ret, "lanes");
	buf_text(ret, "[");
	for (size_t i = 0; i < switching->plan.n_steps; i++) {
		buf_text(ret, i ? ", {" : "{");
		buf_json_pair(ret, "lane",
			      text_of(switching->plan.steps[i].what));
		buf_json_pair(ret, "then",
			      text_of(switching->plan.steps[i].then));
		buf_text(ret, "}");
	}
	buf_text(ret, "]");
	put_shares(ret, switching);
	buf_add(ret, "}", 2);
}

static void add_changes(struct switching *switching, int what,
			const struct pg_statement *statement)
{
	struct buf changes = { 0 };

	put_changes(&changes, switching, what);
	(void)verb_add(
		switching->verb, statement,
		VALUES(value_text(switching->service), value_text(changes.p)));
	buf_deinit(&changes);
}

/* One message with its COMMIT. Of a commit whose answer was lost, and that was
 * found by its audit, the id is not known: nobody waits for its lanes. */
static int commit(struct switching *switching, enum plan_result *ret)
{
	struct verb *verb = switching->verb;
	struct buf after = { 0 };
	int i, r;

	buf_add(&switching->ended, "]", 2);
	put_after(&after, switching);
	add_changes(switching, LANE_MOVES, &sql_switch_moves);
	add_changes(switching, LANE_IS_SPLIT, &sql_switch_splits);
	add_changes(switching, LANE_ENDS, &sql_switch_merges);
	if (switching->also)
		(void)verb_add(verb, switching->also, switching->values);
	plan_audit(verb, &sql_audit_row, switching->what.p, switching->before.p,
		   after.p);
	i = verb_add(verb, &sql_switch_write,
		     VALUES(value_text(switching->service),
			    value_text(switching->before.p),
			    value_text(switching->ended.p)));
	buf_deinit(&after);
	r = plan_commit(verb, switching->service, ret);
	if (!r && pg_n_rows(verb->pg, i) == 1)
		switching->id = pg_i64(verb->pg, i, 0, 0);
	return r;
}

/* All steps are one: what becomes of the first becomes of all. */
static int do_all(void *arg, size_t first, enum plan_result *ret)
{
	struct switching *switching = arg;
	struct plan *plan = &switching->plan;
	int r = commit(switching, ret);

	for (size_t i = first + 1; i < plan->n_steps; i++)
		if (plan->steps[i].needed) {
			plan->steps[i].needed = false;
			plan->steps[i].result = *ret;
		}
	if (!r && switching->waits && switching->id)
		switching_wait(switching);
	return r;
}

static int check_room(const struct switching *switching)
{
	size_t n = switching->lanes.n_lanes;

	for (size_t i = 0; i < switching->n_changes; i++)
		n += switching->changes[i].what == LANE_IS_SPLIT;
	if (n <= LANES_MAX)
		return 0;
	return verb_failed(
		"overlord merge ends lanes that are level; what has ended "
		"counts until only stable lives, so promote or abort, then "
		"merge",
		"%s would have %zu lanes, those that ended and still count "
		"among them: at most %d are possible",
		switching->service, n, LANES_MAX);
}

int switching_run(struct switching *switching)
{
	int r = check_room(switching);

	if (r)
		return r;
	buf_add(&switching->what, "}", 2);
	make_plan(switching);
	switching->waits = is_awaited(switching) && switching->waits;
	return plan_run(&switching->plan, switching->verb, do_all, switching);
}
