/* SPDX-License-Identifier: MIT */
/*
 * Autoscale: which services' workers are scaled by lag (autoscale), and what
 * does it (autoscaler). Main thread.
 *
 * One autoscaler acts at a time, the one that has the advisory lock; the others
 * wait for it. It keeps nothing that it could not learn anew.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "infra/overlord/plan/plan.h"
#include "infra/overlord/scaling/autoscale.h"
#include "infra/overlord/scaling/lag_watch.h"

#define LOOK_EVERY_MS 1000
#define AGAIN_AFTER_MS 2000
#define LAG_ALLOWED 10

/* ---- on, off ---- */

static int check_autoscale(const struct verb *verb)
{
	const struct options *options = &verb->options;
	const char *use = options->operands[1];

	if (strcmp(use, "on") != 0 && strcmp(use, "off") != 0)
		return verb_usage(verb, "'%s' is neither 'on' nor 'off'", use);
	if (options->least > options->most)
		return verb_usage(verb,
				  "at least %" PRId64 " and at most %" PRId64
				  " workers: no number is both",
				  options->least, options->most);
	return 0;
}

int cmd_autoscale(struct verb *verb)
{
	const struct options *options = &verb->options;
	const char *service = options->operands[0];
	bool on;
	int now, r = check_autoscale(verb);
	const struct value values[] = {
		value_text(service),
		value_i64(options->least),
		value_i64(options->most),
		value_i64(options->target),
	};

	on = !r && !strcmp(options->operands[1], "on");
	if (!r)
		r = verb_lock(verb, &sql_autoscale_words, values, service,
			      &now);
	if (r)
		return r;
	if (!pg_n_rows(verb->pg, now))
		return verb_failed("overlord status lists them",
				   "there is no service '%s'", service);
	return change_run(
		verb,
		&(struct change){
			.what = service,
			.now = verb_cell(verb, now, 0, 0),
			.then = !strcmp(verb_cell(verb, now, 0, 0),
					on ? verb_cell(verb, now, 0, 1) : "off")
					? NULL
					: (on ? verb_cell(verb, now, 0, 1)
					      : "off"),
			.key = "service",
			.statement = on ? &sql_autoscale_write
					: &sql_autoscale_delete,
			.values = values });
}

/* ---- the autoscaler ---- */

/* A colour of a service that is scaled. */
struct scaled {
	char service[LAG_NAME_BYTES], colour[LAG_NAME_BYTES];
	struct autoscale state;
	int64_t seen_at_ms;
};

struct scaler {
	struct verb *verb;
	struct kafka_admin *admin;
	struct lag_watch watch;
	struct scaled *scaled;
	size_t n_scaled;
};

static struct scaled *scaled_of(struct scaler *scaler, const char *service,
				const char *colour)
{
	struct scaled *scaled;

	for (size_t i = 0; i < scaler->n_scaled; i++) {
		scaled = &scaler->scaled[i];
		if (!strcmp(scaled->service, service) &&
		    !strcmp(scaled->colour, colour))
			return scaled;
	}
	scaler->scaled = xreallocarray(scaler->scaled, scaler->n_scaled + 1,
				       sizeof(*scaler->scaled));
	scaled = &scaler->scaled[scaler->n_scaled++];
	*scaled = (struct scaled){ 0 };
	(void)str_copy(scaled->service, sizeof(scaled->service), service);
	(void)str_copy(scaled->colour, sizeof(scaled->colour), colour);
	return scaled;
}

/* What stands still is no reason for more workers, and would hide that the
 * others are done. */
static bool counts(const struct lag_row *row)
{
	switch (lag_judge(row->samples, row->n_samples, LAG_ALLOWED)) {
	case LAG_OK:
	case LAG_WARN:
		return true;
	case LAG_STALL:
	case LAG_STOP:
	case LAG_REWIND:
		return false;
	}
	abort();
}

static void add_row(struct autoscale_look *look, const struct lag_row *row)
{
	const struct lag_sample *last = lag_row_last(row);
	int64_t waited_s = lag_waited_s(row->samples, row->n_samples);

	look->busy = look->busy || !last->held;
	look->decided += last->next;
	look->arrived += last->end;
	if (!counts(row))
		return;
	if (last->end > last->next + LAG_ALLOWED)
		look->lag += last->end - last->next;
	if (waited_s > look->waited_s)
		look->waited_s = waited_s;
}

static struct autoscale_look look_at(const struct scaler *scaler,
				     const struct scaled *scaled,
				     int64_t wanted, bool busy)
{
	struct autoscale_look look = { .at_ms = scaler->watch.at_ms,
				       .wanted = wanted,
				       .busy = busy };

	for (size_t i = 0; i < scaler->watch.n_rows; i++) {
		const struct lag_row *row = &scaler->watch.rows[i];

		if (!strcmp(row->service, scaled->service) &&
		    !strcmp(row->colour, scaled->colour))
			add_row(&look, row);
	}
	return look;
}

/* A row of sql_autoscale_read, copied, since results go with the next message.
 */
struct target {
	struct scaled *scaled;
	struct autoscale_rules rules;
	int64_t instances;
	bool busy;
};

static int write_verdict(struct scaler *scaler, const struct target *target,
			 int64_t instances)
{
	const struct scaled *scaled = target->scaled;
	struct verb *verb = scaler->verb;
	const struct value service = value_text(scaled->service);
	const struct value colour = value_text(scaled->colour);
	const struct value why = value_text(scaled->state.why);

	(void)verb_add(verb, &pg_begin, NULL);
	(void)verb_add(verb, &sql_autoscale_verdict,
		       VALUES(service, colour, value_i64(instances), why));
	if (instances != target->instances) {
		(void)verb_add(verb, &sql_autoscale_step,
			       VALUES(service, colour,
				      value_i64(target->instances),
				      value_i64(instances), why));
		out_say("%s %s: %" PRId64 " -> %" PRId64 " workers: %s",
			scaled->service, scaled->colour, target->instances,
			instances, scaled->state.why);
	}
	(void)verb_add(verb, &pg_commit, NULL);
	return verb_send(verb, "autoscale");
}

enum { TARGETS_MAX = 64 };

static int read_targets(struct scaler *scaler, struct target *ret,
			size_t *ret_n)
{
	struct verb *verb = scaler->verb;
	int i = verb_add(verb, &sql_autoscale_read,
			 VALUES(value_text(verb->schema)));
	int r = verb_send(verb, "autoscale");

	*ret_n = 0;
	if (r)
		return r;
	for (int row = 0; row < pg_n_rows(verb->pg, i) && *ret_n < TARGETS_MAX;
	     row++)
		ret[(*ret_n)++] = (struct target){
			.scaled = scaled_of(scaler, verb_cell(verb, i, row, 0),
					    verb_cell(verb, i, row, 1)),
			.instances = pg_i64(verb->pg, i, row, 2),
			.rules = { .least = pg_i64(verb->pg, i, row, 3),
				   .most = pg_i64(verb->pg, i, row, 4),
				   .target_s = pg_i64(verb->pg, i, row, 5),
				   .settle_s = verb->options.settle,
				   .calm_s = verb->options.calm },
			.busy = pg_bool(verb->pg, i, row, 6),
		};
	return 0;
}

static int look(struct scaler *scaler)
{
	struct target targets[TARGETS_MAX];
	size_t n;
	int r = lag_watch_look(&scaler->watch, scaler->verb, scaler->admin);

	if (!r)
		r = read_targets(scaler, targets, &n);
	for (size_t i = 0; !r && i < n; i++) {
		const struct target *target = &targets[i];
		struct autoscale_look seen =
			look_at(scaler, target->scaled, target->instances,
				target->busy);

		r = write_verdict(scaler, target,
				  autoscale_judge(&target->scaled->state,
						  &target->rules, &seen));
	}
	return r;
}

/* Until something fails; what was known is kept. */
static int work(struct scaler *scaler)
{
	struct verb *verb = scaler->verb;
	int r = verb->pg ? 0 : verb_connect(verb);

	if (!r && !scaler->admin)
		r = verb_kafka(verb, &scaler->admin);
	while (!r) {
		int i = verb_add(verb, &sql_autoscaler_lock, NULL);

		r = verb_send(verb, "autoscale");
		if (!r && pg_bool(verb->pg, i, 0, 0))
			r = look(scaler);
		if (!r)
			(void)usleep(LOOK_EVERY_MS * 1000);
	}
	return r;
}

int cmd_autoscaler(struct verb *verb)
{
	struct scaler scaler = { .verb = verb };
	int r;

	for (;;) {
		r = work(&scaler);
		if (r < 0)
			break;
		out_say("trying again in %d s", AGAIN_AFTER_MS / 1000);
		verb->pg = pg_free(verb->pg);
		(void)usleep(AGAIN_AFTER_MS * 1000);
	}
	lag_watch_deinit(&scaler.watch);
	scaler.admin = kafka_admin_free(scaler.admin);
	free(scaler.scaled);
	return r;
}
