/* SPDX-License-Identifier: MIT */
/*
 * Topics: what schemas/topics.def declares, and what the brokers have.
 *
 * `apply` makes what is missing and mends settings; it never deletes, and
 * never adds partitions, since keys would move. It works before there is a
 * database: then no audit row is left, and it says so. Main thread.
 */
#include "infra/overlord/cmd_topics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/overlord/plan/plan.h"
#include "infra/overlord/verb.h"

struct row {
	char name[TOPIC_NAME_BYTES];
	struct kafka_topic is;
	struct topic_drift drift;
};

struct run {
	struct verb *verb;
	struct kafka_admin *admin;
	struct plan plan;
	struct row rows[N_TOPICS];
};

void topic_drift(const struct topic *declared, const struct kafka_topic *is,
		 struct topic_drift *ret)
{
	size_t n = 0;

	*ret = (struct topic_drift){ .missing = !is->there };
	if (is->there) {
		ret->partitions = is->n_partitions != declared->partitions;
		buf_printf(&ret->now, "%" PRId32 " partitions",
			   is->n_partitions);
	} else {
		buf_text(&ret->now, "missing");
	}
	buf_printf(&ret->then, "%" PRId32 " partitions", declared->partitions);
	for (const struct topic_setting *row = declared->settings; row->name;
	     row++) {
		const struct kafka_setting *setting =
			kafka_topic_setting(is, row->name);

		if (setting && !strcmp(setting->value, row->value))
			continue;
		assert(n < SETTINGS_MAX);
		ret->settings[2 * n] = row->name;
		ret->settings[2 * n++ + 1] = row->value;
		buf_printf(&ret->then, ", %s=%s", row->name, row->value);
		if (is->there)
			buf_printf(&ret->now, ", %s=%s", row->name,
				   setting ? setting->value : "?");
	}
	buf_add(&ret->now, "", 1);
	buf_add(&ret->then, "", 1);
}

void topic_drift_deinit(struct topic_drift *drift)
{
	buf_deinit(&drift->now);
	buf_deinit(&drift->then);
}

static void run_deinit(struct run *run)
{
	for (size_t i = 0; i < N_TOPICS; i++) {
		kafka_topic_deinit(&run->rows[i].is);
		topic_drift_deinit(&run->rows[i].drift);
	}
	plan_deinit(&run->plan);
	run->admin = kafka_admin_free(run->admin);
}

static int run_init(struct run *run, struct verb *verb)
{
	int r;

	run->verb = verb;
	r = verb_kafka(verb, &run->admin);
	for (size_t i = 0; !r && i < N_TOPICS; i++) {
		struct row *row = &run->rows[i];

		r = verb_topic(verb, topic_table[i].id, row->name);
		if (r)
			return r;
		r = kafka_admin_topic(run->admin, row->name, &row->is);
		if (r)
			return verb_kafka_failed(run->verb, r, run->admin,
						 row->name);
		topic_drift(&topic_table[i], &row->is, &row->drift);
	}
	/* They are there: a write may take its time. */
	if (!r)
		kafka_admin_timeout(run->admin, verb->conf.timeout_ms);
	return r;
}

static void put_row(struct out *out, const struct topic *declared,
		    const struct row *row)
{
	bool drifted = row->drift.partitions || *row->drift.settings;

	out_row(out);
	out_cell(out, "%s", row->name);
	out_cell(out, "%s", topic_kind_name(declared->kind));
	out_cell(out, "%s", declared->key);
	out_cell(out, "%" PRId32, row->is.n_partitions);
	out_cell(out, "%" PRId32, row->is.n_replicas);
	out_cell(out, "%s",
		 row->drift.missing ? "missing"
		 : drifted          ? "drifted"
				    : "as declared");
	if (drifted) {
		out_cell(out, "%s", row->drift.now.p);
		out_cell(out, "%s", row->drift.then.p);
	}
}

int cmd_topics_status(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "topic", OUT_TEXT },
		{ "kind", OUT_TEXT },
		{ "key", OUT_TEXT },
		{ "partitions", OUT_NUMBER },
		{ "replicas", OUT_NUMBER },
		{ "state", OUT_TEXT },
		{ "now", OUT_TEXT },
		{ "declared", OUT_TEXT },
		{ NULL, 0 },
	};
	CLEANUP(out_freep)
	struct out *out = out_new("topics", verb->options.json, columns);
	struct run run = { 0 };
	int r = run_init(&run, verb);

	for (size_t i = 0; !r && i < N_TOPICS; i++)
		put_row(out, &topic_table[i], &run.rows[i]);
	if (!r)
		r = out_print(out);
	run_deinit(&run);
	return r;
}

/* ---- apply ---- */

static void plan_row(struct run *run, size_t i)
{
	const struct row *row = &run->rows[i];

	plan_add(&run->plan, row->name, row->drift.now.p,
		 row->drift.missing || *row->drift.settings ? row->drift.then.p
							    : NULL);
	if (row->drift.partitions) {
		out_say("topic '%s' has %" PRId32 " partitions, declared are "
			"%" PRId32 ": this is not mended, keys would move",
			row->name, row->is.n_partitions,
			topic_table[i].partitions);
		out_hint("make a topic under another name and move to it");
	}
}

/* A session for the audit, or none: topics come before tables at first. */
static void open_audit(struct verb *verb)
{
	struct pg_params params = {
		.url = verb->conf.database_url,
		.application_name = "overlord topics",
		.timeout_ms = verb_first_ms(verb),
	};
	char error[256];

	if (pg_connect(&verb->pg, &params, error)) {
		verb->pg = NULL;
		out_say("no audit row is left: %s", error);
	}
}

static void write_audit(struct verb *verb, const struct plan_step *step)
{
	struct buf what = { 0 };

	if (!verb->pg)
		return;
	buf_text(&what, "{");
	buf_json_pair(&what, "topic", text_of(step->what));
	buf_add(&what, "}", 2);
	plan_audit(verb, &sql_audit_texts, what.p, step->now, step->then);
	buf_deinit(&what);
	if (verb_try(verb, verb_first_ms(verb))) {
		out_say("no audit row is left: %s", pg_message(verb->pg));
		verb->pg = pg_free(verb->pg);
	}
}

static int apply(void *arg, size_t i, enum plan_result *ret)
{
	struct run *run = arg;
	const struct row *row = &run->rows[i];
	const struct kafka_new_topic topic = {
		.name = row->name,
		.n_partitions = topic_table[i].partitions,
		.n_replicas = (int32_t)run->verb->options.replication,
		.settings = row->drift.settings,
	};
	int r = row->drift.missing ? kafka_admin_create(run->admin, &topic)
				   : kafka_admin_alter(run->admin, row->name,
						       row->drift.settings);

	if (r == KAFKA_ADMIN_E_AWAY)
		*ret = PLAN_UNKNOWN;
	if (r)
		return verb_kafka_failed(run->verb, r, run->admin, row->name);
	*ret = PLAN_CONFIRMED;
	write_audit(run->verb, &run->plan.steps[i]);
	return 0;
}

int cmd_topics_apply(struct verb *verb)
{
	struct run run = { 0 };
	bool needed = false, unmended = false;
	int r = run_init(&run, verb);

	for (size_t i = 0; !r && i < N_TOPICS; i++) {
		plan_row(&run, i);
		needed = needed || run.plan.steps[i].needed;
		unmended = unmended || run.rows[i].drift.partitions;
	}
	if (!r && needed && verb->options.execute)
		open_audit(verb);
	if (!r)
		r = plan_run(&run.plan, verb, apply, &run);
	run_deinit(&run);
	return !r && unmended ? VERB_E_FAILED : r;
}
