/* SPDX-License-Identifier: MIT */
/*
 * Migration: the files of one folder, by golang-migrate's names.
 *
 *	0001_positions.up.sql	0001_positions.down.sql
 *
 * A set is in order of the versions, each once, from 1 on without a gap, and
 * each with its way up and its way down. What is wrong is said on stderr; then
 * VERB_E_FAILED is returned.
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

enum direction { UP, DOWN };

struct migration {
	int64_t version;
	char name[MIGRATION_NAME_MAX];
	/* By direction, without the folder; "" until it was found. */
	char files[2][MIGRATION_NAME_MAX];
	char checksum[CHECKSUM_CHARS + 1]; /* of the up file, SHA-256 */
};

struct migration_set {
	const char *dir; /* borrowed */
	struct migration *rows;
	size_t n_rows;
};

/* Adds a file by its name. */
int migration_set_add(struct migration_set *set, const char *file);
/* Sorts the set, then checks that it is as it should be. */
int migration_set_check(struct migration_set *set);
/* All *.sql files of @dir, with their checksums. Borrows @dir. */
int migration_set_load(struct migration_set *set, const char *dir);
void migration_set_deinit(struct migration_set *set);

/* NULL when the set has no such version. */
struct migration *migration_find(const struct migration_set *set,
				 int64_t version);
int64_t migration_newest(const struct migration_set *set);

/* The text of a file, with a NUL. */
int migration_read(const struct migration_set *set, const char *file,
		   struct buf *ret);

/* SHA-256 in lower case hex, of bytes. */
void migration_checksum(const void *p, size_t n, char ret[CHECKSUM_CHARS + 1]);

/*
 * Where the migrations are when nobody has said it: `migrations` in the current
 * folder, else those that were installed with the program.
 */
int migration_folder(char ret[MIGRATION_PATH_MAX]);

#endif
