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

#include "infra/lib/cleanup.h"
#include "infra/lib/pg.h"

enum { SESSION_TIMEOUT_MS = 10000, SESSION_ERROR_BYTES = 256 };

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

enum session_outcome {
	SESSION_E_AWAY = 1,   /* no connection; @error says why */
	SESSION_E_OLD_SCHEMA, /* the database wants migrating */
};

int session_open(struct session *session, const struct session_params *params,
		 char error[static SESSION_ERROR_BYTES]);
void session_close(struct session *session);

/* Opens the watching connection anew if it alone was lost; tries once. */
void session_mend_watch(struct session *session,
			const struct session_params *params);

/* Was a commit not replicated? Its outcome is unknown then; logs that, and
 * says so in @error. */
bool session_unreplicated(struct session *session,
			  char error[static SESSION_ERROR_BYTES]);

#endif
