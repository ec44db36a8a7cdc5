/* SPDX-License-Identifier: MIT */
/*
 * Toastie: which there are, and a person decides what nobody is certain of.
 *
 * The row is changed only while it is still uncertain, and its seq rises, so
 * that whoever holds it publishes the change; the open intent is closed, and
 * the audit row commits with both. `returned` makes chillybin give the
 * ingredients back, once. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/overlord/command.h"
#include "infra/overlord/order_of.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"
#include "infra/overlord/toastie_sql.h"
#include "schemas/messages/toastie.h"

#define LIMIT 100

/* -> order_id, order_id, number, stall, customer, state, cancelled, grill,
 * plate, changed_at, reason; in the order of the queue */
#define LIST(toasties)                                                         \
	"SELECT order_id, order_id, number, stall, customer, shown, "          \
	"cancelled, grill, plate, changed_at, reason FROM " toasties " t "     \
	"WHERE ($1::text IS NULL OR $1 IN (shown, 'all')) "                    \
	"AND ($2::text IS NULL OR stall = $2) "                                \
	"ORDER BY queue_number NULLS FIRST, changed_at, order_id LIMIT $3"

static const struct pg_statement toasties_open = {
	.name = "toasties_open",
	.sql = LIST(TOASTIES_OPEN),
	.n_args = 3,
};

static const struct pg_statement toasties_all = {
	.name = "toasties_all",
	.sql = LIST(TOASTIES_ALL),
	.n_args = 3,
};

/* Of each state that may be asked for: which statement has it. NULL: there is
 * no such state. */
static const struct pg_statement *statement_of(const char *name)
{
	static const char *const open[] = { "queued", "grilling", "parked",
					    "uncertain" };
	/* Rows have some that no fact has. */
	static const char *const rest[] = { "all", "collecting", "cancelled" };
	enum toastie_state state;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (!name || !strcmp(name, open[i]))
			return &toasties_open;
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		if (!strcmp(name, rest[i]))
			return &toasties_all;
	return toastie_state_parse(&state, text_of(name)) ? NULL
							  : &toasties_all;
}

static struct out *toastie_table(bool json)
{
	struct out *out = out_new("toasties", json);

	out_column(out, "order_id", OUT_ORDER_ID);
	out_column(out, "call", OUT_CALL_CODE);
	out_column(out, "number", OUT_NUMBER);
	out_column(out, "stall", OUT_TEXT);
	out_column(out, "customer", OUT_TEXT);
	out_column(out, "state", OUT_TEXT);
	out_column(out, "cancelled", OUT_BOOL);
	out_column(out, "grill", OUT_TEXT);
	out_column(out, "plate", OUT_NUMBER);
	out_column(out, "since", OUT_TIME);
	out_column(out, "reason", OUT_TEXT);
	return out;
}

int cmd_toastie_list(struct command *command)
{
	const struct options *options = &command->options;
	int64_t limit = options->limit < 0 ? LIMIT : options->limit;
	CLEANUP(out_freep) struct out *out = toastie_table(options->json);
	CLEANUP(pg_freep) struct pg *pg = NULL;
	const struct pg_statement *statement = statement_of(options->state);
	struct pg_args args = { 0 };
	int i, r;

	if (!statement)
		return command_usage(command, "there is no state '%.100s'",
				     options->state);
	r = command_connect(&pg, command);
	if (r)
		return r;
	pg_put_text(pg_arg(&args), options->state,
		    options->state ? strlen(options->state) : 0);
	pg_put_text(pg_arg(&args), options->stall,
		    options->stall ? strlen(options->stall) : 0);
	pg_put_i64(pg_arg(&args), limit);
	i = pg_add(pg, statement, &args);
	r = command_run(command, pg, "toasties");
	pg_args_deinit(&args);
	if (r)
		return r;
	out_rows(out, pg, i);
	if (!pg_n_rows(pg, i))
		out_say("there are no such toasties");
	else if (pg_n_rows(pg, i) == limit)
		out_say("these are the first %" PRId64 ", --limit shows more",
			limit);
	return out_print(out);
}

/* ---- resolve ---- */

/* -> state, seq */
static const struct pg_statement toastie_lock = {
	.name = "toastie_lock",
	.sql = "SELECT state, seq FROM toasties WHERE order_id = $1 FOR UPDATE",
	.n_args = 1,
};

static const struct pg_statement toastie_resolve = {
	.name = "toastie_resolve",
	.sql = "UPDATE toasties SET state = $2, seq = seq + 1, "
	       "reason = 'resolved by ' || $3::text, changed_at = now() "
	       "WHERE order_id = $1 AND state = 'uncertain'",
	.n_args = 3,
};

static const struct pg_statement intent_close = {
	.name = "intent_close",
	.sql = "UPDATE intents SET closed_at = now(), outcome = $2 "
	       "WHERE order_id = $1 AND closed_at IS NULL",
	.n_args = 2,
};

struct run {
	const struct command *command;
	struct pg *pg;
	struct order_id order;
	const char *state;
	int64_t seq;
};

static int look(struct run *run, char now[32])
{
	struct pg_args args = { 0 };
	size_t n;
	const char *p;
	int i, r;

	pg_put_uuid(pg_arg(&args), run->order.bytes);
	(void)pg_add(run->pg, &pg_begin, NULL);
	i = pg_add(run->pg, &toastie_lock, &args);
	r = command_run(run->command, run->pg, "toastie");
	pg_args_deinit(&args);
	if (r)
		return r;
	if (!pg_n_rows(run->pg, i)) {
		out_error("order '%s' has no toastie",
			  run->command->options.words[0]);
		return COMMAND_E_FAILED;
	}
	p = pg_bytes(run->pg, i, 0, 0, &n);
	(void)str_n_copy(now, 32, p, n);
	run->seq = pg_i64(run->pg, i, 0, 1);
	if (strcmp(now, "uncertain") != 0) {
		out_error("the toastie of order '%s' is '%s', not 'uncertain'",
			  run->command->options.words[0], now);
		return COMMAND_E_FAILED;
	}
	return 0;
}

static int resolve(void *arg, size_t step, enum plan_result *ret)
{
	struct run *run = arg;
	struct pg_args toastie = { 0 }, intent = { 0 };
	char id[ORDER_ID_CHARS + 1], what[80], before[80], after[80];
	struct audit audit = { .what = what, .before = before, .after = after };
	int r;

	(void)step;
	pg_put_uuid(pg_arg(&toastie), run->order.bytes);
	pg_put_text(pg_arg(&toastie), run->state, strlen(run->state));
	pg_put_text(pg_arg(&toastie), run->command->who,
		    strlen(run->command->who));
	(void)pg_add(run->pg, &toastie_resolve, &toastie);
	pg_put_uuid(pg_arg(&intent), run->order.bytes);
	pg_put_text(pg_arg(&intent), run->state, strlen(run->state));
	(void)pg_add(run->pg, &intent_close, &intent);
	(void)snprintf(what, sizeof(what), "{\"order_id\": \"%s\"}",
		       order_id_format(&run->order, id));
	(void)snprintf(before, sizeof(before),
		       "{\"state\": \"uncertain\", \"seq\": %" PRId64 "}",
		       run->seq);
	(void)snprintf(after, sizeof(after),
		       "{\"state\": \"%s\", \"seq\": %" PRId64 "}", run->state,
		       run->seq + 1);
	plan_audit(run->pg, run->command, &audit);
	(void)pg_add(run->pg, &pg_commit, NULL);
	r = command_run(run->command, run->pg, "toastie");
	audit_deinit(&audit);
	pg_args_deinit(&toastie);
	pg_args_deinit(&intent);
	*ret = plan_result_of(run->pg, r);
	return r;
}

int cmd_toastie_resolve(struct command *command)
{
	static const char *const states[] = { "done", "failed", "returned" };
	struct run run = { .command = command };
	struct plan plan = { 0 };
	char now[32];
	int r;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (!strcmp(states[i], command->options.words[1]))
			run.state = states[i];
	if (!run.state)
		return command_usage(command,
				     "'%s' is none of done, failed, returned",
				     command->options.words[1]);
	r = command_connect(&run.pg, command);
	if (!r)
		r = order_of(command, run.pg, command->options.words[0],
			     &run.order);
	if (!r)
		r = look(&run, now);
	if (!r) {
		plan_add(&plan, command->options.words[0], now, run.state);
		r = plan_run(&plan, command, resolve, &run);
	}
	plan_deinit(&plan);
	run.pg = pg_free(run.pg);
	return r;
}
