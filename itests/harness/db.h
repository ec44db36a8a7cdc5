/* SPDX-License-Identifier: MIT */
/*
 * Db: a session of the test's own with the test's database. What cannot be
 * asked fails the test.
 */
#ifndef HARNESS_DB_H
#define HARNESS_DB_H

#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/pg.h"
#include "infra/lib/str.h"

struct db;

/* @schema NULL: as the server has it. */
struct db *db_new(const char *url, const char *schema);
struct db *db_free(struct db *db);
DEFINE_CLEANUP(struct db, db_free);

/* Runs one statement; its rows are read by pg_*(db_pg(), index, ...). */
int db_query(struct db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, until the server does not say no: somebody is still leaving. */
void db_insist(struct db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct pg *db_pg(struct db *db);

/* The one value of the one row: an integer (NULL is -1), or a text. */
int64_t db_i64(struct db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* With a NUL, which n does not count. */
void db_text(struct db *db, struct buf *ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Waits until that one value is @expected, or the test fails. */
void db_wait(struct db *db, int64_t timeout_ms, int64_t expected,
	     const char *sql);

#endif
