/* SPDX-License-Identifier: MIT */
/*
 * Pg run: a message of statements in libpq's pipeline mode, and its results.
 * A statement is prepared in the message that uses it first, and counts as
 * prepared once the server has said so.
 */
#include <assert.h>
#include <string.h>

#include "infra/lib/postgres/pg_session.h"

const struct pg_statement pg_begin = { "begin", "BEGIN", 0 };
const struct pg_statement pg_commit = { "commit", "COMMIT", 0 };
const struct pg_statement pg_rollback = { "rollback", "ROLLBACK", 0 };

void pg_forget_results(struct pg *pg)
{
	for (int i = 0; i < pg->n_run; i++)
		PQclear(pg->run[i].result);
	memset(pg->run, 0, sizeof(pg->run));
	pg->n_run = 0;
}

static bool is_prepared(const struct pg *pg,
			const struct pg_statement *statement)
{
	for (size_t i = 0; i < pg->n_prepared; i++)
		if (pg->prepared[i] == statement)
			return true;
	for (int i = 0; i < pg->n_run; i++)
		if (pg->run[i].statement == statement)
			return true; /* by this message, if not before */
	return false;
}

int pg_add(struct pg *pg, const struct pg_statement *statement,
	   const struct pg_args *args)
{
	if (pg->ran) {
		pg_forget_results(pg);
		pg->ran = false;
	}
	assert(pg->n_run < PG_STATEMENTS_MAX);
	assert((args ? args->n : 0) == statement->n_args);
	pg->run[pg->n_run].to_prepare = !is_prepared(pg, statement);
	pg->run[pg->n_run].statement = statement;
	pg->run[pg->n_run].args = args;
	return pg->n_run++;
}

static int send_statement(struct pg *pg, const struct pg_statement *statement,
			  const struct pg_args *args)
{
	const char *values[PG_ARGS_MAX];
	int lengths[PG_ARGS_MAX], formats[PG_ARGS_MAX];
	int n_args = args ? args->n : 0;

	for (int i = 0; i < n_args; i++) {
		/* Each value stands behind its length, as COPY wants it. */
		const char *p = args->buf.p + args->at[i];
		uint32_t n;

		memcpy(&n, p, sizeof(n));
		n = __builtin_bswap32(n);
		values[i] = n == UINT32_MAX ? NULL : p + sizeof(n);
		lengths[i] = (int)n;
		formats[i] = 1;
	}
	return PQsendQueryPrepared(pg->conn, statement->name, n_args, values,
				   lengths, formats, 1);
}

static int send_run(struct pg *pg)
{
	if (!PQenterPipelineMode(pg->conn))
		return pg_lose(pg, "the session is busy");
	for (int i = 0; i < pg->n_run; i++) {
		const struct pg_statement *statement = pg->run[i].statement;

		if (pg->run[i].to_prepare &&
		    !PQsendPrepare(pg->conn, statement->name, statement->sql, 0,
				   NULL))
			return pg_lose(pg, PQerrorMessage(pg->conn));
		if (!send_statement(pg, statement, pg->run[i].args))
			return pg_lose(pg, PQerrorMessage(pg->conn));
	}
	if (!PQpipelineSync(pg->conn))
		return pg_lose(pg, PQerrorMessage(pg->conn));
	return 0;
}

/* One statement's results; the first failure is what pg_run() says. */
static int receive_results(struct pg *pg, PGresult **ret, int *failed)
{
	PGresult *result;
	int r;

	for (;;) {
		r = pg_next_result(pg, &result);
		if (r)
			return r;
		if (!result)
			return 0;
		if (PQresultStatus(result) == PGRES_FATAL_ERROR && !*failed)
			*failed = pg_fail(pg, result);
		PQclear(*ret);
		*ret = result;
	}
}

static bool succeeded(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static int receive_run(struct pg *pg)
{
	PGresult *result = NULL;
	int r = 0, failed = 0;

	for (int i = 0; !r && i < pg->n_run; i++) {
		if (pg->run[i].to_prepare) {
			r = receive_results(pg, &result, &failed);
			if (!r && succeeded(result)) {
				assert(pg->n_prepared < PG_PREPARED_MAX);
				pg->prepared[pg->n_prepared++] =
					pg->run[i].statement;
			}
			PQclear(result);
			result = NULL;
		}
		if (!r)
			r = receive_results(pg, &pg->run[i].result, &failed);
	}
	if (!r)
		r = pg_next_result(pg, &result);
	if (r)
		return r;
	/* A session that is ended says so where the message's end would be. */
	if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
		r = pg_lose(pg, result ? PQresultErrorMessage(result)
				       : "the session was ended");
	PQclear(result);
	if (r)
		return r;
	if (!PQexitPipelineMode(pg->conn))
		return pg_lose(pg, "the message did not end");
	return failed;
}

int pg_run(struct pg *pg, int64_t timeout_ms)
{
	int r = pg_begin_call(pg, timeout_ms);

	pg->sqlstate[0] = '\0';
	pg->ran = true;
	if (!r)
		r = send_run(pg);
	if (!r)
		r = pg_flush(pg);
	if (!r)
		r = receive_run(pg);
	return r;
}

int pg_n_rows(const struct pg *pg, int statement)
{
	return PQntuples(pg->run[statement].result);
}

bool pg_null(const struct pg *pg, int statement, int row, int column)
{
	return PQgetisnull(pg->run[statement].result, row, column);
}

const char *pg_bytes(const struct pg *pg, int statement, int row, int column,
		     size_t *ret_n)
{
	const PGresult *result = pg->run[statement].result;
	const char *p = PQgetvalue(result, row, column);
	int n = PQgetlength(result, row, column);

	/* jsonb's binary form is its text after a version byte. */
	if (PQftype(result, column) == PG_JSONB && n > 0) {
		p++;
		n--;
	}
	*ret_n = (size_t)n;
	return p;
}

bool pg_bool(const struct pg *pg, int statement, int row, int column)
{
	return pg_i64(pg, statement, row, column) != 0;
}

int64_t pg_i64(const struct pg *pg, int statement, int row, int column)
{
	size_t n;
	const char *p = pg_bytes(pg, statement, row, column, &n);

	return pg_i64_of(p, n);
}
