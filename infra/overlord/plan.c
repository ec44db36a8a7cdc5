/* SPDX-License-Identifier: MIT */
/* Plan: steps, shown or done; see plan.h. Main thread. */
#include "infra/overlord/plan.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "infra/overlord/out.h"

static const struct pg_statement audit_row = {
	.name = "audit_row",
	.sql = "INSERT INTO control.audit (who, verb, what, before, after) "
	       "VALUES ($1, $2, $3, $4, $5)",
	.n_args = 5,
};

void plan_truncate(struct plan *plan, size_t n_steps)
{
	while (plan->n_steps > n_steps) {
		const struct plan_step *step = &plan->steps[--plan->n_steps];

		free(step->what);
		free(step->now);
		free(step->then);
	}
}

void plan_deinit(struct plan *plan)
{
	plan_truncate(plan, 0);
	free(plan->steps);
	*plan = (struct plan){ 0 };
}

void plan_add(struct plan *plan, const char *what, const char *now,
	      const char *then)
{
	plan->steps = xreallocarray(plan->steps, plan->n_steps + 1,
				    sizeof(*plan->steps));
	plan->steps[plan->n_steps++] = (struct plan_step){
		.what = xstrdup(what),
		.now = xstrdup(now),
		.then = xstrdup(then ? then : now),
		.needed = then != NULL,
		.result = then ? PLAN_NOT_ATTEMPTED : PLAN_UNCHANGED,
	};
}

void plan_then(struct plan *plan, size_t i, const char *more, const char *of)
{
	struct plan_step *step = &plan->steps[i];
	struct buf then = { 0 };

	buf_printf(&then, "%s%s%s", step->then, more, of);
	buf_add(&then, "", 1);
	free(step->then);
	step->then = then.p;
}

const char *plan_result_name(enum plan_result result)
{
	static const char *const names[] = {
		[PLAN_NOT_ATTEMPTED] = "NOT_ATTEMPTED",
		[PLAN_UNCHANGED] = "UNCHANGED",
		[PLAN_CONFIRMED] = "CONFIRMED",
		[PLAN_TRIED] = "TRIED",
		[PLAN_FAILED] = "FAILED",
		[PLAN_UNKNOWN] = "UNKNOWN",
	};

	return names[result];
}

enum plan_result plan_result_of(const struct pg *pg, int r)
{
	if (!r)
		return PLAN_CONFIRMED;
	return pg_lost(pg) ? PLAN_UNKNOWN : PLAN_FAILED;
}

static int print(const struct plan *plan, bool json)
{
	CLEANUP(out_freep) struct out *out = out_new("plan", json);

	out_column(out, "what", OUT_TEXT);
	out_column(out, "now", OUT_TEXT);
	out_column(out, "then", OUT_TEXT);
	out_column(out, "result", OUT_TEXT);
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		out_row(out);
		out_cell(out, "%s", step->what);
		out_cell(out, "%s", step->now);
		out_cell(out, "%s", step->then);
		out_cell(out, "%s", plan_result_name(step->result));
	}
	return out_print(out);
}

static size_t n_needed(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_steps; i++)
		n += plan->steps[i].needed;
	return n;
}

static void hold_signals(const struct plan *plan, sigset_t *ret_before)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	if (!plan->killable) {
		(void)sigaddset(&signals, SIGINT);
		(void)sigaddset(&signals, SIGTERM);
		(void)sigaddset(&signals, SIGHUP);
	}
	(void)sigprocmask(SIG_BLOCK, &signals, ret_before);
}

static bool interrupted(void)
{
	sigset_t pending;

	(void)sigpending(&pending);
	return sigismember(&pending, SIGINT) > 0 ||
	       sigismember(&pending, SIGTERM) > 0 ||
	       sigismember(&pending, SIGHUP) > 0;
}

static int do_steps(struct plan *plan, plan_step_fn fn, void *arg)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		struct plan_step *step = &plan->steps[i];
		int r;

		if (!step->needed)
			continue;
		if (!plan->killable && interrupted()) {
			out_error("interrupted before '%s'", step->what);
			return COMMAND_E_FAILED;
		}
		step->result = PLAN_FAILED;
		r = fn(arg, i, &step->result);
		if (r)
			return r;
		if (step->result == PLAN_FAILED || step->result == PLAN_UNKNOWN)
			return COMMAND_E_FAILED;
	}
	return 0;
}

int plan_run(struct plan *plan, const struct command *command, plan_step_fn fn,
	     void *arg)
{
	sigset_t before;
	size_t n = n_needed(plan);
	int r = 0, printed;

	hold_signals(plan, &before);
	if (command->options.execute)
		r = do_steps(plan, fn, arg);
	printed = print(plan, command->options.json);
	if (!n)
		out_say("nothing to do");
	else if (!command->options.execute)
		out_say("nothing was changed; --execute does it");
	else if (printed)
		out_say("what was done stays done");
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r ? r : printed;
}

int plan_rehearse(struct plan *plan, const struct command *command,
		  plan_step_fn fn, void *arg)
{
	int r = do_steps(plan, fn, arg), printed;
	bool unknown = false;

	for (size_t i = 0; i < plan->n_steps; i++) {
		enum plan_result *result = &plan->steps[i].result;

		unknown = unknown || *result == PLAN_UNKNOWN;
		if (*result == PLAN_CONFIRMED)
			*result = PLAN_TRIED;
	}
	printed = print(plan, command->options.json);
	if (!n_needed(plan))
		out_say("nothing to do");
	else if (unknown)
		out_say("it was tried as far as it can be known and rolled "
			"back, nothing was changed; --execute does it");
	else if (r)
		out_say("it was tried and failed, nothing was changed");
	else
		out_say("it was tried and rolled back, nothing was changed; "
			"--execute does it");
	return r && !unknown ? r : printed;
}

void plan_json_pair(struct buf *ret, const char *key, const char *value)
{
	buf_text(ret, "{");
	buf_json_text(ret, key, strlen(key));
	buf_text(ret, ": ");
	buf_json_text(ret, value, strlen(value));
	buf_add(ret, "}", 2);
}

void plan_json_text(struct buf *ret, const char *text)
{
	buf_json_text(ret, text, strlen(text));
	buf_add(ret, "", 1);
}

static void put_json(struct pg_args *args, const char *json)
{
	if (json)
		pg_put_jsonb(pg_arg(args), json, strlen(json));
	else
		pg_put_null(pg_arg(args));
}

void plan_audit(struct pg *pg, const struct command *command,
		struct audit *audit)
{
	pg_args_reset(&audit->args);
	pg_put_text(pg_arg(&audit->args), command->who, strlen(command->who));
	pg_put_text(pg_arg(&audit->args), command->words,
		    strlen(command->words));
	put_json(&audit->args, audit->what);
	put_json(&audit->args, audit->before);
	put_json(&audit->args, audit->after);
	(void)pg_add(pg, &audit_row, &audit->args);
}

void audit_deinit(struct audit *audit)
{
	pg_args_deinit(&audit->args);
}
