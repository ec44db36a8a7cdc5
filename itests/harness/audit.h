/* SPDX-License-Identifier: MIT */
/*
 * Audit: who decided each record, under which epoch, and whose it was at that
 * moment. Triggers write down every change of `positions`, and every intent of
 * a grill, in the transaction that makes it; what a worker says of itself is
 * not asked. The first thread of the test's process.
 *
 * Afterwards must be true:
 *
 *	- a position moves only by the session that holds it, under the epoch
 *	  that it took over with, while its lane lives and has its colour
 *	- each order is decided by exactly one such move, which is that of the
 *	  lane that its record belonged to at that moment, and in one
 *	  transaction with it
 *	- records of one key are decided in their order, whichever lanes they
 *	  went through
 *	- a toastie is started only by the holder of its lane's position
 *
 * It works out by itself which lane a record belonged to, from the history of
 * lanes.
 */
#ifndef HARNESS_AUDIT_H
#define HARNESS_AUDIT_H

#include "itests/harness/world.h"

/* From now on. */
void audit_begin(const struct world *world);

/* One change of lanes of chillybin or jafflr, for the figures. */
struct audit_change {
	const char *service;
	const char *verb; /* for people */
	bool healthy;     /* nothing else was wrong: its gap counts */
	char *began;      /* audit_now() */
	char *refused;    /* why; NULL: it was made */
};
/* The database's clock, to be freed. */
char *audit_now(const struct world *world);
/* Does it by a statement, in a transaction of its own, unless the database
 * refuses it (SQLSTATE TG004). What is in its way for 200 ms and waits for its
 * client is ended. */
void audit_execute(const struct world *world, struct audit_change *change,
		   const char *statement);
/* It has happened, or was refused. Frees what it has. */
void audit_note(const struct world *world, struct audit_change *change);

/* Behind check_world(): any breach fails the test. */
void audit_check(const struct world *world);
/* Behind audit_check(), figures for people: how long no order was committed
 * around the healthy changes of chillybin, and how long an order had to wait
 * there. The table check_gaps has each of them. Half a second after such a
 * change belongs to it. */
void audit_note_gaps(const struct world *world);

#endif
