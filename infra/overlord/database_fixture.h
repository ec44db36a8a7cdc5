/* SPDX-License-Identifier: MIT */
/*
 * Database fixture: a database that all tests of a program share, for
 * *_test.c only. Each test finds it as the migrations leave it.
 */
#ifndef OVERLORD_DATABASE_FIXTURE_H
#define OVERLORD_DATABASE_FIXTURE_H

#include "infra/lib/postgres/postgres_fixture.h"
#include "infra/overlord/overlord_fixture.h"

#define ORDER "01900000-0000-7000-8000-000000000007"
#define CALL_CODE "P130"
#define OTHER_ORDER "01900000-0000-7000-8000-000000000008"

#define DEADLINE_MS INT64_C(45000)

static const char *url;

#define NUMBER(sql) postgres_number(url, sql)
/* "TABLE WHERE ..." has so many rows. */
#define CHECK_COUNT(n, from) ck_assert_int_eq(postgres_count(url, from), n)

static inline void execute_sql(const char *sql)
{
	struct pg *pg = postgres_connect(url, "galore");

	postgres_exec(pg, sql);
	(void)pg_free(pg);
}

static inline void use_server(const char *server)
{
	url = server;
	set_env("DATABASE_URL", url);
	set_env("KAFKA_BROKERS", "127.0.0.1:1");
	set_env("MIGRATIONS_DIR", "migrations");
	set_env("OVERLORD_TIMEOUT_MS", "20000");
	set_env("USER", "tester");
	ck_assert_int_eq(unsetenv("SUDO_USER"), 0);
}

/* Once a program. */
static inline void make_database(void)
{
	use_server(postgres_database());
}

/* Before each test. */
static inline void empty_database(void)
{
	execute_sql("TRUNCATE orders, toasties, intents, stock, stock_changes, "
		    "dead_letters, control.grills, control.plates, "
		    "control.heartbeats, control.audit, control.switches, "
		    "control.holds, control.instances, control.agents, "
		    "control.deployments, control.autoscale CASCADE; "
		    "DELETE FROM positions WHERE lane <> 'stable'; "
		    "DELETE FROM control.lanes WHERE lane <> 'stable'; "
		    "UPDATE control.lanes SET colour = 'blue'; "
		    "UPDATE positions SET colour = 'blue',  holder = NULL, "
		    "epoch = 0, "
		    "next_offset = 0, emitted_offset = 0");
}

static inline TCase *database_case(Suite *suite)
{
	TCase *tcase = check_case(suite, 60);

	tcase_add_unchecked_fixture(tcase, make_database, NULL);
	tcase_add_checked_fixture(tcase, empty_database, NULL);
	return tcase;
}

/* Until a session of overlord's waits for a lock. */
static inline void wait_for_waiter(void)
{
	CHECK_WITHIN(DEADLINE_MS,
		     NUMBER("SELECT count(*) FROM pg_stat_activity "
			    "WHERE application_name LIKE 'overlord%' "
			    "AND datname = current_database() "
			    "AND wait_event_type = 'Lock'"),
		     (void)0);
}

static inline pid_t overlord_in_a_child(const char *line)
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		(void)signal(SIGINT, SIG_DFL); /* not Check's own */
		(void)signal(SIGTERM, SIG_DFL);
		_exit(overlord(line));
	}
	return child;
}

static inline int status_of(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Runs the line while @pg has an open transaction, waits until it waits for
 * that, commits, and gives what the verb came to. */
static inline int run_behind(struct pg *pg, const char *line)
{
	pid_t child = overlord_in_a_child(line);

	wait_for_waiter();
	postgres_exec(pg, "COMMIT");
	(void)pg_free(pg);
	return status_of(child);
}

/* A toastie in @state, queued for a minute, at a stall. */
#define TOASTIE(stall, state)                                                  \
	"INSERT INTO toasties (order_id, number, stall, doneness, state, "     \
	"seq, "                                                                \
	"published_seq, lines, partition, \"offset\", bucket, changed_at, "    \
	"queued_at) VALUES ('" ORDER "', 7, '" stall "', 'light', '" state     \
	"', 2, 2, 1, 0, 0, 0, now(), now() - interval '61 s'); "
/* It is on a plate. */
#define INTENT                                                                 \
	"INSERT INTO intents (order_id, grill, plate, token, time_ms, "        \
	"opened_at) VALUES ('" ORDER "', 'left', 0, 1, 1000, now()); "

#endif
