/* SPDX-License-Identifier: MIT */
/*
 * A sequence counts the rows that come, and each waits while its number is
 * above how many are let through. The first thread of the test's process.
 */
#include "itests/harness/gate.h"

#include <inttypes.h>

void gate_build(const struct world *world, const char *table)
{
	struct db *db = world->db;

	(void)db_query(db, "CREATE TABLE IF NOT EXISTS gates "
			   "(at text PRIMARY KEY, n_let bigint NOT NULL, "
			   "who text NOT NULL DEFAULT '%%')");
	(void)db_query(db, "CREATE SEQUENCE gate_of_%s", table);
	(void)db_query(db,
		       "INSERT INTO gates VALUES ('%s', nextval('gate_of_%s'))",
		       table, table);
	/* Each look is a statement, and sees what was committed until then; it
	 * finds nothing when another program is waited for. */
	(void)db_query(db,
		       "CREATE FUNCTION pass_gate_of_%s() RETURNS trigger "
		       "LANGUAGE plpgsql AS $$ DECLARE "
		       "mine bigint := nextval('gate_of_%s'); BEGIN "
		       "WHILE mine > (SELECT n_let FROM gates WHERE at = '%s' "
		       "AND current_setting('application_name') LIKE who) "
		       "LOOP PERFORM pg_sleep(0.005); END LOOP; "
		       "RETURN NEW; END $$",
		       table, table, table);
	(void)db_query(db,
		       "CREATE TRIGGER gate BEFORE INSERT ON %s "
		       "FOR EACH ROW EXECUTE FUNCTION pass_gate_of_%s()",
		       table, table);
}

void gate_refuse(const struct world *world, const char *table, const char *when,
		 const char *sqlstate)
{
	(void)db_query(world->db,
		       "CREATE FUNCTION refuse_%s() RETURNS trigger LANGUAGE "
		       "plpgsql AS $$ BEGIN IF %s THEN RAISE EXCEPTION "
		       "'not that one' USING ERRCODE = '%s'; END IF; "
		       "RETURN NEW; END $$",
		       sqlstate, when, sqlstate);
	(void)db_query(world->db,
		       "CREATE TRIGGER refuse_%s BEFORE INSERT ON %s "
		       "FOR EACH ROW EXECUTE FUNCTION refuse_%s()",
		       sqlstate, table, sqlstate);
}

void gate_shut(const struct world *world, const char *table)
{
	(void)db_query(world->db,
		       "UPDATE gates SET n_let = nextval('gate_of_%s'), "
		       "who = '%%' WHERE at = '%s'",
		       table, table);
}

void gate_shut_for(const struct world *world, const char *table,
		   const struct program *program)
{
	(void)db_query(world->db,
		       "UPDATE gates SET n_let = nextval('gate_of_%s'), "
		       "who = '%%/%d/%%' WHERE at = '%s'",
		       table, (int)program->pid, table);
}

void gate_let(const struct world *world, const char *table, int64_t n_rows)
{
	(void)db_query(world->db,
		       "UPDATE gates SET n_let = n_let + %" PRId64
		       " WHERE at = '%s'",
		       n_rows, table);
}

void gate_open(const struct world *world, const char *table)
{
	(void)db_query(world->db,
		       "UPDATE gates SET n_let = 9223372036854775807 "
		       "WHERE at = '%s'",
		       table);
}

void gate_wait(const struct world *world, const char *table)
{
	db_wait(world->db, 1,
		"SELECT ((SELECT last_value FROM gate_of_%s) > n_let)"
		"::int FROM gates WHERE at = '%s'",
		table, table);
}

#define SESSIONS_OF                                                            \
	"SELECT least(count(*), 1) FROM pg_stat_activity "                     \
	"WHERE datname = current_database() AND "                              \
	"application_name LIKE '%%/%d/%%' AND state = 'active'"

void gate_wait_for(const struct world *world, const struct program *program)
{
	db_wait(world->db, 1, SESSIONS_OF " AND wait_event = 'PgSleep'",
		(int)program->pid);
}

void gate_wait_passed(const struct world *world, pid_t pid)
{
	db_wait(world->db, 0, SESSIONS_OF, (int)pid);
}
