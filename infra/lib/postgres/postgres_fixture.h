/* SPDX-License-Identifier: MIT */
/*
 * Postgres fixture: a real server for one test program. For *_test.c only.
 *
 * postgres_run() starts a throw-away server, runs the suite and removes the
 * server, which also goes when the program dies. A server that cannot be had
 * fails the program; nothing is skipped. postgres_database() makes a database
 * of the test's own, with every migration applied in a schema that is named
 * as the server's first database.
 *
 * Programs are run from the top of the tree.
 */
#ifndef LIB_POSTGRES_FIXTURE_H
#define LIB_POSTGRES_FIXTURE_H

#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/postgres/pg.h"
#include "infra/lib/xalloc.h"

#define POSTGRES_TIMEOUT_MS 20000

static char postgres_dir[] = "/tmp/postgres-test.XXXXXX";
static char postgres_url[256];
static char postgres_schema[64];

static inline int postgres_script(const char *verb, const char *more)
{
	char line[256];

	(void)snprintf(line, sizeof(line),
		       "infra/postgres/postgres.sh %s %s %s >&2", verb,
		       postgres_dir, more);
	return system(line); /* NOLINT: fixed text */
}

static inline bool postgres_read_url(void)
{
	char path[256], line[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/postgres.env", postgres_dir);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "DATABASE_URL=", 13))
			(void)str_n_copy(postgres_url, sizeof(postgres_url),
					 line + 13, strcspn(line + 13, "\n"));
	if (file)
		(void)fclose(file);
	return sscanf(postgres_url, "%*[^:]://%*[^/]/%63[^?]",
		      postgres_schema) == 1;
}

/* What main() returns. */
static inline int postgres_run(Suite *suite)
{
	bool serves;
	char more[64];
	int r = 1;

	(void)snprintf(more, sizeof(more), "--test --watch-pid %d",
		       (int)getpid());
	serves = mkdtemp(postgres_dir) && !chmod(postgres_dir, 0755) &&
		 !postgres_script("start", more) && postgres_read_url();
	if (serves)
		r = check_run(suite);
	else
		(void)fprintf(stderr, "no server for the tests in '%s'\n",
			      postgres_dir);
	(void)postgres_script("remove", "");
	(void)rmdir(postgres_dir);
	return r;
}

static inline struct pg *postgres_connect(const char *url, const char *schema)
{
	struct pg_params params = {
		.url = url,
		.schema = schema,
		.application_name = "test",
		.timeout_ms = POSTGRES_TIMEOUT_MS,
	};
	char error[256] = "";
	struct pg *pg = NULL;
	int r = pg_connect(&pg, &params, error);

	ck_assert_msg(!r, "%s", error);
	return pg;
}

static inline void postgres_exec(struct pg *pg, const char *sql)
{
	int r = pg_exec(pg, sql, POSTGRES_TIMEOUT_MS);

	ck_assert_msg(!r, "%s: %s", sql, pg_message(pg));
}

/* One statement's only value: a number, and NULL is -1. The name of a
 * statement is for ever, so each text is prepared in a session of its own. */
static inline int64_t postgres_number(const char *url, const char *sql)
{
	struct pg *pg = postgres_connect(url, postgres_schema);
	struct pg_statement statement = { "number", sql, 0 };
	int i = pg_add(pg, &statement, NULL);
	int64_t value = -1;
	int r = pg_run(pg, POSTGRES_TIMEOUT_MS);

	ck_assert_msg(!r, "%s: %s", sql, pg_message(pg));
	ck_assert_msg(pg_n_rows(pg, i) == 1, "%s: no one row", sql);
	if (!pg_null(pg, i, 0, 0))
		value = pg_i64(pg, i, 0, 0);
	(void)pg_free(pg);
	return value;
}

/* So many rows there are of what stands behind FROM. */
static inline int64_t postgres_count(const char *url, const char *from)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", from);
	return postgres_number(url, sql);
}

static inline void postgres_file(struct pg *pg, const char *path)
{
	FILE *file = fopen(path, "re");
	struct buf sql = { 0 };
	size_t n;

	ck_assert_msg(file, "cannot read '%s'", path);
	while ((n = fread(buf_reserve(&sql, 4096), 1, 4096, file)) > 0)
		sql.n += n;
	(void)fclose(file);
	buf_add(&sql, "", 1);
	postgres_exec(pg, sql.p);
	buf_deinit(&sql);
}

static inline void postgres_files(struct pg *pg, const char *pattern)
{
	glob_t found;

	ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		postgres_file(pg, found.gl_pathv[i]);
	globfree(&found);
}

/* A database of the test's own. Gives its URL. */
static inline const char *postgres_database(void)
{
	static char url[256];
	char sql[160], name[80];
	const char *at;
	struct pg *pg = postgres_connect(postgres_url, NULL);

	(void)snprintf(name, sizeof(name), "/%s?", postgres_schema);
	at = strstr(postgres_url, name);
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE test_%d",
		       (int)getpid());
	postgres_exec(pg, sql);
	(void)pg_free(pg);
	ck_assert_ptr_nonnull(at);
	(void)snprintf(url, sizeof(url), "%.*s/test_%d%s",
		       (int)(at - postgres_url), postgres_url, (int)getpid(),
		       at + strlen(name) - 1);
	pg = postgres_connect(url, postgres_schema);
	(void)snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", postgres_schema);
	postgres_exec(pg, sql);
	postgres_files(pg, "migrations/control/*.up.sql");
	postgres_files(pg, "migrations/*.up.sql");
	postgres_exec(pg, "CREATE TABLE schema_migrations AS "
			  "SELECT 1000::bigint AS version, false AS dirty;"
			  "CREATE TABLE control.schema_migrations AS "
			  "TABLE schema_migrations");
	(void)pg_free(pg);
	return url;
}

#endif
