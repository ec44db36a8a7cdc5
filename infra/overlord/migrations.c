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
#include "infra/overlord/migrations.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "infra/overlord/plan.h"

/* An hour: a file may rewrite a large table. */
#define FILE_TIMEOUT_MS INT64_C(3600000)

void migrator_deinit(struct migrator *migrator)
{
	migration_set_deinit(&migrator->set);
	free(migrator->applied);
	migrator->applied = NULL;
}

const struct applied *migrator_applied(const struct migrator *migrator,
				       int64_t version)
{
	for (size_t i = 0; i < migrator->n_applied; i++)
		if (migrator->applied[i].version == version &&
		    version <= migrator->version)
			return &migrator->applied[i];
	return NULL;
}

static int check_version(const struct migrator *migrator, int64_t version,
			 enum direction direction)
{
	const struct migration *row = migration_find(&migrator->set, version);
	const struct applied *applied = migrator_applied(migrator, version);
	const char *hint =
		migrator->version > migration_newest(&migrator->set)
			? "the schema is newer than these files: take the "
			  "folder that it was migrated from"
			: "a file that was applied is never edited: put it "
			  "back as it was, and write the change as a new "
			  "migration";

	if (!row && direction == DOWN)
		return verb_failed(hint,
				   "schema '%s': version %" PRId64
				   " is applied, and its files are not in '%s'",
				   migrator->schema, version, migrator->dir);
	if (row && applied && strcmp(row->checksum, applied->checksum) != 0)
		return verb_failed(
			hint,
			"schema '%s': file '%s' has changed since it was "
			"applied: its checksum was %s and is %s",
			migrator->schema, row->files[UP], applied->checksum,
			row->checksum);
	return 0;
}

int migrator_check(const struct migrator *migrator, enum direction direction)
{
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
	for (int64_t version = 1; !r && version <= migrator->version; version++)
		r = check_version(migrator, version, direction);
	return r;
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

static void read_applied(struct migrator *migrator, int i)
{
	const struct verb *verb = migrator->verb;

	migrator->n_applied = (size_t)pg_n_rows(verb->pg, i);
	migrator->applied =
		xcalloc(migrator->n_applied, sizeof(*migrator->applied));
	for (int row = 0; row < pg_n_rows(verb->pg, i); row++) {
		struct applied *applied = &migrator->applied[row];

		applied->version = pg_i64(verb->pg, i, row, 0);
		(void)str_copy(applied->checksum, sizeof(applied->checksum),
			       verb_cell(verb, i, row, 1));
		applied->at_ms = pg_wall_ms(verb->pg, i, row, 2);
		(void)str_copy(applied->by, sizeof(applied->by),
			       verb_cell(verb, i, row, 3));
	}
}

int migrator_read(struct migrator *migrator)
{
	struct verb *verb = migrator->verb;
	int there, version, applied, r;
	bool versioned, listed;
	char sql[128];

	free(migrator->applied);
	migrator->applied = NULL;
	migrator->n_applied = 0;
	migrator->version = 0;
	migrator->dirty = false;
	(void)snprintf(sql, sizeof(sql), "SET search_path = %s",
		       migrator->schema);
	r = verb_exec(verb, sql, migrator->name);
	if (r)
		return r;
	there = verb_add(verb, &sql_migrated_there,
			 VALUES(value_text(migrator->schema)));
	r = verb_send(verb, migrator->name);
	if (r)
		return r;
	versioned = pg_bool(verb->pg, there, 0, 0);
	listed = pg_bool(verb->pg, there, 0, 1);
	if (!versioned && !listed)
		return 0;
	version = versioned ? verb_add(verb, &sql_version_read, NULL) : -1;
	applied = listed ? verb_add(verb, &sql_applied_read, NULL) : -1;
	r = verb_send(verb, migrator->name);
	if (!r && versioned)
		migrator->version =
			version_of(migrator, version, &migrator->dirty);
	if (!r && listed)
		read_applied(migrator, applied);
	return r;
}

/* ---- one at a time ---- */

static int try_lock(struct migrator *migrator, char ret_holder[256])
{
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &sql_lock_try,
			 VALUES(value_text(migrator->schema)));
	int r = verb_send(verb, "lock");

	if (r)
		return r;
	migrator->locked = pg_bool(verb->pg, i, 0, 0);
	(void)str_copy(ret_holder, 256,
		       pg_null(verb->pg, i, 0, 1) ? "somebody who has just gone"
						  : verb_cell(verb, i, 0, 1));
	return 0;
}

int migrator_lock(struct migrator *migrator)
{
	struct verb *verb = migrator->verb;
	char holder[256], sql[64];
	int r = try_lock(migrator, holder);

	if (r || migrator->locked)
		return r;
	out_say("schema '%s' is being migrated by %s, waiting for at most "
		"%" PRId64 " ms",
		migrator->schema, holder, verb->conf.timeout_ms);
	(void)snprintf(sql, sizeof(sql), "SET lock_timeout = %" PRId64,
		       verb->conf.timeout_ms);
	r = verb_exec(verb, sql, "lock");
	if (r)
		return r;
	(void)verb_add(verb, &sql_lock_wait,
		       VALUES(value_text(migrator->schema)));
	r = verb_try(verb, 2 * verb->conf.timeout_ms);
	migrator->locked = !r;
	if (r != PG_E_SQL || strcmp(pg_sqlstate(verb->pg), "55P03") != 0)
		return r ? verb_pg_failed(verb, r, "lock") : 0;
	r = try_lock(migrator, holder);
	if (r || migrator->locked)
		return r;
	return verb_failed("wait for it, or end its session",
			   "schema '%s' is still being migrated by %s",
			   migrator->schema, holder);
}

int migrator_unlock(struct migrator *migrator)
{
	if (!migrator->locked)
		return 0;
	migrator->locked = false;
	(void)verb_add(migrator->verb, &sql_lock_free,
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
static int begin_session(const struct migrator_step *step)
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

/* Gives Postgres the text, which must be the one that was planned with. */
static int hand_over(const struct migrator_step *step, const char *file)
{
	static const char mark[] = "\xef\xbb\xbf"; /* some editors' UTF-8 */
	struct verb *verb = step->migrator->verb;
	char checksum[CHECKSUM_CHARS + 1];
	struct buf text = { 0 };
	int r = migration_read(&step->migrator->set, file, &text);

	if (!r) {
		migration_checksum(text.p, text.n, checksum);
		if (step->direction == UP &&
		    strcmp(checksum, step->row->checksum) != 0)
			r = verb_failed(NULL, "file '%s' has just been changed",
					file);
	}
	if (!r) {
		/* EXECUTE refuses a text that ends in SELECT ... INTO. */
		buf_text(&text, "\n;RESET overlord.file");
		buf_add(&text, "", 1);
		(void)verb_add(
			verb, &sql_file_put,
			VALUES(value_text(strncmp(text.p, mark, strlen(mark))
						  ? text.p
						  : text.p + strlen(mark))));
		r = verb_send(verb, file);
	}
	buf_deinit(&text);
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

/* @new_enum: this transaction has added an enum's value before. */
static int run_file(struct migrator_step *step, bool new_enum)
{
	const char *file = step->row->files[step->direction];
	const struct verb *verb = step->migrator->verb;
	int r = hand_over(step, file);

	if (r)
		return r;
	r = pg_exec(verb->pg,
		    "DO LANGUAGE plpgsql 'BEGIN EXECUTE "
		    "current_setting(''overlord.file''); END'",
		    FILE_TIMEOUT_MS);
	if (!r)
		return 0;
	if (r == PG_E_SQL && step->within && new_enum &&
	    !strcmp(pg_sqlstate(verb->pg), "55P04")) {
		step->unknown = true;
		return verb_failed(NULL,
				   "%s: %s: a dry run cannot know this, since "
				   "a file before it adds the value and is not "
				   "applied yet",
				   file, pg_message(verb->pg));
	}
	r = verb_pg_failed(verb, r, file);
	say_file_hint(verb->pg, file);
	return r;
}

/* ---- one step ---- */

/* The schema and the two tables, if they are not there; and their lock. */
static int make_tables(const struct migrator *migrator)
{
	const char *schema = migrator->schema;
	struct buf sql = { 0 };
	int r;

	buf_printf(&sql,
		   "DO $$ BEGIN "
		   "IF to_regnamespace('%s') IS NULL THEN "
		   "CREATE SCHEMA %s; END IF; "
		   "IF to_regclass('%s.schema_migrations') IS NULL THEN "
		   "CREATE TABLE schema_migrations "
		   "(version bigint NOT NULL PRIMARY KEY, "
		   "dirty boolean NOT NULL); END IF; "
		   "IF to_regclass('%s.migrations_applied') IS NULL THEN "
		   "CREATE TABLE migrations_applied (version bigint "
		   "PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, "
		   "applied_at timestamptz NOT NULL DEFAULT now(), "
		   "applied_by text NOT NULL); END IF; END $$; "
		   "LOCK TABLE schema_migrations IN SHARE ROW EXCLUSIVE MODE",
		   schema, schema, schema, schema);
	buf_add(&sql, "", 1);
	r = verb_exec(migrator->verb, sql.p, schema);
	buf_deinit(&sql);
	return r;
}

/* What a step finds under the table's lock. */
struct found {
	struct buf tables; /* of the schema, JSON */
	bool new_enum;     /* one has got a value in this transaction */
};

/* Is the schema still as the plan says? */
static int check_still(const struct migrator_step *step, struct found *ret)
{
	const struct migrator *migrator = step->migrator;
	struct verb *verb = migrator->verb;
	int i = verb_add(verb, &sql_version_read, NULL);
	int new_enum = verb_add(verb, &sql_new_enum, NULL);
	int tables = verb_add(verb, &sql_tables_list,
			      VALUES(value_text(migrator->schema)));
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
	ret->new_enum = pg_bool(verb->pg, new_enum, 0, 0);
	buf_text(&ret->tables, verb_cell(verb, tables, 0, 0));
	buf_add(&ret->tables, "", 1);
	return 0;
}

/* Which of @tables have gone, and is there an audit, also since this file? */
static int read_gone(struct migrator_step *step, const char *tables,
		     bool *ret_audited)
{
	struct verb *verb = step->migrator->verb;
	int gone = verb_add(verb, &sql_tables_gone, VALUES(value_text(tables)));
	int audit = verb_add(verb, &sql_audit_there, NULL);
	int r = verb_send(verb, step->migrator->schema);

	if (r)
		return r;
	*ret_audited = pg_bool(verb->pg, audit, 0, 0);
	if (pg_null(verb->pg, gone, 0, 0))
		return 0;
	buf_text(&step->gone, verb_cell(verb, gone, 0, 0));
	buf_add(&step->gone, "", 1);
	return 0;
}

/* The version, what was applied, and the audit, in one message. */
static int write_rows(const struct migrator_step *step, bool audited)
{
	const struct migrator *migrator = step->migrator;
	const struct migration *row = step->row;
	struct verb *verb = migrator->verb;
	bool down = step->direction == DOWN;
	int64_t then = down ? row->version - 1 : row->version;
	char what[MIGRATION_NAME_MAX + 128], before[64], after[64];

	(void)verb_add(verb, &sql_applied_clear,
		       VALUES(value_i64(row->version)));
	(void)verb_add(verb, &sql_version_clear, NULL);
	if (then > 0)
		(void)verb_add(verb, &sql_version_write,
			       VALUES(value_i64(then)));
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
	if (audited)
		plan_audit(verb, what, before, after);
	return verb_send(verb, migrator->schema);
}

/* All of a step but the begin and the commit. */
static int do_step(struct migrator_step *step)
{
	struct found found = { 0 };
	bool audited = false;
	int r = begin_session(step);

	if (!r)
		r = make_tables(step->migrator);
	if (!r)
		r = check_still(step, &found);
	if (!r)
		r = run_file(step, found.new_enum);
	if (!r)
		r = begin_session(step);
	if (!r)
		r = read_gone(step, found.tables.p, &audited);
	if (!r)
		r = write_rows(step, audited);
	buf_deinit(&found.tables);
	return r;
}

int migrator_apply(struct migrator_step *step)
{
	struct verb *verb = step->migrator->verb;
	int r;

	if (step->within)
		return do_step(step);
	r = verb_exec(verb, "BEGIN", "begin");
	if (r)
		return r;
	r = do_step(step);
	if (r) {
		if (!pg_lost(verb->pg))
			(void)pg_exec(verb->pg, "ROLLBACK",
				      verb->conf.timeout_ms);
		return r;
	}
	r = verb_exec(verb, "COMMIT", "commit");
	if (r && pg_lost(verb->pg)) {
		step->unknown = true;
		out_hint("nobody knows whether '%s' is applied: overlord "
			 "migrate status says it",
			 step->row->name);
	}
	return r;
}
