/* SPDX-License-Identifier: MIT */
/*
 * Migrator file: see migrator_file.h.
 *
 * Postgres reads a file, and nobody else: a block of PL/pgSQL hands it the
 * whole text by EXECUTE. That is the one way by which Postgres itself refuses
 * to begin, end or divide the transaction, in whatever spelling, before any of
 * it has been done for good; and refuses COPY from or to a client. Main thread.
 */
#include "infra/overlord/migrator_file.h"

#include <stdio.h>
#include <string.h>

#include "infra/overlord/out.h"

/* An hour: a file may rewrite a large table. */
#define FILE_TIMEOUT_MS INT64_C(3600000)
#define QUERY_TIMEOUT_MS INT64_C(30000)

static const struct pg_statement file_put = {
	.name = "migrator_file_put",
	.sql = "SELECT set_config('overlord.file', $1, true)",
	.n_args = 1,
};

/* -> the schema's tables as {"oid": "name"} */
static const struct pg_statement tables_list = {
	.name = "migrator_tables_list",
	.sql = "SELECT coalesce(jsonb_object_agg(oid, relname), '{}') "
	       "FROM pg_class WHERE relnamespace = to_regnamespace($1) "
	       "AND relkind IN ('r', 'p', 'f')",
	.n_args = 1,
};

/* -> the names of those that are not there any more, with commas, or NULL */
static const struct pg_statement tables_gone = {
	.name = "migrator_tables_gone",
	.sql = "SELECT string_agg(value, ', ' ORDER BY value) "
	       "FROM jsonb_each_text($1::text::jsonb) WHERE NOT EXISTS "
	       "(SELECT FROM pg_class WHERE oid = key::oid)",
	.n_args = 1,
};

/* The text of a file, which is the one that was planned with. */
static int read_file(const struct migrator *migrator,
		     const struct migrator_step *step, const char *file,
		     struct buf *ret)
{
	char checksum[CHECKSUM_CHARS + 1];
	struct migration_fault fault;
	int r = migration_read(migrator->set, file, ret, &fault);

	if (r) {
		out_error("%s", fault.what);
		return COMMAND_E_FAILED;
	}
	migration_checksum(ret->p, ret->n, checksum);
	if (!step->down && strcmp(checksum, step->row->checksum) != 0) {
		out_error("file '%s' has just been changed", file);
		return COMMAND_E_FAILED;
	}
	return 0;
}

static int hand_over(struct pg *pg, const struct buf *text)
{
	static const char mark[] = "\xef\xbb\xbf"; /* some editors' UTF-8 */
	size_t n_mark = text->n >= 3 && !memcmp(text->p, mark, 3) ? 3 : 0;
	struct pg_args args = { 0 };
	struct buf sql = { 0 };
	int r;

	buf_add(&sql, text->p + n_mark, text->n - n_mark);
	/* EXECUTE refuses a text that ends in SELECT ... INTO. */
	buf_text(&sql, "\n;RESET overlord.file");
	pg_put_bytes(pg_arg(&args), sql.p, sql.n);
	(void)pg_add(pg, &file_put, &args);
	r = pg_run(pg, QUERY_TIMEOUT_MS);
	pg_args_deinit(&args);
	buf_deinit(&sql);
	return r;
}

static void say_file_hint(const struct pg *pg, const char *file)
{
	const char *state = pg_sqlstate(pg);

	if (!strcmp(state, "25001"))
		out_hint("'%s' has a statement that cannot run in a "
			 "transaction: run that one by hand, outside of the "
			 "migrations",
			 file);
	else if (!strcmp(state, "0A000"))
		out_hint("a file is one transaction, which the migrator begins "
			 "and ends: it has no BEGIN, COMMIT, ROLLBACK or "
			 "SAVEPOINT of its own, and no COPY from or to a "
			 "client");
	else if (!strcmp(state, "2D000"))
		out_hint("'%s' calls what ends a transaction; a file is one "
			 "transaction, which the migrator begins and ends",
			 file);
	else if (!strcmp(state, "55P03"))
		out_hint("somebody holds a lock on what '%s' changes; "
			 "try again when they have gone",
			 file);
}

static int run_file(const struct migrator *migrator,
		    const struct migrator_step *step, bool new_enum,
		    struct migrator_done *ret)
{
	const char *file =
		step->down ? step->row->down_file : step->row->up_file;
	struct pg *pg = migrator->pg;
	struct buf text = { 0 };
	int r = read_file(migrator, step, file, &text);

	if (r) {
		buf_deinit(&text);
		return r;
	}
	r = hand_over(pg, &text);
	buf_deinit(&text);
	if (!r)
		r = pg_exec(pg,
			    "DO LANGUAGE plpgsql 'BEGIN EXECUTE "
			    "current_setting(''overlord.file''); END'",
			    FILE_TIMEOUT_MS);
	if (!r)
		return 0;
	if (r == PG_E_SQL && step->within && new_enum &&
	    !strcmp(pg_sqlstate(pg), "55P04")) {
		out_say("%s: %s: a dry run cannot know this, since a file "
			"before it adds the value and is not applied yet",
			file, pg_message(pg));
		ret->unknown = true;
		return COMMAND_E_FAILED;
	}
	r = command_pg_failed(pg, r, file);
	say_file_hint(pg, file);
	return r;
}

/* One text of the schema, or of @of when that is not NULL. */
static int ask_tables(const struct migrator *migrator,
		      const struct pg_statement *statement, const char *of,
		      struct buf *ret)
{
	const char *argument = of ? of : migrator->schema;
	struct pg_args args = { 0 };
	struct pg *pg = migrator->pg;
	const char *p;
	size_t n;
	int i, r;

	pg_put_text(pg_arg(&args), argument, strlen(argument));
	i = pg_add(pg, statement, &args);
	r = pg_run(pg, QUERY_TIMEOUT_MS);
	if (!r && !pg_null(pg, i, 0, 0)) {
		p = pg_bytes(pg, i, 0, 0, &n);
		buf_add(ret, p, n);
		buf_add(ret, "", 1);
	}
	pg_args_deinit(&args);
	return r;
}

/* It is DISCARD ALL, which no transaction may say, without the statements and
 * the lock that are ours. A dry run gives up sooner, since what waits for a
 * lock on a table makes others wait behind it. */
int migrator_file_session(const struct migrator *migrator, bool dry)
{
	static const char discard[] = "CLOSE ALL; "
				      "SET SESSION AUTHORIZATION DEFAULT; "
				      "RESET ROLE; RESET ALL; UNLISTEN *; "
				      "DISCARD TEMP; DISCARD SEQUENCES; ";
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "%sSET client_connection_check_interval = '1s'; "
		       "SET search_path = %s; SET LOCAL statement_timeout = 0; "
		       "SET LOCAL lock_timeout = '%s'",
		       discard, migrator->schema, dry ? "1s" : "5s");
	return pg_exec(migrator->pg, sql, QUERY_TIMEOUT_MS);
}

int migrator_file_run(const struct migrator *migrator,
		      const struct migrator_step *step, bool new_enum,
		      struct migrator_done *ret)
{
	struct buf before = { 0 };
	int r = ask_tables(migrator, &tables_list, NULL, &before);

	if (r)
		r = command_pg_failed(migrator->pg, r, migrator->schema);
	else
		r = run_file(migrator, step, new_enum, ret);
	if (!r) {
		r = migrator_file_session(migrator, step->within);
		if (!r)
			r = ask_tables(migrator, &tables_gone, before.p,
				       &ret->gone);
		if (r)
			r = command_pg_failed(migrator->pg, r,
					      migrator->schema);
	}
	buf_deinit(&before);
	return r;
}
