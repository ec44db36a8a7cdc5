/* SPDX-License-Identifier: MIT */
/*
 * Plan: what a verb will do, shown before it is done.
 *
 * A verb adds a step for each thing: what it is, how it is now, how it will
 * be. plan_run() does nothing without --execute but show them. With it each
 * step is done in order; what is not known to have worked is never tried
 * again, and ends the run. Every step that is done leaves an audit row.
 *
 * SIGINT, SIGTERM and SIGHUP wait for the step that they come in: the others
 * are not attempted, what was done is shown, and then the signal has its way.
 */
#ifndef OVERLORD_PLAN_H
#define OVERLORD_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "infra/lib/text/str.h"
#include "infra/overlord/verb.h"

enum plan_result {
	PLAN_NOT_ATTEMPTED,
	PLAN_UNCHANGED, /* it is so already */
	PLAN_CONFIRMED,
	PLAN_TRIED,   /* it works, and was rolled back */
	PLAN_FAILED,  /* and nothing of it stayed */
	PLAN_UNKNOWN, /* nobody knows */
};

struct plan_step {
	char *what, *now, *then;
	/* What a saved plan is compared by in place of them, or NULL. */
	char *fixed_now, *fixed_then;
	bool needed;
	enum plan_result result;
};

struct plan {
	struct plan_step *steps;
	size_t n_steps;
	/* A step may be killed at any moment, and leaves nothing then. */
	bool killable;
	/* The steps are done, --execute or not, in a transaction that the
	 * caller rolls back. What one says is unknown ends it, and is no
	 * failure. */
	bool rehearsal;
	/* Printed below the steps; or NULL. Borrowed. */
	struct out *below;
};

/* { 0 } is an empty plan. */
void plan_deinit(struct plan *plan);

/* Copies the texts. @then NULL: it is as it should be, nothing to do. */
void plan_add(struct plan *plan, const char *what, const char *now,
	      const char *then);

/*
 * What of the last step's texts must be the same when a saved plan is applied,
 * where the whole of them moves by itself while everything is as planned:
 * "blue, next 1234, 17 wait" is compared by "blue". Copies the texts.
 */
void plan_compare_by(struct plan *plan, const char *now, const char *then);

/* Adds @more and @of to what will be, once a step has shown it. */
void plan_then(struct plan *plan, size_t i, const char *more, const char *of);

/*
 * Does step @i: 0 and what became of it. Why it failed has been said. A fault
 * or an outcome ends the run and is passed on.
 */
typedef int (*plan_step_fn)(void *arg, size_t i, enum plan_result *ret);

/*
 * Shows the plan or does it, and shows what came of it; with --plan it is
 * saved, too. VERB_E_FAILED when a step failed or is unknown, and when the verb
 * applies a saved plan that is not this one: then nothing is done.
 */
int plan_run(struct plan *plan, const struct verb *verb, plan_step_fn fn,
	     void *arg);

/*
 * A change of rows in Postgres. A verb begins a transaction, locks the rows
 * and reads how they are. change_run() shows the plan; with --execute it then
 * adds what writes them, the audit row and the commit to one message. Without
 * it the session ends, and the transaction with it.
 */
struct change {
	const char *what, *now;
	const char *then; /* NULL: it is as it should be */
	/* What plan_compare_by() takes; NULL: all of them is compared. */
	const char *fixed_now, *fixed_then;
	/* In the audit row: what @id is, "grill"; @id NULL: it is @what. */
	const char *key, *id;
	const char *before; /* there, too: JSON, or NULL */
	const char *after;  /* the same; NULL: @then as text; "": none */
	/* What writes it. */
	const struct pg_statement *statement;
	const struct value *values;
};

int change_run(struct verb *verb, const struct change *change);

/*
 * Adds the audit row to the message that makes the change. @what is a JSON
 * object, which is added to when a saved plan is applied, and the rest is what
 * @statement says, which is sql_audit_row, _old or _texts; a row of the first
 * has a token, by which plan_commit() finds it.
 */
void plan_audit(struct verb *verb, const struct pg_statement *statement,
		const char *what, const char *before, const char *after);

/* For a statement that writes the audit row of its own: a new token, which
 * plan_commit() looks for. */
struct value plan_token(struct verb *verb);

/*
 * Adds the commit to the message, sends it, and says after @what why it failed;
 * VERB_E_FAILED. When the session is lost, nobody guesses: in a new session,
 * for a few seconds, the old one is ended, so that its commit cannot come
 * later, and then the token is looked for. @ret is
 *
 *	PLAN_CONFIRMED	 also when the row was found: the verb goes on in the
 *			 new session then, and the message's results are lost
 *	PLAN_FAILED	 it is not there: nothing of the transaction stayed
 *	PLAN_UNKNOWN	 Postgres did not answer in time, or there is no token
 */
int plan_commit(struct verb *verb, const char *what, enum plan_result *ret);

#endif
