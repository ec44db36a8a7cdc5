/* SPDX-License-Identifier: MIT */
/*
 * Lag: how far each colour of each service is behind, and whether it is worked
 * as it should be. The state is judged over a window, so it takes as long as
 * that. Main thread.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "infra/overlord/scaling/lag_watch.h"

#define LOOK_EVERY_MS 500
#define WINDOW_S 5
/* So few records are on their way, not behind. */
#define LAG_ALLOWED 10

struct group {
	int64_t n, lag, waited_s;
	enum lag_state state;
};

static void add_row(struct group *group, const struct lag_row *row)
{
	const struct lag_sample *last = lag_row_last(row);
	int64_t waited_s = lag_waited_s(row->samples, row->n_samples);
	enum lag_state state =
		lag_judge(row->samples, row->n_samples, LAG_ALLOWED);

	group->n++;
	group->lag += last->end > last->next ? last->end - last->next : 0;
	if (waited_s > group->waited_s)
		group->waited_s = waited_s;
	if (state > group->state)
		group->state = state;
}

static bool same_group(const struct lag_row *a, const struct lag_row *b,
		       bool each)
{
	return a->topic == b->topic && !strcmp(a->service, b->service) &&
	       !strcmp(a->colour, b->colour) &&
	       (!each || a->partition == b->partition);
}

static void put_group(struct out *out, const struct lag_watch *watch, size_t i,
		      bool each)
{
	const struct lag_row *first = &watch->rows[i];
	struct group group = { 0 };

	for (size_t k = 0; k < watch->n_rows; k++) {
		if (!same_group(first, &watch->rows[k], each))
			continue;
		if (k < i)
			return; /* it was put with an earlier row */
		add_row(&group, &watch->rows[k]);
	}
	out_row(out);
	out_cell(out, "%s", first->service);
	out_cell(out, "%s", first->colour);
	out_cell(out, "%s", first->topic->name);
	if (each)
		out_cell(out, "%" PRId32, first->partition);
	else
		out_cell(out, "%" PRId64, group.n);
	out_cell(out, "%" PRId64, group.lag);
	out_cell(out, "%" PRId64, group.waited_s);
	out_cell(out, "%s", lag_state_name(group.state));
}

static int print(const struct verb *verb, const struct lag_watch *watch)
{
	bool each = verb->options.partitions;
	const struct out_column columns[] = {
		{ "service", OUT_TEXT },
		{ "colour", OUT_TEXT },
		{ "topic", OUT_TEXT },
		{ each ? "partition" : "partitions", OUT_NUMBER },
		{ "lag", OUT_NUMBER },
		{ "seconds", OUT_NUMBER },
		{ "state", OUT_TEXT },
		{ NULL, 0 },
	};
	CLEANUP(out_freep)
	struct out *out = out_new("lag", verb->options.json, columns);

	for (size_t i = 0; i < watch->n_rows; i++)
		put_group(out, watch, i, each);
	return out_print(out);
}

static int look_for(struct verb *verb, struct kafka_admin *admin,
		    struct lag_watch *watch)
{
	int64_t window_s =
		verb->options.window ? verb->options.window : WINDOW_S;
	int64_t n_looks = window_s * 1000 / LOOK_EVERY_MS + 1;
	int r = 0;

	out_say("looking for %" PRId64 " s", window_s);
	for (int64_t i = 0; !r && i < n_looks; i++) {
		if (i)
			(void)usleep(LOOK_EVERY_MS * 1000);
		r = lag_watch_look(watch, verb, admin);
	}
	return r;
}

int cmd_lag(struct verb *verb)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	struct lag_watch watch = { 0 };
	int r = verb_connect(verb);

	if (!r)
		r = verb_kafka(verb, &admin);
	if (!r)
		r = look_for(verb, admin, &watch);
	if (!r)
		r = print(verb, &watch);
	lag_watch_deinit(&watch);
	return r;
}
