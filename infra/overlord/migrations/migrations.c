/* SPDX-License-Identifier: MIT */
/*
 * Migrations: of one schema; see migrations.h.
 *
 * The tables' names are not qualified: search_path is the schema and nothing
 * else.
 *
 * Postgres reads a file, and nobody else: a block of PL/pgSQL hands it the
 * whole text by EXECUTE. That is the one way by which Postgres itself refuses
 * to begin, end or divide the transaction, in whatever spelling, before any of
 * it has been done for good; and refuses COPY from or to a client. Main thread.
 */
#include "infra/overlord/migrations/migrations.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/overlord/plan/plan.h"

/* An hour: a file may rewrite a large table. */
#define FILE_TIMEOUT_MS INT64_C(3600000)

static int check_file(const struct migrator *migrator,
		      const struct migration *row, const char *newer)
{
	if (!*row->applied_by || !strcmp(row->checksum, row->applied_checksum))
		return 0;
	return verb_failed(
		newer ? newer
		      : "a file that was applied is never edited: "
			"put it back as it was, and write the change "
			"as a new migration",
		"schema '%s': file '%s' has changed since it was "
		"applied: its checksum was %s and is %s",
		migrator->schema, row->files[UP], row->applied_checksum,
		row->checksum);
}

int migrator_check(const struct migrator *migrator, enum direction direction)
{
	const char *newer = migrator->version > (int64_t)migrator->n_rows
				    ? "the schema is newer than these files: "
				      "take the folder that it was migrated "
				      "from"
				    : NULL;
	int r = 0;

	if (migrator->dirty)
		return verb_failed(
			"look at what is there, mend it by hand, then run "
			"golang-migrate's 'force' with the version that it "
			"is at",
			"schema '%s': the schema is marked dirty at version "
			"%" PRId64 ": another tool stopped in the middle of "
			"it",
			migrator->schema, migrator->version);
	for (size_t i = 0; !r && i < migrator->n_rows; i++)
		r = check_file(migrator, &migrator->rows[i], newer);
	if (r || direction == UP || !newer)
		return r;
	return verb_failed(newer,
			   "schema '%s': version %zu is applied, and its files "
			   "are not in '%s'",
			   migrator->schema, migrator->n_rows + 1,
			   migrator->dir);
}

/* ---- how the schema is ---- */

/* golang-migrate writes -1 for "none, and dirty". */
static int64_t version_of(const struct migrator *migrator, int i,
			  bool *ret_dirty)
{
	const struct pg *pg = migrator->verb->pg;
	int64_t version = pg_n_rows(pg, i) ? pg_i64(pg, i, 0, 0) : 0;

	*ret_dirty = pg_n_rows(pg, i) && pg_bool(pg, i, 0, 1);
	return version > 0 ? version : 0;
}

/* Of versions above the schema's nothing is read. */
static void read_applied(struct migrator *migrator, int i)
{
	const struct verb *verb = migrator->verb;

	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		int64_t version = pg_i64(verb->pg, i, row, 0);
		struct migration *file;

		if (version < 1 || version > migrator->version ||
		    version > (int64_t)migrator->n_rows)
			continue;
		file = &migrator->rows[version - 1];
		(void)str_copy(file->applied_checksum,
			       sizeof(file->applied_checksum),
			       verb_cell(verb, i, row, 1));
		file->applied_at_ms = pg_wall_ms(verb->pg, i, row, 2);
		(void)str_copy(file->applied_by, sizeof(file->applied_by),
			       verb_cell(verb, i, row, 3));
	}
}

int migrator_read(struct migrator *migrator)
{
	struct verb *verb = migrator->verb;
	int there, version, applied = 0, r;
	char sql[128];
	bool listed;

	migrator->version = 0;
	migrator->dirty = false;
	for (size_t i = 0; i < migrator->n_rows; i++)
		*migrator->rows[i].applied_by = '\0';
	(void)snprintf(sql, sizeof(sql), "SET search_path = %s",
		       migrator->schema);
	r = verb_exec(verb, sql, migrator->name);
	if (r)
		return r;
	there = verb_add(verb, &sql_migrated_there,
			 VALUES(value_text(migrator->schema)));
	r = verb_send(verb, migrator->name);
	if (r || !pg_bool(verb->pg, there, 0, 0))
		return r;
	listed = pg_bool(verb->pg, there, 0, 1);
	version = verb_add(verb, &sql_version_read, NULL);
	if (listed)
		applied = verb_add(verb, &sql_applied_read, NULL);
	r = verb_send(verb, migrator->name);
	if (r)
		return r;
	migrator->version = version_of(migrator, version, &migrator->dirty);
	if (listed)
		read_applied(migrator, applied);
	return 0;
}

/* ---- one at a time ---- */

int migrator_lock(const struct migrator *migrator)
{
	const struct value schema = value_text(migrator->schema);
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &sql_lock_try, &schema);
	int r = verb_send(verb, "lock");
	char holder[256], sql[64];

	if (r || pg_bool(verb->pg, i, 0, 0))
		return r;
	(void)str_copy(holder, sizeof(holder), verb_cell(verb, i, 0, 1));
	out_say("schema '%s' is being migrated by %s, waiting for at most "
		"%" PRId64 " ms",
		migrator->schema, holder, verb->conf.timeout_ms);
	(void)snprintf(sql, sizeof(sql), "SET lock_timeout = %" PRId64,
		       verb->conf.timeout_ms);
	r = verb_exec(verb, sql, "lock");
	if (r)
		return r;
	(void)verb_add(verb, &sql_lock_wait, &schema);
	r = verb_try(verb, 2 * verb->conf.timeout_ms);
	if (r == PG_E_SQL && !strcmp(pg_sqlstate(verb->pg), "55P03"))
		return verb_failed("wait for it, or end its session",
				   "schema '%s' is still being migrated by %s",
				   migrator->schema, holder);
	return r ? verb_pg_failed(verb, r, "lock") : 0;
}

/* ---- a file ---- */

/*
 * The session as a file finds it, in the schema: what a file before it has set,
 * made for the session or opened is gone. It is DISCARD ALL, which no
 * transaction may say, without the statements and the lock that are ours. A dry
 * run gives up sooner, since what waits for a lock on a table makes others wait
 * behind it.
 */
static int begin_session(struct migrator_step *step)
{
	static const char discard[] = "CLOSE ALL; "
				      "SET SESSION AUTHORIZATION DEFAULT; "
				      "RESET ROLE; RESET ALL; UNLISTEN *; "
				      "DISCARD TEMP; DISCARD SEQUENCES; ";
	const struct migrator *migrator = step->migrator;
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "%sSET client_connection_check_interval = '1s'; "
		       "SET search_path = %s; SET LOCAL statement_timeout = 0; "
		       "SET LOCAL lock_timeout = '%s'",
		       discard, migrator->schema, step->within ? "1s" : "5s");
	return verb_exec(migrator->verb, sql, migrator->schema);
}

static void say_file_hint(const char *sqlstate)
{
	static const struct {
		const char *sqlstate, *hint;
	} hints[] = {
		{ "25001",
		  "it has a statement that cannot run in a transaction: run "
		  "that one by hand, outside of the migrations" },
		{ "0A000",
		  "a file is one transaction, which the migrator begins and "
		  "ends: it has no BEGIN, COMMIT, ROLLBACK or SAVEPOINT of its "
		  "own, and no COPY from or to a client" },
		{ "2D000", "it calls what ends a transaction; a file is one "
			   "transaction, which the migrator begins and ends" },
		{ "55P03", "somebody holds a lock on what it changes; try "
			   "again when they have gone" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (!strcmp(sqlstate, hints[i].sqlstate))
			out_hint("%s", hints[i].hint);
}

static int run_file(struct migrator_step *step)
{
	static const char mark[] = "\xef\xbb\xbf"; /* some editors' UTF-8 */
	const char *file = step->row->files[step->direction];
	const char *text = step->row->texts[step->direction].p;
	struct verb *verb = step->migrator->verb;
	int r;

	if (!strncmp(text, mark, strlen(mark)))
		text += strlen(mark);
	(void)verb_add(verb, &sql_file_put, VALUES(value_text(text)));
	r = verb_send(verb, file);
	if (r)
		return r;
	r = pg_exec(verb->pg,
		    "DO LANGUAGE plpgsql 'BEGIN EXECUTE "
		    "current_setting(''overlord.file''); END'",
		    FILE_TIMEOUT_MS);
	if (!r)
		return 0;
	if (r == PG_E_SQL && step->within && step->new_enum &&
	    !strcmp(pg_sqlstate(verb->pg), "55P04")) {
		step->unknown = true;
		return verb_failed(NULL,
				   "%s: %s: a dry run cannot know this, since "
				   "a file before it adds the value and is not "
				   "applied yet",
				   file, pg_message(verb->pg));
	}
	r = verb_pg_failed(verb, r, file);
	say_file_hint(pg_sqlstate(verb->pg));
	return r;
}

/* ---- one step ---- */

/* The schema, which is in search_path, and the two tables, if they are not
 * there; and their lock. */
static const char tables_sql[] =
	"DO $$ BEGIN "
	"IF to_regnamespace(current_setting('search_path')) IS NULL THEN "
	"EXECUTE 'CREATE SCHEMA ' || current_setting('search_path'); END IF; "
	"IF to_regclass('schema_migrations') IS NULL THEN "
	"CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, "
	"dirty boolean NOT NULL); END IF; "
	"IF to_regclass('migrations_applied') IS NULL THEN "
	"CREATE TABLE migrations_applied (version bigint PRIMARY KEY, "
	"name text NOT NULL, checksum text NOT NULL, "
	"applied_at timestamptz NOT NULL DEFAULT now(), "
	"applied_by text NOT NULL); END IF; END $$; "
	"LOCK TABLE schema_migrations IN SHARE ROW EXCLUSIVE MODE";

static int make_tables(struct migrator_step *step)
{
	return verb_exec(step->migrator->verb, tables_sql,
			 step->migrator->schema);
}

/* Is the schema still as the plan says? */
static int check_still(struct migrator_step *step)
{
	const struct migrator *migrator = step->migrator;
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &sql_version_read, NULL);
	int before = verb_add(verb, &sql_before_file, NULL);
	int r = verb_send(verb, migrator->schema);
	int64_t version;
	bool dirty;

	if (r)
		return r;
	version = version_of(migrator, i, &dirty);
	if (version != step->from || dirty)
		return verb_failed(NULL,
				   "schema '%s' was at version %" PRId64
				   " and is at %" PRId64 "%s: another tool is "
				   "migrating it",
				   migrator->schema, step->from, version,
				   dirty ? ", dirty" : "");
	step->new_enum = pg_bool(verb->pg, before, 0, 0);
	buf_text(&step->tables, verb_cell(verb, before, 0, 1));
	buf_add(&step->tables, "", 1);
	return 0;
}

/* Which tables have gone, and is there an audit, also since this file? */
static int read_gone(struct migrator_step *step)
{
	struct verb *verb = step->migrator->verb;
	int i = verb_add(verb, &sql_after_file,
			 VALUES(value_text(step->tables.p)));
	int r = verb_send(verb, step->migrator->schema);

	if (r)
		return r;
	step->audited = pg_bool(verb->pg, i, 0, 0);
	step->tokens = pg_bool(verb->pg, i, 0, 1);
	if (!pg_null(verb->pg, i, 0, 2)) {
		buf_text(&step->gone, verb_cell(verb, i, 0, 2));
		buf_add(&step->gone, "", 1);
	}
	return 0;
}

/* The version, what was applied, and the audit, in one message. */
static int write_rows(struct migrator_step *step)
{
	const struct migrator *migrator = step->migrator;
	const struct migration *row = step->row;
	struct verb *verb = migrator->verb;
	bool down = step->direction == DOWN;
	int64_t then = down ? row->version - 1 : row->version;
	char what[MIGRATION_NAME_MAX + 128], before[64], after[64];

	(void)verb_add(verb, &sql_applied_clear,
		       VALUES(value_i64(row->version)));
	(void)verb_add(verb, &sql_version_write, VALUES(value_i64(then)));
	if (!down)
		(void)verb_add(verb, &sql_applied_write,
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
	if (step->audited)
		plan_audit(verb, step->tokens ? &sql_audit_row : &sql_audit_old,
			   what, before, after);
	return verb_send(verb, migrator->schema);
}

/* All of a step but the begin and the commit. */
static int do_step(struct migrator_step *step)
{
	static int (*const parts[])(struct migrator_step * step) = {
		begin_session, make_tables, check_still, run_file,
		begin_session, read_gone,   write_rows,
	};
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = parts[i](step);
	return r;
}

void migrator_step_deinit(struct migrator_step *step)
{
	buf_deinit(&step->gone);
	buf_deinit(&step->tables);
}

int migrator_apply(struct migrator_step *step)
{
	struct verb *verb = step->migrator->verb;
	enum plan_result result;
	int r;

	if (step->within)
		return do_step(step);
	r = verb_exec(verb, "BEGIN", "begin");
	if (r)
		return r;
	r = do_step(step);
	if (r) {
		/* No lock is held while the answer is written. */
		if (!pg_lost(verb->pg))
			(void)pg_exec(verb->pg, "ROLLBACK",
				      verb->conf.timeout_ms);
		return r;
	}
	r = plan_commit(verb, step->row->files[step->direction], &result);
	step->unknown = result == PLAN_UNKNOWN;
	if (step->unknown)
		out_hint("overlord migrate status says whether '%s' is applied",
			 step->row->name);
	return r;
}
