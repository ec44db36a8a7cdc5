/* SPDX-License-Identifier: MIT */
/*
 * Session: a worker's two connections with Postgres, used by the database
 * thread alone.
 *
 * `work` carries every transaction; an epoch lives as long as this connection
 * does. `watch` listens for changes of lanes, and helps when `work` waits for
 * a lock: a session that has it and waits for its client is hung (one that
 * stands still in COPY keeps its keys locked, and no server time-out ends it)
 * and is ended; one that works is waited for.
 */
#ifndef RUNTIME_SESSION_H
#define RUNTIME_SESSION_H

#include "infra/lib/backoff.h"
#include "infra/lib/cleanup.h"
#include "infra/lib/postgres/pg.h"

enum { SESSION_TIMEOUT_MS = 10000 };

struct session {
	struct pg *work;
	struct pg *watch;
};

struct session_params {
	const char *url;
	const char *schema;
	const char *holder;      /* our name, at most 63 bytes */
	int64_t schema_version;  /* the least that the worker needs */
	int64_t control_version; /* of the schema `control` */
};

/* What the end of a transaction means to the worker. */
enum session_outcome {
	/* The outcome may be unknown: take over anew, and read what is true */
	SESSION_E_LOST = 1,
	SESSION_E_FENCED,  /* a row is not ours any more; nothing is done */
	SESSION_E_BACKOFF, /* the database said no; nothing is done */
};

/* 0, or SESSION_E_LOST when there is no connection, or the database wants
 * migrating; @error says which. */
int session_open(struct session *session, const struct session_params *params,
		 char error[static BACKOFF_REASON_BYTES]);
void session_close(struct session *session);

/* Opens the watching connection anew if it alone was lost; tries once. */
void session_mend_watch(struct session *session,
			const struct session_params *params);

/* 0, or the outcome of what has run on `work` and has ended with @r, of
 * pg_run(); then @error says why. A commit that was not replicated is logged;
 * its outcome is unknown. */
int session_outcome(struct session *session, int r,
		    char error[static BACKOFF_REASON_BYTES]);

#endif
