/* SPDX-License-Identifier: MIT */
/*
 * Status rows: the checks that come from the database's tables: workers and
 * what they cannot read, the queue behind jafflr, grills, dead letters.
 */
#ifndef OVERLORD_STATUS_ROWS_H
#define OVERLORD_STATUS_ROWS_H

#include "infra/lib/pg.h"
#include "infra/overlord/checks.h"

/* A worker whose heartbeat is older is hung, cut off or gone. SQL. */
#define STATUS_LIVE "interval '10 s'"

/* A grill that answers is seen every 5 s: one that was seen longer ago is
 * asked by nobody. SQL. */
#define STATUS_SEEN "interval '15 s'"

/* Which of a message's statements they are. */
struct status_rows {
	int workers, troubles, toasties, grills, dead_letters;
};

/* Adds the statements to the message. @schema has the schema's name. */
void status_rows_add(struct status_rows *ret, struct pg *pg,
		     const struct pg_args *schema);
/* What the message brought. */
void status_rows_check(const struct status_rows *rows, const struct pg *pg,
		       struct checks *checks);

#endif
