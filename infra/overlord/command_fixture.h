/* SPDX-License-Identifier: MIT */
/*
 * Command fixture: a verb's surroundings in a test, with a database of its
 * own, for *_test.c only. What a verb said is in `said`.
 */
#ifndef OVERLORD_COMMAND_FIXTURE_H
#define OVERLORD_COMMAND_FIXTURE_H

#include <sys/wait.h>

#include "infra/lib/postgres_fixture.h"
#include "infra/overlord/command.h"
#include "infra/overlord/said_fixture.h"

#define ORDER "01900000-0000-7000-8000-000000000007"
#define CALL_CODE "P130"
#define OTHER_ORDER "01900000-0000-7000-8000-000000000008"

#define COMMAND_DEADLINE_MS INT64_C(20000)

static const char *url;
static struct command command;

static inline void setup(void)
{
	url = postgres_database();
	command = (struct command){
		.words = "a verb",
		.arguments = "",
		.conf.database_url = url,
		.conf.brokers = "127.0.0.1:1",
		.conf.migrations = "migrations",
		.conf.timeout_ms = POSTGRES_TIMEOUT_MS,
		.who = "tester",
		.schema = "galore",
		.suffix = "",
		.options = { .plates = -1, .unit = -1, .limit = -1, .to = -1 },
	};
}

static inline int run(int (*verb)(struct command *command))
{
	int r;

	said_begin();
	r = verb(&command);
	said_end();
	return r;
}

#define NUMBER(sql) postgres_number(url, sql)
#define N_AUDIT NUMBER("SELECT count(*) FROM control.audit")

static inline void execute_sql(const char *sql)
{
	struct pg *pg = postgres_connect(url, "galore");

	postgres_exec(pg, sql);
	(void)pg_free(pg);
}

/* Runs the verb with these words while @pg has an open transaction, waits until
 * it waits for that, commits, and gives what the verb came to. */
static inline int run_behind(struct pg *pg,
			     int (*verb)(struct command *command))
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(run(verb));
	CHECK_WITHIN(COMMAND_DEADLINE_MS,
		     NUMBER("SELECT count(*) FROM pg_stat_activity "
			    "WHERE application_name LIKE 'overlord%' "
			    "AND datname = current_database() "
			    "AND wait_event_type = 'Lock'"),
		     (void)0);
	postgres_exec(pg, "COMMIT");
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* One toastie in @state, with an open intent. */
static inline void make_toastie(const char *state)
{
	struct pg *pg = postgres_connect(url, "galore");
	char sql[1024];

	(void)snprintf(
		sql, sizeof(sql),
		"INSERT INTO toasties (order_id, number, stall, doneness, "
		"state, seq, published_seq, lines, partition, \"offset\", "
		"bucket, changed_at) VALUES ('%s', 7, 'main', 'light', '%s', "
		"2, 2, 1, 0, 0, 0, now()); "
		"INSERT INTO intents (order_id, grill, plate, token, time_ms, "
		"opened_at) VALUES ('%s', 'left', 0, 1, 1000, now())",
		ORDER, state, ORDER);
	postgres_exec(pg, sql);
	(void)pg_free(pg);
}

#endif
