/* SPDX-License-Identifier: MIT */
/* Plan: steps, shown or done; see plan.h. Main thread. */
#include "infra/overlord/plan/plan.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan/plan_file.h"

void plan_deinit(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		free(plan->steps[i].what);
		free(plan->steps[i].now);
		free(plan->steps[i].then);
		free(plan->steps[i].fixed_now);
		free(plan->steps[i].fixed_then);
	}
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

static void compare_by(struct plan_step *step, const char *now,
		       const char *then)
{
	step->fixed_now = xstrdup(now);
	step->fixed_then = xstrdup(then);
}

void plan_compare_by(struct plan *plan, const char *now, const char *then)
{
	compare_by(&plan->steps[plan->n_steps - 1], now, then);
}

void plan_then(struct plan *plan, size_t i, const char *more, const char *of)
{
	struct plan_step *step = &plan->steps[i];
	struct buf then = { 0 };

	if (!step->fixed_now)
		compare_by(step, step->now, step->then);
	buf_printf(&then, "%s%s%s", step->then, more, of);
	buf_add(&then, "", 1);
	free(step->then);
	step->then = then.p;
}

static int print(const struct plan *plan, bool json)
{
	static const struct out_column columns[] = { { "what", OUT_TEXT },
						     { "now", OUT_TEXT },
						     { "then", OUT_TEXT },
						     { "result", OUT_TEXT },
						     { NULL, 0 } };
	static const char *const results[] = {
		[PLAN_NOT_ATTEMPTED] = "NOT_ATTEMPTED",
		[PLAN_UNCHANGED] = "UNCHANGED",
		[PLAN_CONFIRMED] = "CONFIRMED",
		[PLAN_TRIED] = "TRIED",
		[PLAN_FAILED] = "FAILED",
		[PLAN_UNKNOWN] = "UNKNOWN",
	};
	CLEANUP(out_freep) struct out *out = out_new("plan", json, columns);

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct plan_step *step = &plan->steps[i];

		out_row(out);
		out_cell(out, "%s", step->what);
		out_cell(out, "%s", step->now);
		out_cell(out, "%s", step->then);
		out_cell(out, "%s", results[step->result]);
	}
	return plan->below ? out_print_two(out, plan->below) : out_print(out);
}

static void block_signals(const struct plan *plan, sigset_t *ret_before)
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
		if (!plan->killable && interrupted())
			return verb_failed(NULL, "interrupted before '%s'",
					   step->what);
		step->result = PLAN_FAILED;
		r = fn(arg, i, &step->result);
		if (r)
			return r;
		if (step->result == PLAN_FAILED || step->result == PLAN_UNKNOWN)
			return VERB_E_FAILED;
	}
	return 0;
}

static bool any_is(const struct plan *plan, enum plan_result result)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].result == result)
			return true;
	return false;
}

/* What is said below the table of a rehearsal that came to @r. */
static const char *rehearsed(const struct plan *plan, int r)
{
	if (any_is(plan, PLAN_UNKNOWN))
		return "it was tried as far as it can be known and rolled "
		       "back, nothing was changed; --execute does it";
	return r ? "it was tried and failed, nothing was changed"
		 : "it was tried and rolled back, nothing was changed; "
		   "--execute does it";
}

int plan_run(struct plan *plan, const struct verb *verb, plan_step_fn fn,
	     void *arg)
{
	bool execute = verb->options.execute, needed = false;
	sigset_t before;
	int r = plan_file_compare(verb->file, plan), printed;

	if (r)
		return r;
	for (size_t i = 0; i < plan->n_steps; i++)
		needed = needed || plan->steps[i].needed;
	block_signals(plan, &before);
	if (execute || plan->rehearsal)
		r = do_steps(plan, fn, arg);
	printed = print(plan, verb->options.json);
	if (!needed)
		out_say("nothing to do");
	else if (plan->rehearsal)
		out_say("%s", rehearsed(plan, r));
	else if (!execute)
		out_say("nothing was changed; --execute does it");
	else if (printed)
		out_say("what was done stays done");
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (plan->rehearsal && any_is(plan, PLAN_UNKNOWN))
		r = 0;
	if (!r)
		r = printed;
	return r ? r : plan_file_save(verb, plan);
}

/* ---- a change of rows ---- */

void plan_audit(struct verb *verb, const struct pg_statement *statement,
		const char *what, const char *before, const char *after)
{
	struct value token = { 0 };
	struct buf whole = { 0 };

	if (statement == &sql_audit_row)
		token = plan_token(verb);
	plan_file_audit(verb->file, what, &whole);
	(void)verb_add(verb, statement,
		       VALUES(value_text(verb->who), value_text(verb->name),
			      value_text(whole.p), value_text(before),
			      value_text(after), token));
	buf_deinit(&whole);
}

struct change_run {
	struct verb *verb;
	const struct change *change;
	/* JSON; copies, since results go with the next message. */
	struct buf what, before, after;
};

/* One message with its COMMIT. */
static int do_change(void *arg, size_t i, enum plan_result *ret)
{
	struct change_run *run = arg;
	struct verb *verb = run->verb;

	(void)i;
	(void)verb_add(verb, run->change->statement, run->change->values);
	plan_audit(verb, &sql_audit_row, run->what.p, run->before.p,
		   run->after.p);
	return plan_commit(verb, run->change->what, ret);
}

int change_run(struct verb *verb, const struct change *change)
{
	struct change_run run = { .verb = verb, .change = change };
	struct plan plan = { 0 };
	int r;

	buf_text(&run.what, "{");
	buf_json_pair(&run.what, change->key,
		      text_of(change->id ? change->id : change->what));
	buf_add(&run.what, "}", 2);
	buf_text(&run.before, change->before ? change->before : "");
	buf_add(&run.before, "", 1);
	if (change->after)
		buf_text(&run.after, change->after);
	else if (change->then)
		buf_json_text(&run.after, change->then, strlen(change->then));
	buf_add(&run.after, "", 1);
	plan_add(&plan, change->what, change->now, change->then);
	if (change->fixed_now)
		plan_compare_by(&plan, change->fixed_now, change->fixed_then);
	r = plan_run(&plan, verb, do_change, &run);
	plan_deinit(&plan);
	buf_deinit(&run.what);
	buf_deinit(&run.before);
	buf_deinit(&run.after);
	return r;
}
