/* SPDX-License-Identifier: MIT */
/*
 * Migrator: applies migrations to one schema, each in one transaction. Each
 * function says on stderr why it failed; then VERB_E_FAILED is returned.
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

#include "infra/overlord/migration.h"
#include "infra/overlord/verb.h"

struct applied {
	int64_t version;
	char checksum[CHECKSUM_CHARS + 1];
	int64_t at_ms;
	char by[64];
};

/* { 0 } and the first three before migrator_read(). */
struct migrator {
	struct verb *verb;  /* with a session */
	const char *name;   /* of the set: "control", "service" */
	const char *schema; /* that it is applied to */
	char dir[MIGRATION_PATH_MAX];
	struct migration_set set;
	/* How the schema is. */
	bool dirty;
	int64_t version; /* 0: none */
	struct applied *applied;
	size_t n_applied;
	bool locked;
};

void migrator_deinit(struct migrator *migrator);

/* Reads how the schema is. */
int migrator_read(struct migrator *migrator);

/* NULL: not applied, or not by overlord. Only versions up to the schema's. */
const struct applied *migrator_applied(const struct migrator *migrator,
				       int64_t version);

/*
 * What stands in the way of going anywhere: the dirty mark, a file that changed
 * under an applied version, or (to go down) a version without its file.
 */
int migrator_check(const struct migrator *migrator, enum direction direction);

/*
 * Waits for the lock as long as a server may take, saying who holds it. The
 * session keeps it until migrator_unlock() or its end.
 */
int migrator_lock(struct migrator *migrator);
int migrator_unlock(struct migrator *migrator);

/*
 * One step up to, or down from, @row, from version @from, which must still be
 * the schema's. In a transaction of its own, or, with @within, in one that is
 * open and stays so. When it fails nothing of it stays, unless it is unknown:
 * the commit's answer did not come or, with @within, the file needs that the
 * one before it has been committed.
 */
struct migrator_step {
	const struct migrator *migrator;
	const struct migration *row;
	enum direction direction;
	bool within;
	int64_t from;
	/* What came of it. */
	bool unknown;
	struct buf gone; /* tables that went, "a, b" with a NUL, or empty */
};

int migrator_apply(struct migrator_step *step);

#endif
