/* SPDX-License-Identifier: MIT */
/*
 * Migrator: applies migrations to one schema, each in one transaction.
 *
 * The schema's table schema_migrations is golang-migrate's, kept exactly as
 * its own tool keeps it: one row, the version and a dirty mark. Beside it
 * stands migrations_applied: what was applied, with the checksum of the file,
 * when and by whom. A file's statements, both rows and the audit row commit
 * together, so that a version is there whole or not at all.
 *
 * One migrator at a time: an advisory lock a schema keeps a second overlord
 * out, and a lock on schema_migrations (readers pass) in each transaction a
 * tool that knows nothing of the advisory one. What another has changed
 * meanwhile is seen under the lock, and stops this one.
 *
 * A file finds the session as if it were new, and cannot end the transaction:
 * Postgres refuses a file that tries, and nothing of it stays.
 */
#ifndef OVERLORD_MIGRATOR_H
#define OVERLORD_MIGRATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/pg.h"
#include "infra/overlord/command.h"
#include "infra/overlord/migration.h"

struct applied {
	int64_t version;
	char name[MIGRATION_NAME_MAX];
	char checksum[CHECKSUM_CHARS + 1];
	int64_t at_ms;
	char by[64];
};

/* How a schema is. { 0 } is one that nobody has migrated. */
struct migrated {
	bool there; /* schema_migrations is */
	bool dirty;
	int64_t version; /* 0: none */
	struct applied *applied;
	size_t n_applied;
};

void migrated_deinit(struct migrated *migrated);
/* NULL: not applied, or not by overlord. Only versions up to the schema's. */
const struct applied *migrated_find(const struct migrated *migrated,
				    int64_t version);

/*
 * What stands in the way of going from @migrated anywhere with @set: the dirty
 * mark, a file that changed under an applied version, or (to go down) a
 * version without its file. Pure. MIGRATOR_E_REFUSED, and @fault says which.
 */
enum migrator_outcome { MIGRATOR_E_REFUSED = 1 };
int migrator_check(const struct migrated *migrated,
		   const struct migration_set *set, bool down,
		   struct migration_fault *fault);

struct migrator {
	struct pg *pg;
	const struct command *command;
	const char *schema;
	const struct migration_set *set;
	int64_t lock_timeout_ms; /* for the migrators' lock */
};

/* Reads how the schema is; PG_E_* when it cannot. */
int migrator_read(const struct migrator *migrator, struct migrated *ret);

/*
 * Waits for the lock until the deadline, saying who holds it. The session
 * keeps it until migrator_unlock() or its end. COMMAND_E_FAILED: said.
 */
int migrator_lock(const struct migrator *migrator);
int migrator_unlock(const struct migrator *migrator);

/*
 * One step up to, or down from, @row, from version @from, which must still be
 * the schema's. In a transaction of its own, or, with @within, in one that is
 * open and stays so. COMMAND_E_FAILED: said, and nothing of it stayed, unless
 * it is unknown: the commit's answer did not come or, with @within, the file
 * needs that the one before it has been committed.
 */
struct migrator_step {
	const struct migration *row;
	bool down;
	bool within;
	int64_t from;
};

/* { 0 } before; its buf is the caller's to end. */
struct migrator_done {
	bool unknown;
	struct buf gone; /* tables that went, "a, b" with a NUL, or empty */
};

int migrator_apply(const struct migrator *migrator,
		   const struct migrator_step *step, struct migrator_done *ret);

#endif
