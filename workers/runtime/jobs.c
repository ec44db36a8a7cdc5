/* SPDX-License-Identifier: MIT */
/*
 * Jobs: what the database thread does for the loop. Each gives 0 or a
 * TRANSACTION_E_ outcome, and on trouble says why in args->error.
 */
#include <stdio.h>
#include <string.h>

#include "infra/lib/log.h"
#include "workers/runtime/state.h"

/* Always asked, so that no transaction answers for another's commit. */
static bool unreplicated(struct job_args *args, struct session *session)
{
	if (!pg_unreplicated(session->work))
		return false;
	log_warn("UNREPLICATED", "a commit was not replicated, will take over "
				 "anew and read what is true");
	(void)str_copy(args->error, sizeof(args->error),
		       "a commit was not replicated");
	return true;
}

static int positions_outcome(struct job_args *args, struct session *session,
			     int r)
{
	if (unreplicated(args, session))
		return TRANSACTION_E_LOST;
	switch (r) {
	case 0:
		return 0;
	case POSITIONS_E_UNLIKE:
		(void)str_copy(args->error, sizeof(args->error),
			       "lanes and positions name different rows");
		return TRANSACTION_E_HOLD;
	case POSITIONS_E_TOO_MANY:
		(void)snprintf(args->error, sizeof(args->error),
			       "the service has more than %d lanes",
			       (int)LANES_MAX);
		return TRANSACTION_E_HOLD;
	case POSITIONS_E_LOST:
	default:
		(void)str_copy(args->error, sizeof(args->error),
			       pg_message(session->work));
		return r == POSITIONS_E_LOST ? TRANSACTION_E_LOST
					     : TRANSACTION_E_HOLD;
	}
}

static int run_outcome(struct job_args *args, struct session *session, int r)
{
	if (unreplicated(args, session))
		return TRANSACTION_E_LOST;
	if (!r)
		return 0;
	(void)str_copy(args->error, sizeof(args->error),
		       pg_message(session->work));
	if (r == PG_E_LOST)
		return TRANSACTION_E_LOST;
	if (!strcmp(pg_sqlstate(session->work), POSITIONS_LOST))
		return TRANSACTION_E_FENCED;
	return TRANSACTION_E_HOLD;
}

int job_connect(void *arg, struct session *session)
{
	struct job_args *args = arg;
	int r = session_open(session, &args->session, args->error);

	switch (r) {
	case 0:
		return 0;
	case SESSION_E_OLD_SCHEMA:
	case SESSION_E_AWAY:
	default:
		return TRANSACTION_E_LOST;
	}
}

int job_take(void *arg, struct session *session)
{
	struct job_args *args = arg;

	return positions_outcome(args, session,
				 positions_take(session->work, args->identity,
						args->keys, args->n_keys,
						&args->positions));
}

int job_look(void *arg, struct session *session)
{
	struct job_args *args = arg;

	session_mend_watch(session, &args->session);
	return positions_outcome(args, session,
				 positions_look(session->work, args->identity,
						args->keys, args->n_keys,
						&args->positions));
}

int job_batch(void *arg, struct session *session)
{
	struct job_args *args = arg;
	int r = transaction_run(&args->transaction, session);

	if (r)
		(void)str_copy(args->error, sizeof(args->error),
			       args->transaction.error);
	return r;
}

int job_task(void *arg, struct session *session)
{
	struct job_args *args = arg;
	struct worker_assignments held = {
		.identity = args->identity,
		.lanes = args->lanes,
		.positions = args->held,
		.n_positions = args->n_held,
	};
	int r = args->ops->task->run(args->arg, session->work, &held);

	r = run_outcome(args, session, r);
	if (r && r != TRANSACTION_E_LOST) {
		(void)pg_add(session->work, &pg_rollback, NULL);
		if (pg_run(session->work, SESSION_TIMEOUT_MS))
			r = TRANSACTION_E_LOST;
	}
	return r;
}

int job_survey(void *arg, struct session *session)
{
	struct job_args *args = arg;

	return run_outcome(args, session,
			   args->ops->survey(args->arg, session->work));
}

int job_beat(void *arg, struct session *session)
{
	struct job_args *args = arg;

	return run_outcome(args, session,
			   heartbeat_write(session->work, &args->heartbeat));
}

int job_emit(void *arg, struct session *session)
{
	struct job_args *args = arg;

	return run_outcome(args, session,
			   positions_emit(session->work, args->identity,
					  args->held, args->n_held));
}

int job_release(void *arg, struct session *session)
{
	struct job_args *args = arg;

	if (args->leaving)
		(void)heartbeat_remove(session->work, args->identity);
	return run_outcome(args, session,
			   positions_release(session->work, args->identity,
					     args->held, args->n_held));
}
