/* SPDX-License-Identifier: MIT */
/* Session: opening both connections, and the rescue from a hung blocker. */
#include "workers/runtime/database/session.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/log.h"
#include "infra/lib/postgres/pg_blockers.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/worker.h"

#define RESCUE_TIMEOUT_MS 2000

static const struct pg_statement read_schema_version = {
	"read_schema_version",
	"SELECT max(version), bool_or(dirty) FROM schema_migrations",
	0,
};

static const struct pg_statement read_control_version = {
	"read_control_version",
	"SELECT max(version), bool_or(dirty) FROM control.schema_migrations",
	0,
};

static const char working[] =
	"SET default_transaction_isolation = 'read committed'";
static const char watching[] = "LISTEN lanes";

static void log_rescue(void *arg, const struct pg_blocker *blocker)
{
	const int64_t *waited_ms = arg;

	if (!blocker->ended)
		return;
	counter_add(&runtime_counters.rescues, 1);
	log_warn("RESCUE",
		 "waited %lld ms for '%.*s' (backend %lld), which waits for "
		 "its client, has been ended",
		 (long long)*waited_ms, (int)blocker->name.n, blocker->name.p,
		 (long long)blocker->backend_pid);
}

static void rescue(void *arg, int backend_pid, int64_t waited_ms)
{
	struct session *session = arg;

	pg_end_hung_blockers(session->watch, backend_pid, log_rescue,
			     &waited_ms);
}

/* Is @schema, whose version @read reads, at least at @least? */
static int check_version(struct session *session,
			 const struct pg_statement *read, const char *schema,
			 int64_t least, char *error)
{
	int64_t version = -1;
	int i = pg_add(session->work, read, NULL);
	int r = pg_run(session->work, SESSION_TIMEOUT_MS);

	if (r == PG_E_LOST) {
		(void)snprintf(error, BACKOFF_REASON_BYTES, "%s",
			       pg_message(session->work));
		return SESSION_E_LOST;
	}
	if (!r && !pg_null(session->work, i, 0, 0) &&
	    !pg_bool(session->work, i, 0, 1))
		version = pg_i64(session->work, i, 0, 0);
	if (version >= least)
		return 0;
	(void)snprintf(error, BACKOFF_REASON_BYTES,
		       "schema '%s' is at version %lld, at least %lld is "
		       "needed (overlord migrate up --execute)",
		       schema, (long long)version, (long long)least);
	return SESSION_E_LOST;
}

static int check_schemas(struct session *session,
			 const struct session_params *params, char *error)
{
	int r = check_version(session, &read_schema_version, params->schema,
			      params->schema_version, error);

	return r ? r
		 : check_version(session, &read_control_version, "control",
				 params->control_version, error);
}

static int connect_to(struct pg **ret, const struct session_params *params,
		      const char *options, int64_t timeout_ms, char *error)
{
	struct pg_params connection = {
		.url = params->url,
		.schema = params->schema,
		.application_name = params->holder,
		.timeout_ms = timeout_ms,
		.options = options,
	};

	return pg_connect(ret, &connection, error) ? SESSION_E_LOST : 0;
}

void session_mend_watch(struct session *session,
			const struct session_params *params)
{
	if (session->watch && !pg_lost(session->watch))
		return;
	session->watch = pg_free(session->watch);
	(void)connect_to(&session->watch, params, watching, RESCUE_TIMEOUT_MS,
			 NULL);
}

static int open_both(struct session *session,
		     const struct session_params *params, char *error)
{
	if (connect_to(&session->work, params, working, SESSION_TIMEOUT_MS,
		       error) ||
	    connect_to(&session->watch, params, watching, SESSION_TIMEOUT_MS,
		       error))
		return SESSION_E_LOST;
	pg_on_waiting(session->work, PG_BLOCKERS_EVERY_MS, rescue, session);
	return check_schemas(session, params, error);
}

int session_open(struct session *session, const struct session_params *params,
		 char error[static BACKOFF_REASON_BYTES])
{
	int r;

	session_close(session);
	r = open_both(session, params, error);
	if (r)
		session_close(session);
	return r;
}

void session_close(struct session *session)
{
	session->work = pg_free(session->work);
	session->watch = pg_free(session->watch);
}

int session_outcome(struct session *session, int r,
		    char error[static BACKOFF_REASON_BYTES])
{
	struct pg *pg = session->work;

	/* Always asked, so that no transaction answers for another's. */
	if (pg_unreplicated(pg)) {
		log_warn("UNREPLICATED", "a commit was not replicated, will "
					 "take over anew and read what is "
					 "true");
		(void)str_copy(error, BACKOFF_REASON_BYTES,
			       "a commit was not replicated");
		return SESSION_E_LOST;
	}
	if (!r)
		return 0;
	(void)str_copy(error, BACKOFF_REASON_BYTES, pg_message(pg));
	if (r == PG_E_LOST)
		return SESSION_E_LOST;
	return strcmp(pg_sqlstate(pg), POSITIONS_LOST) ? SESSION_E_BACKOFF
						       : SESSION_E_FENCED;
}
