/* SPDX-License-Identifier: MIT */
/*
 * Migrator: one schema's migrations; see migrator.h. All its SQL is here.
 *
 * The tables' names are not qualified: search_path is the schema and nothing
 * else.
 *
 * Postgres reads a file, and nobody else: a block of PL/pgSQL hands it the
 * whole text by EXECUTE. That is the one way by which Postgres itself refuses
 * to begin, end or divide the transaction, in whatever spelling, before any of
 * it has been done for good; and refuses COPY from or to a client. Main thread.
 */
#include "infra/overlord/migrator.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "infra/overlord/plan.h"

/* An hour: a file may rewrite a large table. */
#define FILE_TIMEOUT_MS INT64_C(3600000)

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

/* -> version, checksum, applied_at, applied_by, in order */
static const struct pg_statement applied_read = {
	.name = "migrator_applied_read",
	.sql = "SELECT version, checksum, applied_at, applied_by "
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

#define LOCK_KEY "hashtextextended('migrations of ' || $1, 0)"

/* -> true when it was free */
static const struct pg_statement lock_try = {
	.name = "migrator_lock_try",
	.sql = "SELECT pg_try_advisory_lock(" LOCK_KEY ")",
	.n_args = 1,
};

static const struct pg_statement lock_wait = {
	.name = "migrator_lock_wait",
	.sql = "SELECT pg_advisory_lock(" LOCK_KEY ")",
	.n_args = 1,
};

static const struct pg_statement lock_free = {
	.name = "migrator_lock_free",
	.sql = "SELECT pg_advisory_unlock(" LOCK_KEY ")",
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
	       "= " LOCK_KEY,
	.n_args = 1,
};

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

void migrator_deinit(struct migrator *migrator)
{
	migration_set_deinit(&migrator->set);
	free(migrator->migrated.applied);
	migrator->migrated = (struct migrated){ 0 };
}

const struct applied *migrator_applied(const struct migrator *migrator,
				       int64_t version)
{
	const struct migrated *migrated = &migrator->migrated;

	for (size_t i = 0; i < migrated->n_applied; i++)
		if (migrated->applied[i].version == version &&
		    version <= migrated->version)
			return &migrated->applied[i];
	return NULL;
}

static int check_version(const struct migrator *migrator, int64_t version,
			 enum direction direction)
{
	const struct migration *row = migration_find(&migrator->set, version);
	const struct applied *applied = migrator_applied(migrator, version);

	if (!row && direction == DOWN)
		out_error("schema '%s': version %" PRId64 " is applied, and "
			  "its files are not in '%s'",
			  migrator->schema, version, migrator->set.dir);
	else if (row && applied && strcmp(row->checksum, applied->checksum))
		out_error("schema '%s': file '%s' has changed since it was "
			  "applied: its checksum was %s and is %s",
			  migrator->schema, row->files[UP], applied->checksum,
			  row->checksum);
	else
		return 0;
	if (migrator->migrated.version > migration_newest(&migrator->set))
		out_hint("the schema is newer than these files: take the "
			 "folder that it was migrated from");
	else
		out_hint("a file that was applied is never edited: put it "
			 "back as it was, and write the change as a new "
			 "migration");
	return VERB_E_FAILED;
}

int migrator_check(const struct migrator *migrator, enum direction direction)
{
	const struct migrated *migrated = &migrator->migrated;
	int r = 0;

	if (migrated->dirty) {
		out_error("schema '%s': the schema is marked dirty at version "
			  "%" PRId64 ": another tool stopped in the middle of "
			  "it",
			  migrator->schema, migrated->version);
		out_hint("look at what is there, mend it by hand, then run "
			 "golang-migrate's 'force' with the version that it "
			 "is at");
		return VERB_E_FAILED;
	}
	for (int64_t version = 1; !r && version <= migrated->version; version++)
		r = check_version(migrator, version, direction);
	return r;
}

/* ---- how the schema is ---- */

struct there {
	bool version, applied, schema, audit, new_enum;
};

static int read_there(const struct migrator *migrator, struct there *ret)
{
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &tables_there,
			 VALUES(value_text(migrator->schema)));
	int r = verb_send(verb, migrator->schema);

	if (!r)
		*ret = (struct there){
			.version = pg_bool(verb->pg, i, 0, 0),
			.applied = pg_bool(verb->pg, i, 0, 1),
			.schema = pg_bool(verb->pg, i, 0, 2),
			.audit = pg_bool(verb->pg, i, 0, 3),
			.new_enum = pg_bool(verb->pg, i, 0, 4),
		};
	return r;
}

static int read_version(const struct migrator *migrator, int64_t *ret,
			bool *ret_dirty)
{
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &version_read, NULL);
	int r = verb_send(verb, migrator->schema);

	if (r || !pg_n_rows(verb->pg, i))
		return r;
	/* golang-migrate writes -1 for "none, and dirty". */
	*ret = pg_i64(verb->pg, i, 0, 0) > 0 ? pg_i64(verb->pg, i, 0, 0) : 0;
	*ret_dirty = pg_bool(verb->pg, i, 0, 1);
	return 0;
}

static int read_applied(struct migrator *migrator)
{
	struct migrated *migrated = &migrator->migrated;
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &applied_read, NULL);
	int r = verb_send(verb, migrator->schema);

	if (r)
		return r;
	migrated->n_applied = (size_t)pg_n_rows(verb->pg, i);
	migrated->applied =
		xcalloc(migrated->n_applied, sizeof(*migrated->applied));
	for (size_t n = 0; n < migrated->n_applied; n++) {
		struct applied *applied = &migrated->applied[n];

		applied->version = pg_i64(verb->pg, i, (int)n, 0);
		(void)str_copy(applied->checksum, sizeof(applied->checksum),
			       verb_cell(verb, i, (int)n, 1));
		applied->at_ms = pg_wall_ms(verb->pg, i, (int)n, 2);
		(void)str_copy(applied->by, sizeof(applied->by),
			       verb_cell(verb, i, (int)n, 3));
	}
	return 0;
}

int migrator_read(struct migrator *migrator)
{
	struct migrated *migrated = &migrator->migrated;
	struct there there = { 0 };
	char sql[128];
	int r;

	free(migrated->applied);
	*migrated = (struct migrated){ 0 };
	(void)snprintf(sql, sizeof(sql), "SET search_path = %s",
		       migrator->schema);
	r = verb_exec(migrator->verb, sql, migrator->schema);
	if (!r)
		r = read_there(migrator, &there);
	if (!r && there.version)
		r = read_version(migrator, &migrated->version,
				 &migrated->dirty);
	if (!r && there.applied)
		r = read_applied(migrator);
	return r;
}

/* ---- one at a time ---- */

static int read_holder(const struct migrator *migrator, char ret[256])
{
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &lock_holder,
			 VALUES(value_text(migrator->schema)));
	int r = verb_send(verb, "lock");

	(void)str_copy(ret, 256,
		       !r && pg_n_rows(verb->pg, i)
			       ? verb_cell(verb, i, 0, 0)
			       : "somebody who has just gone");
	return r;
}

static int wait_for_lock(const struct migrator *migrator)
{
	struct verb *verb = migrator->verb;
	char who[256], sql[64];
	int r = read_holder(migrator, who);

	if (r)
		return r;
	out_say("schema '%s' is being migrated by %s, waiting for at most "
		"%" PRId64 " ms",
		migrator->schema, who, verb->conf.timeout_ms);
	(void)snprintf(sql, sizeof(sql), "SET lock_timeout = %" PRId64,
		       verb->conf.timeout_ms);
	r = verb_exec(verb, sql, "lock");
	if (r)
		return r;
	(void)verb_add(verb, &lock_wait, VALUES(value_text(migrator->schema)));
	r = verb_try(verb, 2 * verb->conf.timeout_ms);
	if (r != PG_E_SQL || strcmp(pg_sqlstate(verb->pg), "55P03") != 0)
		return r ? verb_pg_failed(verb, r, "lock") : 0;
	r = read_holder(migrator, who);
	if (r)
		return r;
	out_error("schema '%s' is still being migrated by %s", migrator->schema,
		  who);
	out_hint("wait for it, or end its session");
	return VERB_E_FAILED;
}

int migrator_lock(const struct migrator *migrator)
{
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &lock_try, VALUES(value_text(migrator->schema)));
	int r = verb_send(verb, "lock");

	if (r || pg_bool(verb->pg, i, 0, 0))
		return r;
	return wait_for_lock(migrator);
}

int migrator_unlock(const struct migrator *migrator)
{
	(void)verb_add(migrator->verb, &lock_free,
		       VALUES(value_text(migrator->schema)));
	return verb_send(migrator->verb, "unlock");
}

/* ---- a file ---- */

/*
 * The session as a file finds it, in the schema: what a file before it has set,
 * made for the session or opened is gone. It is DISCARD ALL, which no
 * transaction may say, without the statements and the lock that are ours. A dry
 * run gives up sooner, since what waits for a lock on a table makes others wait
 * behind it.
 */
static int begin_session(const struct migrator *migrator, bool dry)
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
	return verb_exec(migrator->verb, sql, migrator->schema);
}

/* Its text, which must be the one that was planned with. */
static int read_file(const struct migrator *migrator,
		     const struct migrator_step *step, struct buf *ret)
{
	const char *file = step->row->files[step->direction];
	char checksum[CHECKSUM_CHARS + 1];
	int r = migration_read(&migrator->set, file, ret);

	if (r)
		return r;
	migration_checksum(ret->p, ret->n, checksum);
	if (step->direction == DOWN || !strcmp(checksum, step->row->checksum))
		return 0;
	out_error("file '%s' has just been changed", file);
	return VERB_E_FAILED;
}

static int execute_text(struct verb *verb, const struct buf *text)
{
	static const char mark[] = "\xef\xbb\xbf"; /* some editors' UTF-8 */
	size_t n_mark = text->n >= 3 && !memcmp(text->p, mark, 3) ? 3 : 0;
	struct buf sql = { 0 };
	int r;

	buf_add(&sql, text->p + n_mark, text->n - n_mark);
	/* EXECUTE refuses a text that ends in SELECT ... INTO. */
	buf_text(&sql, "\n;RESET overlord.file");
	buf_add(&sql, "", 1);
	(void)verb_add(verb, &file_put, VALUES(value_text(sql.p)));
	buf_deinit(&sql);
	r = verb_try(verb, verb->conf.timeout_ms);
	if (r)
		return r;
	return pg_exec(verb->pg,
		       "DO LANGUAGE plpgsql 'BEGIN EXECUTE "
		       "current_setting(''overlord.file''); END'",
		       FILE_TIMEOUT_MS);
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

/* @new_enum: this transaction has added an enum's value before. */
static int run_file(const struct migrator *migrator,
		    const struct migrator_step *step, bool new_enum,
		    bool *ret_unknown)
{
	const char *file = step->row->files[step->direction];
	struct verb *verb = migrator->verb;
	struct buf text = { 0 };
	int r = read_file(migrator, step, &text);

	if (r) {
		buf_deinit(&text);
		return r;
	}
	r = execute_text(verb, &text);
	buf_deinit(&text);
	if (!r)
		return 0;
	if (r == PG_E_SQL && step->within && new_enum &&
	    !strcmp(pg_sqlstate(verb->pg), "55P04")) {
		out_say("%s: %s: a dry run cannot know this, since a file "
			"before it adds the value and is not applied yet",
			file, pg_message(verb->pg));
		*ret_unknown = true;
		return VERB_E_FAILED;
	}
	r = verb_pg_failed(verb, r, file);
	say_file_hint(verb->pg, file);
	return r;
}

/* Appends a statement's one text, with a NUL, unless it is NULL. */
static int read_text(const struct migrator *migrator,
		     const struct pg_statement *statement, const char *value,
		     struct buf *ret)
{
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, statement, VALUES(value_text(value)));
	int r = verb_send(verb, migrator->schema);

	if (!r && !pg_null(verb->pg, i, 0, 0)) {
		buf_text(ret, verb_cell(verb, i, 0, 0));
		buf_add(ret, "", 1);
	}
	return r;
}

/* Runs the file, then finds which tables have gone. */
static int apply_file(const struct migrator *migrator,
		      const struct migrator_step *step, bool new_enum,
		      struct migrator_done *ret)
{
	struct buf before = { 0 };
	int r = read_text(migrator, &tables_list, migrator->schema, &before);

	if (!r)
		r = run_file(migrator, step, new_enum, &ret->unknown);
	if (!r)
		r = begin_session(migrator, step->within);
	if (!r)
		r = read_text(migrator, &tables_gone, before.p, &ret->gone);
	buf_deinit(&before);
	return r;
}

/* ---- one step ---- */

/* The schema and the two tables, if they are not there; and their lock. */
static int make_tables(const struct migrator *migrator,
		       const struct there *there)
{
	struct buf sql = { 0 };
	int r;

	if (!there->schema)
		buf_printf(&sql, "CREATE SCHEMA %s; ", migrator->schema);
	if (!there->version)
		buf_text(&sql, "CREATE TABLE schema_migrations "
			       "(version bigint NOT NULL PRIMARY KEY, "
			       "dirty boolean NOT NULL); ");
	if (!there->applied)
		buf_text(&sql, "CREATE TABLE migrations_applied ("
			       "version bigint PRIMARY KEY, "
			       "name text NOT NULL, checksum text NOT NULL, "
			       "applied_at timestamptz NOT NULL DEFAULT now(), "
			       "applied_by text NOT NULL); ");
	buf_text(&sql, "LOCK TABLE schema_migrations "
		       "IN SHARE ROW EXCLUSIVE MODE");
	buf_add(&sql, "", 1);
	r = verb_exec(migrator->verb, sql.p, migrator->schema);
	buf_deinit(&sql);
	return r;
}

/* Under the table's lock: is the schema still as the plan says? */
static int check_still(const struct migrator *migrator,
		       const struct migrator_step *step)
{
	int64_t version = 0;
	bool dirty = false;
	int r = read_version(migrator, &version, &dirty);

	if (r || (version == step->from && !dirty))
		return r;
	out_error("schema '%s' was at version %" PRId64 " and is at %" PRId64
		  "%s: another tool is migrating it",
		  migrator->schema, step->from, version,
		  dirty ? ", dirty" : "");
	return VERB_E_FAILED;
}

/* The version, what was applied, and the audit, in one message. */
static int write_rows(const struct migrator *migrator,
		      const struct migrator_step *step, bool audited)
{
	const struct migration *row = step->row;
	struct verb *verb = migrator->verb;
	bool down = step->direction == DOWN;
	int64_t then = down ? row->version - 1 : row->version;
	char what[MIGRATION_NAME_MAX + 128], before[64], after[64];

	(void)verb_add(verb, &applied_clear, VALUES(value_i64(row->version)));
	(void)verb_add(verb, &version_clear, NULL);
	if (then > 0)
		(void)verb_add(verb, &version_write, VALUES(value_i64(then)));
	if (!down)
		(void)verb_add(verb, &applied_write,
			       VALUES(value_i64(row->version),
				      value_text(row->name),
				      value_text(row->checksum),
				      value_text(verb->who)));
	(void)snprintf(what, sizeof(what),
		       "{\"schema\": \"%s\", \"file\": \"%s\"}",
		       migrator->schema, row->files[step->direction]);
	(void)snprintf(before, sizeof(before), "{\"version\": %" PRId64 "}",
		       step->from);
	(void)snprintf(after, sizeof(after), "{\"version\": %" PRId64 "}",
		       then);
	if (audited)
		plan_audit(verb, what, before, after);
	return verb_send(verb, migrator->schema);
}

/* All of a step but the begin and the commit. */
static int do_step(const struct migrator *migrator,
		   const struct migrator_step *step, struct migrator_done *ret)
{
	struct there there = { 0 };
	int r = begin_session(migrator, step->within);

	if (!r)
		r = read_there(migrator, &there);
	if (!r)
		r = make_tables(migrator, &there);
	if (!r)
		r = check_still(migrator, step);
	if (!r)
		r = apply_file(migrator, step, there.new_enum, ret);
	if (!r)
		r = read_there(migrator, &there);
	return r ? r : write_rows(migrator, step, there.audit);
}

int migrator_apply(const struct migrator *migrator,
		   const struct migrator_step *step, struct migrator_done *ret)
{
	struct verb *verb = migrator->verb;
	int r;

	if (step->within)
		return do_step(migrator, step, ret);
	r = verb_exec(verb, "BEGIN", "begin");
	if (r)
		return r;
	r = do_step(migrator, step, ret);
	if (r) {
		if (!pg_lost(verb->pg))
			(void)pg_exec(verb->pg, "ROLLBACK",
				      verb->conf.timeout_ms);
		return r;
	}
	r = verb_exec(verb, "COMMIT", "commit");
	if (r && pg_lost(verb->pg)) {
		ret->unknown = true;
		out_hint("nobody can tell whether '%s' is applied: overlord "
			 "migrate status says it",
			 step->row->name);
	}
	return r;
}
