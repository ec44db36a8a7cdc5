/* SPDX-License-Identifier: MIT */
/*
 * Topics: what schemas/topics.def declares, and what the brokers have.
 *
 * `apply` makes what is missing and mends settings; it never deletes, and
 * never adds partitions, since keys would move. It works before there is a
 * database: then no audit row is left, and it says so. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/kafka_admin.h"
#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"
#include "infra/overlord/topics_plan.h"

struct row {
	char name[COMMAND_TOPIC_MAX];
	struct kafka_topic is;
	struct topic_drift drift;
};

struct run {
	const struct command *command;
	struct kafka_admin *admin;
	struct pg *pg; /* NULL: no audit */
	struct plan plan;
	struct row rows[N_TOPICS];
};

static int kafka_failed(const struct run *run, int r, const char *what)
{
	switch (r) {
	case KAFKA_ADMIN_E_AWAY:
		out_error("%s: no answer from Kafka at '%s': %s", what,
			  run->command->conf.brokers,
			  kafka_admin_error(run->admin));
		out_hint(
			"KAFKA_BROKERS says where it is; --run takes it from a "
			"make run's folder");
		return COMMAND_E_FAILED;
	case KAFKA_ADMIN_E_REFUSED:
		out_error("%s: Kafka refused: %s", what,
			  kafka_admin_error(run->admin));
		return COMMAND_E_FAILED;
	default:
		return r;
	}
}

static void run_deinit(struct run *run)
{
	for (size_t i = 0; i < N_TOPICS; i++)
		kafka_topic_deinit(&run->rows[i].is);
	plan_deinit(&run->plan);
	run->pg = pg_free(run->pg);
	run->admin = kafka_admin_free(run->admin);
}

static int run_init(struct run *run, const struct command *command)
{
	int r;

	run->command = command;
	r = kafka_admin_new(&run->admin, command->conf.brokers, "overlord",
			    command_first_ms(command));
	for (size_t i = 0; !r && i < N_TOPICS; i++) {
		struct row *row = &run->rows[i];

		r = command_topic(command, topic_table[i].name, row->name);
		if (r)
			return r;
		r = kafka_admin_topic(run->admin, row->name, &row->is);
		if (r)
			return kafka_failed(run, r, row->name);
		topic_drift(&topic_table[i], &row->is, &row->drift);
	}
	/* They are there: a write may take its time. */
	if (!r)
		kafka_admin_timeout(run->admin, command->conf.timeout_ms);
	return r;
}

static void put_row(struct out *out, const struct topic *declared,
		    const struct row *row)
{
	struct buf now = { 0 }, then = { 0 };
	bool drifted = row->drift.partitions || row->drift.n_settings;

	topic_describe_is(&row->is, &row->drift, &now);
	topic_describe_then(declared, &row->drift, &then);
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
		out_cell(out, "%s", now.p);
		out_cell(out, "%s", then.p);
	}
	buf_deinit(&now);
	buf_deinit(&then);
}

int cmd_topics_status(struct command *command)
{
	CLEANUP(out_freep)
	struct out *out = out_new("topics", command->options.json);
	struct run run = { 0 };
	int r = run_init(&run, command);

	out_column(out, "topic", OUT_TEXT);
	out_column(out, "kind", OUT_TEXT);
	out_column(out, "key", OUT_TEXT);
	out_column(out, "partitions", OUT_NUMBER);
	out_column(out, "replicas", OUT_NUMBER);
	out_column(out, "state", OUT_TEXT);
	out_column(out, "now", OUT_TEXT);
	out_column(out, "declared", OUT_TEXT);
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
	struct buf now = { 0 }, then = { 0 };
	struct row *row = &run->rows[i];

	topic_describe_is(&row->is, &row->drift, &now);
	topic_describe_then(&topic_table[i], &row->drift, &then);
	plan_add(&run->plan, row->name, now.p,
		 row->drift.missing || row->drift.n_settings ? then.p : NULL);
	if (row->drift.partitions) {
		out_say("topic '%s' has %" PRId32 " partitions, declared are "
			"%" PRId32 ": this is not mended, keys would move",
			row->name, row->is.n_partitions,
			topic_table[i].partitions);
		out_hint("make a topic under another name and move to it");
	}
	buf_deinit(&now);
	buf_deinit(&then);
}

/* A session for the audit, or none: topics come before tables at first. */
static void open_audit(struct run *run)
{
	struct pg_params params = {
		.url = run->command->conf.database_url,
		.application_name = "overlord topics",
		.timeout_ms = command_first_ms(run->command),
	};
	char error[256];

	if (pg_connect(&run->pg, &params, error)) {
		run->pg = NULL;
		out_say("no audit row is left: %s", error);
	}
}

static void audit(struct run *run, const struct plan_step *step)
{
	struct buf what = { 0 }, before = { 0 }, after = { 0 };
	struct audit row = { 0 };
	int r;

	if (!run->pg)
		return;
	plan_json_pair(&what, "topic", step->what);
	plan_json_text(&before, step->now);
	plan_json_text(&after, step->then);
	row.what = what.p;
	row.before = before.p;
	row.after = after.p;
	plan_audit(run->pg, run->command, &row);
	r = pg_run(run->pg, command_first_ms(run->command));
	if (r) {
		out_say("no audit row is left: %s", pg_message(run->pg));
		run->pg = pg_free(run->pg);
	}
	audit_deinit(&row);
	buf_deinit(&what);
	buf_deinit(&before);
	buf_deinit(&after);
}

static int apply(void *arg, size_t i, enum plan_result *ret)
{
	struct run *run = arg;
	const char *settings[2 * SETTINGS_MAX + 1];
	const struct row *row = &run->rows[i];
	const struct kafka_new_topic topic = {
		.name = row->name,
		.n_partitions = topic_table[i].partitions,
		.n_replicas = (int32_t)run->command->options.replication,
		.settings = settings,
	};
	int r;

	topic_settings(&topic_table[i], settings);
	if (row->drift.missing)
		r = kafka_admin_create(run->admin, &topic);
	else
		r = kafka_admin_alter(run->admin, row->name,
				      row->drift.settings);
	if (r == KAFKA_ADMIN_E_AWAY)
		*ret = PLAN_UNKNOWN;
	if (r)
		return kafka_failed(run, r, row->name);
	*ret = PLAN_CONFIRMED;
	audit(run, &run->plan.steps[i]);
	return 0;
}

int cmd_topics_apply(struct command *command)
{
	struct run run = { 0 };
	bool needed = false, amiss = false;
	int r = run_init(&run, command);

	for (size_t i = 0; !r && i < N_TOPICS; i++) {
		plan_row(&run, i);
		needed = needed || run.plan.steps[i].needed;
		amiss = amiss || run.rows[i].drift.partitions;
	}
	if (!r && needed && command->options.execute)
		open_audit(&run);
	if (!r)
		r = plan_run(&run.plan, command, apply, &run);
	run_deinit(&run);
	return !r && amiss ? COMMAND_E_FAILED : r;
}
