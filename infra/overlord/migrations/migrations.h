/* SPDX-License-Identifier: MIT */
/*
 * Migrations: the files of one folder, and applying them to one schema, each in
 * one transaction. Each function says on stderr why it failed; then
 * VERB_E_FAILED is returned.
 *
 * Files have golang-migrate's names, 0001_positions.up.sql and
 * 0001_positions.down.sql. The versions of a folder go from 1 on without a gap,
 * each is there once, and each has its way up and its way down.
 *
 * The schema's table schema_migrations is golang-migrate's, kept exactly as
 * its own tool keeps it: one row, the version and a dirty mark. Beside it
 * stands migrations_applied: what was applied, with the checksum of the file,
 * when and by whom. A file's statements, both rows and the audit row commit
 * together, so that a version is there whole or not at all.
 *
 * Only one migrator runs at a time. An advisory lock for each schema keeps a
 * second overlord out. Other tools do not know that lock, so each transaction
 * also locks schema_migrations against writers; readers are not blocked. When
 * another tool has changed something, a migrator sees it under the lock and
 * stops.
 *
 * A file finds the session as if it were new, and cannot end the transaction:
 * Postgres refuses a file that tries, and nothing of it stays.
 */
#ifndef OVERLORD_MIGRATIONS_H
#define OVERLORD_MIGRATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/text/str.h"
#include "infra/overlord/agent/artifact.h"
#include "infra/overlord/verb.h"

enum {
	MIGRATION_NAME_MAX = 128,
	MIGRATION_FILE_MAX_BYTES = 4 << 20,
	MIGRATION_DIR_MAX = 4096,
	CHECKSUM_CHARS = ARTIFACT_DIGEST_CHARS,
};

enum direction { UP, DOWN };

struct migration {
	int64_t version;
	char name[MIGRATION_NAME_MAX];
	/* By direction: its file, without the folder, and what stands in it. */
	char files[2][MIGRATION_NAME_MAX];
	struct buf texts[2];               /* with a NUL */
	char checksum[CHECKSUM_CHARS + 1]; /* of the up file, SHA-256 */
	/* What the schema says of it; "": not applied, or not by overlord. */
	char applied_by[64];
	char applied_checksum[CHECKSUM_CHARS + 1];
	int64_t applied_at_ms;
};

/* { 0 } and the first four before migrator_load() and migrator_read(). */
struct migrator {
	struct verb *verb;  /* with a session, but for the files */
	const char *name;   /* of the files: "control", "service" */
	const char *schema; /* that they are applied to */
	char dir[MIGRATION_DIR_MAX];
	struct migration *rows; /* version 1 first */
	size_t n_rows;
	/* How the schema is. */
	bool dirty;
	int64_t version; /* 0: none */
};

void migrator_deinit(struct migrator *migrator);

/* ---- files: migration_files.c ---- */

/*
 * Where the migrations are: as said, else `migrations` in the current folder,
 * else those that were installed with the program.
 */
int migration_folder(const struct verb *verb, char ret[MIGRATION_DIR_MAX]);

/* Reads all *.sql files of the folder. */
int migrator_load(struct migrator *migrator);

/* ---- the schema: migrations.c ---- */

/* Reads how the schema is. */
int migrator_read(struct migrator *migrator);

/*
 * What stands in the way of going anywhere: the dirty mark, a file that changed
 * under an applied version, or (to go down) a version without its file.
 */
int migrator_check(const struct migrator *migrator, enum direction direction);

/*
 * Waits for the lock as long as a server may take, saying who holds it. The
 * session keeps it until its end.
 */
int migrator_lock(const struct migrator *migrator);

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
	/* While it is done: the schema's tables before it, JSON; has the
	 * transaction given an enum a value before; is there an
	 * audit now, and has it tokens? */
	struct buf tables;
	bool new_enum, audited, tokens;
};

void migrator_step_deinit(struct migrator_step *step);

int migrator_apply(struct migrator_step *step);

#endif
