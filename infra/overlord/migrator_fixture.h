/* SPDX-License-Identifier: MIT */
/*
 * Migrator fixture: a folder of migrations of a test's own, for *_test.c only.
 * Each test has a schema of its own on the throw-away Postgres.
 */
#ifndef OVERLORD_MIGRATOR_FIXTURE_H
#define OVERLORD_MIGRATOR_FIXTURE_H

#include "infra/lib/postgres_fixture.h"
#include "infra/overlord/migrator.h"
#include "infra/overlord/said_fixture.h"

#define MIGRATOR_DEADLINE_MS INT64_C(20000)

static char folder[] = "/tmp/overlord-files.XXXXXX";
static struct command command;
static struct pg *pg; /* looks */

static inline void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static inline void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	pg = postgres_connect(postgres_url, NULL);
	command = (struct command){
		.words = "migrate up",
		.arguments = "",
		.who = "tester",
		.schema = "plain",
		.suffix = "",
	};
	command.conf.database_url = postgres_url;
	command.conf.timeout_ms = MIGRATOR_DEADLINE_MS;
	command.options.to = -1;
	command.options.dir = folder;
	command.options.set = "service";
	command.options.execute = true;
	write_file("1_a.up.sql", "CREATE TABLE a (n int);");
	write_file("1_a.down.sql", "DROP TABLE a;");
}

static inline void teardown(void)
{
	char line[128];

	pg = pg_free(pg);
	(void)snprintf(line, sizeof(line), "rm -rf -- %s", folder);
	ck_assert_int_eq(system(line), 0); /* NOLINT: our own folder */
}

static inline void use_second_file(const char *up)
{
	write_file("2_b.up.sql", up);
	write_file("2_b.down.sql", "DROP TABLE IF EXISTS b;");
}

static inline int quiet(int (*verb)(struct command *command))
{
	int r;

	said_begin();
	r = verb(&command);
	said_end();
	return r;
}

#define NUMBER(text) postgres_number(postgres_url, text)
#define VERSION(schema)                                                        \
	NUMBER("SELECT max(version) FROM " schema ".schema_migrations")
#define THERE(table)                                                           \
	NUMBER("SELECT count(*) FROM to_regclass('" table "') AS t "           \
	       "WHERE t IS NOT NULL")

#endif
