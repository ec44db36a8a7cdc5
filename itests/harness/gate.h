/* SPDX-License-Identifier: MIT */
/*
 * Gate: a trigger that holds every session that inserts into a table, in the
 * middle of its transaction, until the test lets it through. What is done to a
 * program meanwhile is done to it there for certain, however quick or slow the
 * machine is.
 *
 * A row waits for a number to change and not for a lock. So the test's own
 * session blocks nobody, and no worker ends it.
 */
#ifndef HARNESS_GATE_H
#define HARNESS_GATE_H

#include "itests/harness/world.h"

/* Puts a gate in the way of the world's @table; it is shut. A session does not
 * wait for its answer for ever (10 s): be quick. */
void gate_build(const struct world *world, const char *table);
void gate_shut(const struct world *world, const char *table);
/* Only the rows of that program wait. */
void gate_shut_for(const struct world *world, const char *table,
		   const struct program *program);
/* Of a gate that is shut: lets so many more rows through. */
void gate_let(const struct world *world, const char *table, int64_t n_rows);
void gate_open(const struct world *world, const char *table);

/* Rows of @table for which @when is true ("NEW.ingredient = 'sand'") are
 * refused with that SQLSTATE. */
void gate_refuse(const struct world *world, const char *table, const char *when,
		 const char *sqlstate);

/* Waits until a row stands there that is not let through. */
void gate_wait(const struct world *world, const char *table);
/* Waits until a session of the program's stands in any gate. */
void gate_wait_for(const struct world *world, const struct program *program);
/* Waits until no session of the program's, which may be dead, is at work. */
void gate_wait_passed(const struct world *world, pid_t pid);

#endif
