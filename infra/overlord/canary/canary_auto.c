/* SPDX-License-Identifier: MIT */
/* Canary, automatic: looks, and what is done about them. Main thread. */
#include "infra/overlord/canary/canary_auto.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "infra/overlord/canary/course.h"
#include "infra/overlord/canary/tally.h"
#include "infra/overlord/plan/plan.h"
#include "infra/overlord/plan/plan_file.h"
#include "infra/overlord/scaling/lag_state.h"

#define LOOK_EVERY_MS 1000
/* Without an answer for so long nobody knows what becomes of the canary. */
#define BLIND_MAX_MS 60000
#define BEHIND_ALLOWED 10
/* So long after a step the times of records are those of a take-over. */
#define WARM_MS 3000
#define BACK_AGAIN_S 2
#define WINDOW_S 60
/* So many looks a lane may stand still, for it may be taken over meanwhile. */
enum { STILL_LOOKS = 6, PLACE_BYTES = 160 };

/* A partition of a lane of the candidate, against the lane `stable`. */
struct place {
	char name[PLACE_BYTES];
	struct lag_sample samples[STILL_LOOKS];
	size_t n_samples;
};

struct canary_run {
	struct verb *verb;
	const char *service, *candidate;
	struct course course;
	struct course_look look;
	struct tally tally;
	int64_t warm_at_ms; /* after the last step */
	struct place *places;
	size_t n_places;
	int64_t n_lanes; /* of the candidate, at the last look */
	char trouble[COURSE_WHY_BYTES];
};

/* ---- looking ---- */

static struct place *place_named(struct canary_run *run, const char *name)
{
	for (size_t i = 0; i < run->n_places; i++)
		if (!strcmp(run->places[i].name, name))
			return &run->places[i];
	run->places = xreallocarray(run->places, run->n_places + 1,
				    sizeof(*run->places));
	run->places[run->n_places] = (struct place){ 0 };
	(void)str_copy(run->places[run->n_places].name, PLACE_BYTES, name);
	return &run->places[run->n_places++];
}

static void note_place(struct canary_run *run, struct place *place,
		       const struct lag_sample *sample)
{
	enum lag_state state;

	if (place->n_samples == STILL_LOOKS)
		memmove(place->samples, place->samples + 1,
			--place->n_samples * sizeof(place->samples[0]));
	place->samples[place->n_samples++] = *sample;
	state = lag_judge(place->samples, place->n_samples, BEHIND_ALLOWED);
	if (place->n_samples < STILL_LOOKS ||
	    (state != LAG_STALL && state != LAG_STOP))
		return;
	(void)snprintf(run->trouble, sizeof(run->trouble),
		       "%s stands still at %" PRId64 " for %" PRId64
		       " s, %s; 'stable' is at %" PRId64,
		       place->name, sample->next,
		       (sample->at_ms - place->samples[0].at_ms) / 1000,
		       state == LAG_STOP ? "and no worker that lives has it"
					 : "although a worker has it",
		       sample->end);
}

static void note_positions(struct canary_run *run, int i)
{
	const struct verb *verb = run->verb;

	run->n_lanes = 0;
	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		const struct lag_sample sample = {
			.at_ms = run->look.at_ms,
			.next = pg_i64(verb->pg, i, row, 1),
			.end = pg_i64(verb->pg, i, row, 2),
			.held = pg_bool(verb->pg, i, row, 3),
		};

		run->n_lanes = pg_i64(verb->pg, i, row, 4);
		note_place(run, place_named(run, verb_cell(verb, i, row, 0)),
			   &sample);
	}
}

static void note_workers(struct canary_run *run, int i)
{
	const struct verb *verb = run->verb;

	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		bool candidate =
			!strcmp(verb_cell(verb, i, row, 1), run->candidate);

		(void)tally_note(&run->tally, verb_cell(verb, i, row, 0),
				 candidate, verb_cell(verb, i, row, 2));
	}
	tally_begin(&run->tally);
}

static int look(struct canary_run *run)
{
	struct verb *verb = run->verb;
	const struct value values[] = { value_text(run->service),
					value_text(verb->schema),
					value_text(run->candidate) };
	int workers, positions, r = verb->pg ? 0 : verb_connect(verb);

	if (r)
		return r;
	workers = verb_add(verb, &sql_canary_workers, values);
	positions = verb_add(verb, &sql_canary_positions, values);
	r = verb_send(verb, "canary");
	if (r)
		return r;
	run->look.at_ms = clock_now_ms();
	run->trouble[0] = '\0';
	note_workers(run, workers);
	note_positions(run, positions);
	if (run->look.at_ms < run->warm_at_ms)
		tally_forget_times(&run->tally);
	run->look.trouble = run->trouble[0] ? run->trouble : NULL;
	run->look.n_orders =
		tally_sum(&run->tally, &run->look.candidate, &run->look.other);
	return 0;
}

/* Looks again and again while Postgres is away, but not for ever. */
static int look_through(struct canary_run *run)
{
	int64_t until_ms = clock_now_ms() + BLIND_MAX_MS;
	int r;

	for (;;) {
		r = look(run);
		if (r <= 0 || clock_now_ms() > until_ms)
			return r;
		run->verb->pg = pg_free(run->verb->pg);
		(void)usleep(LOOK_EVERY_MS * 1000);
	}
}

/* ---- acting ---- */

/* Another verb, with --execute and @percent; it says itself what it did. */
static int run_verb(const struct canary_run *run, const char *name,
		    int (*cmd)(struct verb *verb), const char *percent)
{
	struct verb verb = *run->verb;
	int r;

	verb.pg = NULL;
	/* A saved plan is of the whole canary, not of its steps. */
	verb.file = NULL;
	verb.name = name;
	memset(verb.args, 0, sizeof(verb.args));
	verb.n_args = 0;
	verb.options.by_itself = false;
	verb.options.execute = true;
	verb.options.percent = percent;
	r = cmd(&verb);
	verb_deinit(&verb);
	return r;
}

static int go_to_step(struct canary_run *run)
{
	char percent[32];
	int r;

	(void)snprintf(percent, sizeof(percent), "%g",
		       run->course.percents[run->course.step]);
	out_say("%s %s gets %s %% of the customers", run->service,
		run->candidate, percent);
	r = run_verb(run, "canary", cmd_canary, percent);
	run->warm_at_ms = clock_now_ms() + WARM_MS;
	return r;
}

/* Why, for those who ask later. */
static int write_down(struct canary_run *run, const char *verdict)
{
	struct verb *verb = run->verb;
	struct buf what = { 0 }, after = { 0 };
	int r = verb->pg ? 0 : verb_connect(verb);

	buf_text(&what, "{");
	buf_json_pair(&what, "service", text_of(run->service));
	buf_json_pair(&what, "colour", text_of(run->candidate));
	buf_add(&what, "}", 2);
	buf_text(&after, "{");
	buf_json_pair(&after, "verdict", text_of(verdict));
	buf_json_pair(&after, "why", text_of(run->course.why));
	buf_json_pair_i64(&after, "orders", run->look.n_orders);
	buf_json_pair_i64(&after, "looks", run->course.n_looks);
	buf_add(&after, "}", 2);
	if (!r) {
		plan_audit(verb, &sql_audit_row, what.p, NULL, after.p);
		r = verb_send(verb, "audit");
	}
	buf_deinit(&what);
	buf_deinit(&after);
	out_say("%s: %s", verdict, run->course.why);
	return r;
}

/* Whatever is in the way, a candidate that is worse does not stay: it is tried
 * until it is done, or until a person ends it. */
static int go_back(struct canary_run *run)
{
	int r = run_verb(run, "abort", cmd_abort, NULL);

	while (r > 0) {
		out_say("it should go back and could not, trying again in %d s",
			BACK_AGAIN_S);
		(void)sleep(BACK_AGAIN_S);
		r = run_verb(run, "abort", cmd_abort, NULL);
	}
	if (!r)
		r = write_down(run, "it went back");
	return r ? r : VERB_E_FAILED;
}

/* A candidate that cannot take the next step, since it is not ready, say, is
 * none to stay with. */
static int refused(struct canary_run *run, const char *what)
{
	(void)snprintf(run->course.why, sizeof(run->course.why),
		       "%s was refused or failed, as said above", what);
	return go_back(run);
}

static int promote(struct canary_run *run)
{
	int r = run_verb(run, "promote", cmd_promote, NULL);

	if (r)
		return r < 0 ? r : refused(run, "the promotion");
	return write_down(run, "it is promoted");
}

static int watch(struct canary_run *run)
{
	for (;;) {
		int r = look_through(run);

		if (r)
			return r < 0 ? r : refused(run, "looking at it");
		if (!run->n_lanes)
			return verb_failed(
				"overlord history says who",
				"'%s' has no lanes any more: somebody else "
				"took them away",
				run->candidate);
		switch (course_turn(&run->course, &run->look)) {
		case COURSE_WAIT:
			break;
		case COURSE_ON:
			out_say("%s", run->course.why);
			r = go_to_step(run);
			if (r)
				return r < 0 ? r
					     : refused(run, "the next step");
			break;
		case COURSE_BACK:
			return go_back(run);
		case COURSE_END:
			return promote(run);
		}
		(void)usleep(LOOK_EVERY_MS * 1000);
	}
}

/* ---- the plan ---- */

static bool read_step(struct course *course, const char *word)
{
	char *end;
	double percent = strtod(word, &end);
	double before =
		course->n_steps ? course->percents[course->n_steps - 1] : 0;

	if (*end || end == word || !(percent > before && percent < 100) ||
	    course->n_steps == COURSE_STEPS_MAX)
		return false;
	course->percents[course->n_steps++] = percent;
	return true;
}

static int read_steps(struct verb *verb, struct course *course)
{
	const char *steps =
		verb->options.steps ? verb->options.steps : "5,25,50";
	char words[128], *rest = words, *word;

	if (!str_copy(words, sizeof(words), steps))
		words[0] = '\0';
	while ((word = strsep(&rest, ",")))
		if (!read_step(course, word))
			return verb_usage(verb,
					  "steps '%.100s' are no percentages "
					  "above 0 and below 100, each above "
					  "the last, at most %d",
					  steps, COURSE_STEPS_MAX);
	course->window_ms =
		(verb->options.window ? verb->options.window : WINDOW_S) * 1000;
	return 0;
}

/* Shown or, with --execute, compared with what was saved. */
static int show(const struct canary_run *run)
{
	struct plan plan = { 0 };
	char what[96], then[96];
	int r;

	for (size_t i = 0; i < run->course.n_steps; i++) {
		(void)snprintf(what, sizeof(what), "step %zu", i + 1);
		(void)snprintf(then, sizeof(then),
			       "%s has %g %% for %" PRId64 " s or more",
			       run->candidate, run->course.percents[i],
			       run->course.window_ms / 1000);
		plan_add(&plan, what, "", then);
	}
	plan_add(&plan, "promote", "", "all of it, if nothing was worse");
	r = run->verb->options.execute
		    ? plan_file_compare(run->verb->file, &plan)
		    : plan_run(&plan, run->verb, NULL, NULL);
	plan_deinit(&plan);
	return r;
}

int canary_auto(struct verb *verb)
{
	struct canary_run run = { .verb = verb,
				  .service = verb->options.operands[0],
				  .candidate = verb->options.operands[1] };
	int r = read_steps(verb, &run.course);

	if (!r && (verb->options.percent || verb->options.customers ||
		   verb->options.stalls))
		r = verb_usage(verb, "--auto takes its shares from --steps");
	/* A plan that is saved says of which database it is. */
	if (!r)
		r = verb_connect(verb);
	if (!r)
		r = show(&run);
	if (!r && !verb->options.execute)
		return 0;
	/* The first look is from before it has any lane. */
	if (!r)
		r = look_through(&run);
	if (!r)
		r = go_to_step(&run);
	if (!r)
		r = watch(&run);
	free(run.places);
	return r;
}
