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
#include "itests/harness/until.h"

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

struct insisted {
	struct db *db;
	const char *sql;
};

static bool is_allowed(void *arg)
{
	const struct insisted *insisted = arg;

	return try_query(insisted->db, insisted->sql) >= 0;
}

void db_insist(struct db *db, const char *format, ...)
{
	CLEANUP(cleanup_free) char *sql = NULL;
	va_list args;

	va_start(args, format);
	sql = text_of_args(format, args);
	va_end(args);
	ck_assert_msg(
		until(PATIENCE_MS, is_allowed, &(struct insisted){ db, sql }),
		"'%s': %s", sql, pg_message(db->pg));
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

struct question {
	struct db *db;
	char *sql;
	int64_t expected, seen;
};

static bool is_answered(void *arg)
{
	struct question *question = arg;
	struct pg *pg;
	int i = query_one(question->db, question->sql);

	pg = question->db->pg;
	question->seen = pg_null(pg, i, 0, 0) ? -1 : pg_i64(pg, i, 0, 0);
	return question->seen == question->expected;
}

static struct question question_of(struct db *db, int64_t expected,
				   const char *format, va_list args)
{
	struct question question = { .db = db, .expected = expected };
	CLEANUP(cleanup_free) char *text = text_of_args(format, args);
	bool whole = !strncmp(text, "SELECT ", 7);

	ck_assert_int_ge(asprintf(&question.sql, "%s%s",
				  whole ? "" : "SELECT count(*) FROM ", text),
			 0);
	return question;
}

static void expect(struct question question, int64_t timeout_ms)
{
	ck_assert_msg(
		until(timeout_ms, is_answered, &question),
		"'%s' is %" PRId64 " and not %" PRId64 " after %" PRId64 " ms",
		question.sql, question.seen, question.expected, timeout_ms);
	free(question.sql);
}

int64_t db_i64(struct db *db, const char *format, ...)
{
	struct question question;
	va_list args;

	va_start(args, format);
	question = question_of(db, 0, format, args);
	va_end(args);
	(void)is_answered(&question);
	free(question.sql);
	return question.seen;
}

void db_expect(struct db *db, int64_t expected, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	expect(question_of(db, expected, format, args), 0);
	va_end(args);
}

void db_wait(struct db *db, int64_t expected, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	expect(question_of(db, expected, format, args), PATIENCE_MS);
	va_end(args);
}

void db_wait_within(struct db *db, int64_t timeout_ms, int64_t expected,
		    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	expect(question_of(db, expected, format, args), timeout_ms);
	va_end(args);
}
