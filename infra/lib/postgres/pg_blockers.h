/* SPDX-License-Identifier: MIT */
/*
 * Pg blockers: who is in the way of a session that waits for a lock. One that
 * waits for its client is hung (a client that stands still in a COPY keeps its
 * keys locked, and no server time-out ends it) and is ended; one that works
 * is waited for. Who waits asks from a second session, in pg_on_waiting().
 */
#ifndef LIB_PG_BLOCKERS_H
#define LIB_PG_BLOCKERS_H

#include "infra/lib/postgres/pg.h"
#include "infra/lib/text/text.h"

/* Who waits asks so often. */
#define PG_BLOCKERS_EVERY_MS 200

struct pg_blocker {
	struct text name; /* application_name, borrowed for the call */
	int64_t backend_pid;
	bool ended; /* it was hung; else it works or waits itself */
};

typedef void (*pg_blocker_fn)(void *arg, const struct pg_blocker *blocker);

/*
 * Ends those sessions that are hung and hold what @backend_pid waits for, also
 * by way of others that wait; calls @fn for each that is in the way. @watch is
 * the second session, NULL or lost when there is none: then nothing happens.
 */
void pg_end_hung_blockers(struct pg *watch, int backend_pid, pg_blocker_fn fn,
			  void *arg);

#endif
