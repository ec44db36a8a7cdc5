/* SPDX-License-Identifier: MIT */
/*
 * Migration: the files of one folder, by golang-migrate's names.
 *
 *	0001_positions.up.sql	0001_positions.down.sql
 *
 * A set is in order of the versions, each once, from 1 on without a gap, and
 * each with its way up and its way down. Names and order are pure; only
 * migration_set_load() and migration_read() touch the disk.
 */
#ifndef OVERLORD_MIGRATION_H
#define OVERLORD_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/str.h"

enum {
	MIGRATION_NAME_MAX = 128,
	MIGRATION_FILE_MAX_BYTES = 4 << 20,
	MIGRATION_PATH_MAX = 4096,
	CHECKSUM_CHARS = 64,
};

struct migration {
	int64_t version;
	char name[MIGRATION_NAME_MAX];
	bool up, down;                    /* which files are there */
	char up_file[MIGRATION_NAME_MAX]; /* without the folder */
	char down_file[MIGRATION_NAME_MAX];
	char checksum[CHECKSUM_CHARS + 1]; /* of the up file, SHA-256 */
};

struct migration_set {
	const char *dir; /* borrowed */
	struct migration *rows;
	size_t n_rows;
};

enum migration_outcome {
	MIGRATION_E_NAME = 1, /* no migration's name */
	MIGRATION_E_ORDER,    /* twice, a gap, or one way only */
	MIGRATION_E_FILE,     /* cannot be read */
};

/* What and where, for a person. */
struct migration_fault {
	char what[512];
};

/* "0001_positions.up.sql" into its parts. MIGRATION_E_NAME. */
int migration_parse(const char *file, int64_t *ret_version,
		    char ret_name[MIGRATION_NAME_MAX], bool *ret_up);

/* Adds a file by its name. MIGRATION_E_NAME, MIGRATION_E_ORDER. */
int migration_set_add(struct migration_set *set, const char *file,
		      struct migration_fault *fault);

/* Sorts the set, then holds it to its rules. MIGRATION_E_ORDER. */
int migration_set_check(struct migration_set *set,
			struct migration_fault *fault);

/* All *.sql files of @dir, with their checksums. Borrows @dir. */
int migration_set_load(struct migration_set *set, const char *dir,
		       struct migration_fault *fault);
void migration_set_deinit(struct migration_set *set);

/* NULL when the set has no such version. */
const struct migration *migration_find(const struct migration_set *set,
				       int64_t version);
int64_t migration_newest(const struct migration_set *set);

/* The text of a file, with a NUL. MIGRATION_E_FILE. */
int migration_read(const struct migration_set *set, const char *file,
		   struct buf *ret, struct migration_fault *fault);

/* SHA-256 in lower case hex, of bytes. */
void migration_checksum(const void *p, size_t n, char ret[CHECKSUM_CHARS + 1]);

/*
 * Where the migrations are when nobody has said it: `migrations` in the current
 * folder, else those that were installed with the program. MIGRATION_E_FILE.
 */
int migration_folder(char ret[MIGRATION_PATH_MAX],
		     struct migration_fault *fault);

#endif
