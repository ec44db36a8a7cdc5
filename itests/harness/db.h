/* SPDX-License-Identifier: MIT */
/*
 * Db: a session of the test's own with the test's database. What cannot be
 * asked fails the test.
 */
#ifndef HARNESS_DB_H
#define HARNESS_DB_H

#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/postgres/pg.h"
#include "infra/lib/text/str.h"
#include "itests/harness/until.h"

struct db;

/* @schema NULL: as the server has it. */
struct db *db_new(const char *url, const char *schema);
struct db *db_free(struct db *db);
DEFINE_CLEANUP(struct db, db_free);

/* Runs one statement; its rows are read by pg_*(db_pg(), index, ...). */
int db_query(struct db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same again and again until the server does not refuse it: another
 * session may still be leaving. */
void db_insist(struct db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct pg *db_pg(struct db *db);

/*
 * A question has one integer for an answer (NULL is -1). It is a whole SELECT,
 * or what follows a SELECT count(*) FROM: "orders WHERE verdict = 'picked'".
 */
int64_t db_i64(struct db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The answer is @expected within that time, or the test fails. */
void db_wait_within(struct db *db, int64_t timeout_ms, int64_t expected,
		    const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define db_expect(db, ...) db_wait_within((db), 0, __VA_ARGS__)
#define db_wait(db, ...) db_wait_within((db), PATIENCE_MS, __VA_ARGS__)

/* The one text of the one row, to be freed. */
char *db_text(struct db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
