/* SPDX-License-Identifier: MIT */
/*
 * Migrator: one schema's migrations; see migrator.h. All its SQL is here.
 *
 * The tables' names are not qualified: search_path is the schema and nothing
 * else. Running a file is migrator_file.c's. Main thread.
 */
#include "infra/overlord/migrator.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "infra/overlord/migrator_file.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"

#define QUERY_TIMEOUT_MS INT64_C(30000)

/* -> is it there: schema_migrations, migrations_applied, the schema, audit, an
 * enum's value that this transaction has added */
static const struct pg_statement tables_there = {
	.name = "migrator_tables_there",
	.sql = "SELECT to_regclass($1 || '.schema_migrations') IS NOT NULL, "
	       "to_regclass($1 || '.migrations_applied') IS NOT NULL, "
	       "to_regnamespace($1) IS NOT NULL, "
	       "to_regclass('control.audit') IS NOT NULL, "
	       "EXISTS (SELECT FROM pg_enum WHERE xmin = "
	       "pg_current_xact_id_if_assigned()::xid)",
	.n_args = 1,
};

/* -> version, dirty; no row: none */
static const struct pg_statement version_read = {
	.name = "migrator_version_read",
	.sql = "SELECT version, dirty FROM schema_migrations",
	.n_args = 0,
};

static const struct pg_statement version_clear = {
	.name = "migrator_version_clear",
	.sql = "DELETE FROM schema_migrations",
	.n_args = 0,
};

static const struct pg_statement version_write = {
	.name = "migrator_version_write",
	.sql = "INSERT INTO schema_migrations (version, dirty) "
	       "VALUES ($1, false)",
	.n_args = 1,
};

/* -> version, name, checksum, applied_at, applied_by, in order */
static const struct pg_statement applied_read = {
	.name = "migrator_applied_read",
	.sql = "SELECT version, name, checksum, applied_at, applied_by "
	       "FROM migrations_applied ORDER BY version",
	.n_args = 0,
};

static const struct pg_statement applied_write = {
	.name = "migrator_applied_write",
	.sql = "INSERT INTO migrations_applied "
	       "(version, name, checksum, applied_by) VALUES ($1, $2, $3, $4)",
	.n_args = 4,
};

/* From a version on: what was applied above it is no more. */
static const struct pg_statement applied_clear = {
	.name = "migrator_applied_clear",
	.sql = "DELETE FROM migrations_applied WHERE version >= $1",
	.n_args = 1,
};

/* -> true when it was free */
static const struct pg_statement lock_try = {
	.name = "migrator_lock_try",
	.sql = "SELECT pg_try_advisory_lock("
	       "hashtextextended('migrations of ' || $1, 0))",
	.n_args = 1,
};

static const struct pg_statement lock_wait = {
	.name = "migrator_lock_wait",
	.sql = "SELECT pg_advisory_lock("
	       "hashtextextended('migrations of ' || $1, 0))",
	.n_args = 1,
};

static const struct pg_statement lock_free = {
	.name = "migrator_lock_free",
	.sql = "SELECT pg_advisory_unlock("
	       "hashtextextended('migrations of ' || $1, 0))",
	.n_args = 1,
};

/* -> a row a holder: who, in words */
static const struct pg_statement lock_holder = {
	.name = "migrator_lock_holder",
	.sql = "SELECT format('%s (session %s of %s, since %s)', "
	       "a.application_name, a.pid, a.usename, "
	       "to_char(a.backend_start AT TIME ZONE 'UTC', "
	       "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')) "
	       "FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
	       "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
	       "AND l.database = (SELECT oid FROM pg_database "
	       "WHERE datname = current_database()) "
	       "AND (l.classid::bigint << 32) | l.objid::bigint "
	       "= hashtextextended('migrations of ' || $1, 0)",
	.n_args = 1,
};

void migrated_deinit(struct migrated *migrated)
{
	free(migrated->applied);
	*migrated = (struct migrated){ 0 };
}

const struct applied *migrated_find(const struct migrated *migrated,
				    int64_t version)
{
	for (size_t i = 0; i < migrated->n_applied; i++)
		if (migrated->applied[i].version == version &&
		    version <= migrated->version)
			return &migrated->applied[i];
	return NULL;
}

static int refuse(struct migration_fault *fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct migration_fault *fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(fault->what, sizeof(fault->what), format, args);
	va_end(args);
	return MIGRATOR_E_REFUSED;
}

int migrator_check(const struct migrated *migrated,
		   const struct migration_set *set, bool down,
		   struct migration_fault *fault)
{
	if (migrated->dirty)
		return refuse(fault,
			      "the schema is marked dirty at version %" PRId64
			      ": another tool stopped in the middle of it",
			      migrated->version);
	for (int64_t version = 1; version <= migrated->version; version++) {
		const struct migration *row = migration_find(set, version);
		const struct applied *applied =
			migrated_find(migrated, version);

		if (!row && down)
			return refuse(fault,
				      "version %" PRId64 " is applied, and its "
				      "files are not in '%s'",
				      version, set->dir);
		if (row && applied && strcmp(row->checksum, applied->checksum))
			return refuse(fault,
				      "file '%s' has changed since it was "
				      "applied: its checksum was %s and is %s",
				      row->up_file, applied->checksum,
				      row->checksum);
	}
	return 0;
}

static int use_schema(const struct migrator *migrator)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql), "SET search_path = %s",
		       migrator->schema);
	return pg_exec(migrator->pg, sql, QUERY_TIMEOUT_MS);
}

struct there {
	bool version, applied, schema, audit, new_enum;
};

static int look(const struct migrator *migrator, struct there *ret)
{
	struct pg_args args = { 0 };
	struct pg *pg = migrator->pg;
	int i, r;

	pg_put_text(pg_arg(&args), migrator->schema, strlen(migrator->schema));
	i = pg_add(pg, &tables_there, &args);
	r = pg_run(pg, QUERY_TIMEOUT_MS);
	if (!r)
		*ret = (struct there){
			.version = pg_bool(pg, i, 0, 0),
			.applied = pg_bool(pg, i, 0, 1),
			.schema = pg_bool(pg, i, 0, 2),
			.audit = pg_bool(pg, i, 0, 3),
			.new_enum = pg_bool(pg, i, 0, 4),
		};
	pg_args_deinit(&args);
	return r;
}

static int read_version(struct pg *pg, struct migrated *ret)
{
	int i = pg_add(pg, &version_read, NULL);
	int r = pg_run(pg, QUERY_TIMEOUT_MS);

	if (r)
		return r;
	ret->there = true;
	if (pg_n_rows(pg, i) > 0) {
		/* golang-migrate writes -1 for "none, and dirty". */
		ret->version =
			pg_i64(pg, i, 0, 0) > 0 ? pg_i64(pg, i, 0, 0) : 0;
		ret->dirty = pg_bool(pg, i, 0, 1);
	}
	return 0;
}

static void copy_text(const struct pg *pg, int statement, int row, int column,
		      char *ret, size_t size)
{
	size_t n;
	const char *p = pg_bytes(pg, statement, row, column, &n);

	(void)str_n_copy(ret, size, p, n);
}

static int read_applied(struct pg *pg, struct migrated *ret)
{
	int i = pg_add(pg, &applied_read, NULL);
	int r = pg_run(pg, QUERY_TIMEOUT_MS);

	if (r)
		return r;
	ret->n_applied = (size_t)pg_n_rows(pg, i);
	ret->applied = xcalloc(ret->n_applied, sizeof(*ret->applied));
	for (size_t n = 0; n < ret->n_applied; n++) {
		struct applied *row = &ret->applied[n];

		row->version = pg_i64(pg, i, (int)n, 0);
		copy_text(pg, i, (int)n, 1, row->name, sizeof(row->name));
		copy_text(pg, i, (int)n, 2, row->checksum,
			  sizeof(row->checksum));
		row->at_ms = pg_wall_ms(pg, i, (int)n, 3);
		copy_text(pg, i, (int)n, 4, row->by, sizeof(row->by));
	}
	return 0;
}

int migrator_read(const struct migrator *migrator, struct migrated *ret)
{
	struct migrated migrated = { 0 };
	struct there there;
	int r;

	r = use_schema(migrator);
	if (!r)
		r = look(migrator, &there);
	if (!r && there.version)
		r = read_version(migrator->pg, &migrated);
	if (!r && there.applied)
		r = read_applied(migrator->pg, &migrated);
	if (r) {
		migrated_deinit(&migrated);
		return r;
	}
	*ret = migrated;
	return 0;
}

/* ---- one at a time ---- */

/* Runs a statement of one argument, the schema; a boolean is its answer. */
static int run_lock(const struct migrator *migrator,
		    const struct pg_statement *statement, bool *ret)
{
	struct pg_args args = { 0 };
	struct pg *pg = migrator->pg;
	int i, r;

	pg_put_text(pg_arg(&args), migrator->schema, strlen(migrator->schema));
	i = pg_add(pg, statement, &args);
	r = pg_run(pg, migrator->lock_timeout_ms + QUERY_TIMEOUT_MS);
	if (!r && ret)
		*ret = pg_bool(pg, i, 0, 0);
	pg_args_deinit(&args);
	return r;
}

static int holder(const struct migrator *migrator, char ret[256])
{
	struct pg_args args = { 0 };
	struct pg *pg = migrator->pg;
	int i, r;

	pg_put_text(pg_arg(&args), migrator->schema, strlen(migrator->schema));
	i = pg_add(pg, &lock_holder, &args);
	r = pg_run(pg, QUERY_TIMEOUT_MS);
	(void)str_copy(ret, 256, "somebody who has just gone");
	if (!r && pg_n_rows(pg, i) > 0)
		copy_text(pg, i, 0, 0, ret, 256);
	pg_args_deinit(&args);
	return r;
}

static int wait_for_lock(const struct migrator *migrator)
{
	char who[256], sql[64];
	int r;

	r = holder(migrator, who);
	if (r)
		return r;
	out_say("schema '%s' is being migrated by %s, waiting for at most "
		"%" PRId64 " ms",
		migrator->schema, who, migrator->lock_timeout_ms);
	(void)snprintf(sql, sizeof(sql), "SET lock_timeout = %" PRId64,
		       migrator->lock_timeout_ms);
	r = pg_exec(migrator->pg, sql, QUERY_TIMEOUT_MS);
	if (!r)
		r = run_lock(migrator, &lock_wait, NULL);
	if (r != PG_E_SQL || strcmp(pg_sqlstate(migrator->pg), "55P03") != 0)
		return r;
	r = holder(migrator, who);
	if (r)
		return r;
	out_error("schema '%s' is still being migrated by %s", migrator->schema,
		  who);
	out_hint("wait for it, or end its session");
	return COMMAND_E_FAILED;
}

int migrator_lock(const struct migrator *migrator)
{
	bool mine = false;
	int r;

	r = run_lock(migrator, &lock_try, &mine);
	if (r)
		return command_pg_failed(migrator->pg, r, "lock");
	if (mine)
		return 0;
	r = wait_for_lock(migrator);
	if (r == PG_E_LOST || r == PG_E_SQL)
		r = command_pg_failed(migrator->pg, r, "lock");
	return r;
}

int migrator_unlock(const struct migrator *migrator)
{
	int r = run_lock(migrator, &lock_free, NULL);

	return r ? command_pg_failed(migrator->pg, r, "unlock") : 0;
}

/* ---- one step ---- */

/* The schema and the two tables, if they are not there. */
static int make_tables(const struct migrator *migrator,
		       const struct there *there)
{
	char sql[128];
	int r = 0;

	if (!there->schema) {
		(void)snprintf(sql, sizeof(sql), "CREATE SCHEMA %s",
			       migrator->schema);
		r = pg_exec(migrator->pg, sql, QUERY_TIMEOUT_MS);
	}
	if (!r && !there->version)
		r = pg_exec(migrator->pg,
			    "CREATE TABLE schema_migrations "
			    "(version bigint NOT NULL PRIMARY KEY, "
			    "dirty boolean NOT NULL)",
			    QUERY_TIMEOUT_MS);
	if (!r && !there->applied)
		r = pg_exec(migrator->pg,
			    "CREATE TABLE migrations_applied ("
			    "version bigint PRIMARY KEY, "
			    "name text NOT NULL, checksum text NOT NULL, "
			    "applied_at timestamptz NOT NULL DEFAULT now(), "
			    "applied_by text NOT NULL)",
			    QUERY_TIMEOUT_MS);
	if (!r)
		r = pg_exec(migrator->pg,
			    "LOCK TABLE schema_migrations "
			    "IN SHARE ROW EXCLUSIVE MODE",
			    QUERY_TIMEOUT_MS);
	return r;
}

/* Under the table's lock: is the schema still as the plan says? */
static int still(const struct migrator *migrator,
		 const struct migrator_step *step)
{
	struct migrated now = { 0 };
	int r = read_version(migrator->pg, &now);

	if (r)
		return command_pg_failed(migrator->pg, r, "version");
	if (now.version == step->from && !now.dirty)
		return 0;
	out_error("schema '%s' was at version %" PRId64 " and is at %" PRId64
		  "%s: another tool is migrating it",
		  migrator->schema, step->from, now.version,
		  now.dirty ? ", dirty" : "");
	return COMMAND_E_FAILED;
}

/* The version, what was applied, and the audit, in one message. */
static int write_rows(const struct migrator *migrator,
		      const struct migrator_step *step, bool audited)
{
	const struct migration *row = step->row;
	const struct command *command = migrator->command;
	int64_t then = step->down ? row->version - 1 : row->version;
	struct pg_args clear = { 0 }, version = { 0 }, applied = { 0 };
	char what[256], before[64], after[64];
	struct audit audit = { .what = what, .before = before, .after = after };
	struct pg *pg = migrator->pg;
	int r;

	pg_put_i64(pg_arg(&clear), row->version);
	(void)pg_add(pg, &applied_clear, &clear);
	(void)pg_add(pg, &version_clear, NULL);
	pg_put_i64(pg_arg(&version), then);
	if (then > 0)
		(void)pg_add(pg, &version_write, &version);
	pg_put_i64(pg_arg(&applied), row->version);
	pg_put_text(pg_arg(&applied), row->name, strlen(row->name));
	pg_put_text(pg_arg(&applied), row->checksum, CHECKSUM_CHARS);
	pg_put_text(pg_arg(&applied), command->who, strlen(command->who));
	if (!step->down)
		(void)pg_add(pg, &applied_write, &applied);
	(void)snprintf(
		what, sizeof(what), "{\"schema\": \"%s\", \"file\": \"%s\"}",
		migrator->schema, step->down ? row->down_file : row->up_file);
	(void)snprintf(before, sizeof(before), "{\"version\": %" PRId64 "}",
		       step->from);
	(void)snprintf(after, sizeof(after), "{\"version\": %" PRId64 "}",
		       then);
	if (audited)
		plan_audit(pg, command, &audit);
	r = pg_run(pg, QUERY_TIMEOUT_MS);
	audit_deinit(&audit);
	pg_args_deinit(&applied);
	pg_args_deinit(&version);
	pg_args_deinit(&clear);
	return r;
}

/* All of a step but the begin and the commit. */
static int do_step(const struct migrator *migrator,
		   const struct migrator_step *step, struct migrator_done *ret)
{
	struct there there;
	int r;

	r = migrator_file_session(migrator, step->within);
	if (!r)
		r = look(migrator, &there);
	if (!r)
		r = make_tables(migrator, &there);
	if (r)
		return command_pg_failed(migrator->pg, r, migrator->schema);
	r = still(migrator, step);
	if (!r)
		r = migrator_file_run(migrator, step, there.new_enum, ret);
	if (r)
		return r;
	r = look(migrator, &there);
	if (!r)
		r = write_rows(migrator, step, there.audit);
	return r ? command_pg_failed(migrator->pg, r, migrator->schema) : 0;
}

int migrator_apply(const struct migrator *migrator,
		   const struct migrator_step *step, struct migrator_done *ret)
{
	struct pg *pg = migrator->pg;
	int r;

	if (step->within)
		return do_step(migrator, step, ret);
	r = pg_exec(pg, "BEGIN", QUERY_TIMEOUT_MS);
	if (r)
		return command_pg_failed(pg, r, "begin");
	r = do_step(migrator, step, ret);
	if (r) {
		if (!pg_lost(pg))
			(void)pg_exec(pg, "ROLLBACK", QUERY_TIMEOUT_MS);
		return r;
	}
	r = pg_exec(pg, "COMMIT", QUERY_TIMEOUT_MS);
	if (!r)
		return 0;
	ret->unknown = r == PG_E_LOST;
	r = command_pg_failed(pg, r, "commit");
	if (ret->unknown)
		out_hint("nobody can tell whether '%s' is applied: overlord "
			 "migrate status says it",
			 step->row->name);
	return r;
}
