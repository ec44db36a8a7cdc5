/* SPDX-License-Identifier: MIT */
/* Pg session: what pg.c and pg_run.c share; for them alone. */
#ifndef LIB_PG_SESSION_H
#define LIB_PG_SESSION_H

#include <libpq-fe.h>

#include "infra/lib/postgres/pg.h"

enum { PG_STATEMENTS_MAX = 16, PG_PREPARED_MAX = 96 };

struct pg {
	PGconn *conn;
	bool lost;
	bool unreplicated;
	char sqlstate[6];
	char message[256];

	const struct pg_statement *prepared[PG_PREPARED_MAX];
	size_t n_prepared;

	struct {
		const struct pg_statement *statement;
		const struct pg_args *args;
		bool to_prepare;
		PGresult *result;
	} run[PG_STATEMENTS_MAX];
	int n_run;
	bool ran; /* the next pg_add() begins a new message */

	int64_t deadline_at_ms; /* of the call that is under way */
	pg_waiting_fn waiting;
	void *waiting_arg;
	int64_t waiting_every_ms;
	int64_t waits_since_ms, look_at_ms;
};

/* Begins a call: all its waits have one deadline. PG_E_LOST: it was lost. */
int pg_begin_call(struct pg *pg, int64_t timeout_ms);
/* Marks the session as lost, and gives PG_E_LOST. */
int pg_lose(struct pg *pg, const char *text);
/* What the server refused, PG_E_SQL; PG_E_LOST when it ends the session. */
int pg_fail(struct pg *pg, const PGresult *result);
/* Sends all that is buffered. */
int pg_flush(struct pg *pg);
/* The next result; NULL where a statement's results end. */
int pg_next_result(struct pg *pg, PGresult **ret);
void pg_forget_results(struct pg *pg);

#endif
