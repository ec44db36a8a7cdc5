/* SPDX-License-Identifier: MIT */
/*
 * Heartbeat: the row of control.heartbeats by which others see that a worker
 * lives, whether it is ready, and what it cannot read. Database thread.
 */
#ifndef RUNTIME_HEARTBEAT_H
#define RUNTIME_HEARTBEAT_H

#include "infra/lib/pg.h"
#include "workers/runtime/hold.h"
#include "workers/runtime/positions.h"

enum { HEARTBEAT_REASON_BYTES = 2 * HOLD_REASON_BYTES };

struct heartbeat {
	const struct identity *identity;
	const char *version;
	const char *schema;
	int64_t started_at_ms;               /* wall clock */
	char reason[HEARTBEAT_REASON_BYTES]; /* why not ready; "": ready */
	struct buf troubles;                 /* of trouble_json() */
};

/* Writes the row; rows of workers that fell silent an hour ago go. Gives what
 * pg_run() gave. A row that is lost in a crash is written again: the commit is
 * not waited for. */
int heartbeat_write(struct pg *pg, const struct heartbeat *heartbeat);
/* The worker leaves. */
int heartbeat_remove(struct pg *pg, const struct identity *identity);

#endif
