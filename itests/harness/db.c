/* SPDX-License-Identifier: MIT */
/*
 * Each text of a statement is prepared once; when there are too many a new
 * session is begun. Any one thread.
 */
#include "itests/harness/db.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "infra/lib/xalloc.h"

enum { STATEMENTS_MAX = 90 };

struct db {
	char *url;
	char *schema;
	struct pg *pg;
	struct pg_statement statements[STATEMENTS_MAX];
	size_t n_statements;
};

static void forget_statements(struct db *db)
{
	for (size_t i = 0; i < db->n_statements; i++) {
		free((void *)(uintptr_t)db->statements[i].name);
		free((void *)(uintptr_t)db->statements[i].sql);
	}
	db->n_statements = 0;
}

static void connect_again(struct db *db)
{
	const struct pg_params params = {
		.url = db->url,
		.schema = db->schema,
		.application_name = "itest",
		.timeout_ms = PATIENCE_MS,
	};
	char error[256];

	db->pg = pg_free(db->pg);
	forget_statements(db);
	ck_assert_msg(!pg_connect(&db->pg, &params, error),
		      "no session with '%s': %s", db->url, error);
}

struct db *db_new(const char *url, const char *schema)
{
	struct db *db = xcalloc(1, sizeof(*db));

	db->url = xstrdup(url);
	db->schema = schema ? xstrdup(schema) : NULL;
	connect_again(db);
	return db;
}

struct db *db_free(struct db *db)
{
	if (!db)
		return NULL;
	pg_free(db->pg);
	forget_statements(db);
	free(db->url);
	free(db->schema);
	free(db);
	return NULL;
}

static const struct pg_statement *statement_of(struct db *db, const char *sql)
{
	struct pg_statement *statement;
	char name[16];

	for (size_t i = 0; i < db->n_statements; i++)
		if (!strcmp(db->statements[i].sql, sql))
			return &db->statements[i];
	if (db->n_statements == STATEMENTS_MAX)
		connect_again(db);
	(void)snprintf(name, sizeof(name), "itest_%zu", db->n_statements);
	statement = &db->statements[db->n_statements++];
	*statement = (struct pg_statement){ .name = xstrdup(name),
					    .sql = xstrdup(sql) };
	return statement;
}

/* -1: the server says no. */
static int try_query(struct db *db, const char *sql)
{
	const struct pg_statement *statement;
	int i, r;

	/* A session that a test has had ended is no fault of the test's. */
	if (pg_lost(db->pg))
		connect_again(db);
	statement = statement_of(db, sql);
	i = pg_add(db->pg, statement, NULL);
	r = pg_run(db->pg, PATIENCE_MS);
	if (r == PG_E_SQL)
		return -1;
	ck_assert_msg(!r, "'%s': %s", sql, pg_message(db->pg));
	return i;
}

static int query(struct db *db, const char *sql)
{
	int i = try_query(db, sql);

	ck_assert_msg(i >= 0, "'%s': %s", sql, pg_message(db->pg));
	return i;
}

static char *text_of_args(const char *format, va_list args)
{
	char *text = NULL;

	ck_assert_int_ge(vasprintf(&text, format, args), 0);
	return text;
}

int db_query(struct db *db, const char *format, ...)
{
	CLEANUP(cleanup_free) char *sql = NULL;
	va_list args;

	va_start(args, format);
	sql = text_of_args(format, args);
	va_end(args);
	return query(db, sql);
}

void db_insist(struct db *db, const char *format, ...)
{
	CLEANUP(cleanup_free) char *sql = NULL;
	int64_t deadline_at_ms = within(PATIENCE_MS);
	va_list args;

	va_start(args, format);
	sql = text_of_args(format, args);
	va_end(args);
	while (try_query(db, sql) < 0)
		wait_more(deadline_at_ms, "'%s': %s", sql, pg_message(db->pg));
}

struct pg *db_pg(struct db *db)
{
	return db->pg;
}

static int query_one(struct db *db, const char *sql)
{
	int i = query(db, sql);

	ck_assert_msg(pg_n_rows(db->pg, i) == 1, "'%s' gives %d rows", sql,
		      pg_n_rows(db->pg, i));
	return i;
}

char *db_text(struct db *db, const char *format, ...)
{
	CLEANUP(cleanup_free) char *sql = NULL;
	const char *p = "";
	size_t n = 0;
	va_list args;
	int i;

	va_start(args, format);
	sql = text_of_args(format, args);
	va_end(args);
	i = query_one(db, sql);
	if (!pg_null(db->pg, i, 0, 0))
		p = pg_bytes(db->pg, i, 0, 0, &n);
	return strndup(p, n);
}

/* ---- questions ---- */

static char *question_of(const char *format, va_list args)
{
	CLEANUP(cleanup_free) char *text = text_of_args(format, args);
	bool whole = !strncmp(text, "SELECT ", 7);
	char *sql = NULL;

	ck_assert_int_ge(asprintf(&sql, "%s%s",
				  whole ? "" : "SELECT count(*) FROM ", text),
			 0);
	return sql;
}

static int64_t answer_of(struct db *db, const char *sql)
{
	int i = query_one(db, sql);

	return pg_null(db->pg, i, 0, 0) ? -1 : pg_i64(db->pg, i, 0, 0);
}

int64_t db_i64(struct db *db, const char *format, ...)
{
	CLEANUP(cleanup_free) char *sql = NULL;
	va_list args;

	va_start(args, format);
	sql = question_of(format, args);
	va_end(args);
	return answer_of(db, sql);
}

void db_wait_within(struct db *db, int64_t timeout_ms, int64_t expected,
		    const char *format, ...)
{
	CLEANUP(cleanup_free) char *sql = NULL;
	int64_t deadline_at_ms = within(timeout_ms), seen;
	va_list args;

	va_start(args, format);
	sql = question_of(format, args);
	va_end(args);
	while ((seen = answer_of(db, sql)) != expected)
		wait_more(deadline_at_ms,
			  "'%s' is %" PRId64 " and not %" PRId64
			  " after %" PRId64 " ms",
			  sql, seen, expected, timeout_ms);
}
