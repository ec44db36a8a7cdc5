/* SPDX-License-Identifier: MIT */
/*
 * Grill state: whether a grill is used, and forgetting one.
 *
 * A grill that is disabled gets no more toasties; jafflr ends those that are
 * on it. One that has toasties on it is not removed: its plates are locked
 * before their intents are counted, and jafflr opens an intent only with its
 * plate locked, so none is opened meanwhile. Tokens may go with the rows: a
 * plate's next token is above what the plate itself has seen. The audit row
 * commits with the change. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"

/* -> enabled, the row as JSON */
static const struct pg_statement grill_lock = {
	.name = "grill_lock",
	.sql = "SELECT enabled, to_jsonb(g) FROM control.grills g "
	       "WHERE grill = $1 FOR UPDATE",
	.n_args = 1,
};

static const struct pg_statement plates_lock = {
	.name = "plates_lock",
	.sql = "SELECT FROM control.plates WHERE grill = $1 "
	       "ORDER BY plate FOR UPDATE",
	.n_args = 1,
};

/* -> toasties that are on it, of them uncertain */
static const struct pg_statement toasties_on = {
	.name = "toasties_on",
	.sql = "SELECT count(*), count(*) FILTER (WHERE t.state = 'uncertain') "
	       "FROM intents i JOIN toasties t USING (order_id) "
	       "WHERE i.grill = $1 AND i.closed_at IS NULL",
	.n_args = 1,
};

static const struct pg_statement grill_use = {
	.name = "grill_use",
	.sql = "UPDATE control.grills SET enabled = $2 WHERE grill = $1",
	.n_args = 2,
};

static const struct pg_statement plates_delete = {
	.name = "plates_delete",
	.sql = "DELETE FROM control.plates WHERE grill = $1",
	.n_args = 1,
};

static const struct pg_statement grill_delete = {
	.name = "grill_delete",
	.sql = "DELETE FROM control.grills WHERE grill = $1",
	.n_args = 1,
};

enum wish { ENABLED, DISABLED, REMOVED };

struct run {
	const struct command *command;
	struct pg *pg;
	enum wish wish;
	struct pg_args name;
	bool enabled;
	int64_t n_on, n_uncertain;
	struct buf before; /* JSON */
};

static const char *const wishes[] = {
	[ENABLED] = "enabled",
	[DISABLED] = "disabled",
	[REMOVED] = "not there",
};

static void read_rows(struct run *run, int grill, int on)
{
	size_t n;
	const char *p = pg_bytes(run->pg, grill, 0, 1, &n);

	run->enabled = pg_bool(run->pg, grill, 0, 0);
	buf_add(&run->before, p, n);
	buf_add(&run->before, "", 1);
	if (on >= 0) {
		run->n_on = pg_i64(run->pg, on, 0, 0);
		run->n_uncertain = pg_i64(run->pg, on, 0, 1);
	}
}

static int refuse_removal(const struct run *run)
{
	out_error("grill '%s' has %" PRId64 " toasties on it, %" PRId64
		  " of them uncertain",
		  run->command->options.words[0], run->n_on, run->n_uncertain);
	out_hint("overlord grill disable lets it get no more; overlord toastie "
		 "list shows those on it, overlord toastie resolve decides an "
		 "uncertain one");
	return COMMAND_E_FAILED;
}

/* Begins the transaction, locks the rows and says how they are. */
static int look(struct run *run)
{
	const char *name = run->command->options.words[0];
	int grill, on = -1, r;

	pg_put_text(pg_arg(&run->name), name, strlen(name));
	(void)pg_add(run->pg, &pg_begin, NULL);
	grill = pg_add(run->pg, &grill_lock, &run->name);
	if (run->wish == REMOVED)
		(void)pg_add(run->pg, &plates_lock, &run->name);
	if (run->wish != ENABLED)
		on = pg_add(run->pg, &toasties_on, &run->name);
	r = command_run(run->command, run->pg, name);
	if (r)
		return r;
	if (!pg_n_rows(run->pg, grill)) {
		out_error("there is no grill '%s'", name);
		out_hint("overlord grill list shows those that there are");
		return COMMAND_E_FAILED;
	}
	read_rows(run, grill, on);
	if (run->wish == REMOVED && run->n_on)
		return refuse_removal(run);
	if (run->wish == DISABLED && run->n_on)
		out_say("%" PRId64 " toasties are on it and are ended first",
			run->n_on);
	return 0;
}

static int change(void *arg, size_t step, enum plan_result *ret)
{
	struct run *run = arg;
	const char *name = run->command->options.words[0];
	struct pg_args use = { 0 };
	struct buf what = { 0 }, after = { 0 };
	struct audit audit = { 0 };
	int r;

	(void)step;
	pg_put_text(pg_arg(&use), name, strlen(name));
	pg_put_bool(pg_arg(&use), run->wish == ENABLED);
	if (run->wish != REMOVED) {
		(void)pg_add(run->pg, &grill_use, &use);
	} else {
		(void)pg_add(run->pg, &plates_delete, &run->name);
		(void)pg_add(run->pg, &grill_delete, &run->name);
	}
	plan_json_pair(&what, "grill", name);
	plan_json_text(&after, wishes[run->wish]);
	audit.what = what.p;
	audit.before = run->before.p;
	audit.after = after.p;
	plan_audit(run->pg, run->command, &audit);
	(void)pg_add(run->pg, &pg_commit, NULL);
	r = command_run(run->command, run->pg, name);
	audit_deinit(&audit);
	pg_args_deinit(&use);
	buf_deinit(&what);
	buf_deinit(&after);
	*ret = plan_result_of(run->pg, r);
	return r;
}

static int grill_becomes(struct command *command, enum wish wish)
{
	struct run run = { .command = command, .wish = wish };
	struct plan plan = { 0 };
	int r = command_connect(&run.pg, command);

	if (!r)
		r = look(&run);
	if (!r) {
		enum wish is = run.enabled ? ENABLED : DISABLED;

		plan_add(&plan, command->options.words[0], wishes[is],
			 is == wish ? NULL : wishes[wish]);
		r = plan_run(&plan, command, change, &run);
	}
	plan_deinit(&plan);
	pg_args_deinit(&run.name);
	buf_deinit(&run.before);
	run.pg = pg_free(run.pg);
	return r;
}

int cmd_grill_enable(struct command *command)
{
	return grill_becomes(command, ENABLED);
}

int cmd_grill_disable(struct command *command)
{
	return grill_becomes(command, DISABLED);
}

int cmd_grill_remove(struct command *command)
{
	return grill_becomes(command, REMOVED);
}
