/* SPDX-License-Identifier: MIT */
/*
 * Pg: a session, its waits and its messages. The binary forms are in
 * pg_put.c.
 *
 * The connection is non-blocking and every wait is wait_until(), which knows
 * the deadline. Once an answer is overdue or the server is gone, the session
 * is lost: nothing more is sent on it, and the server finds the closed socket.
 */
#include "infra/lib/pg.h"

#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"

/*
 * Debian's libpq brings libldap and that brings GnuTLS, which would make itself
 * ready in every program that is started: nearly 1 MiB for nothing. libldap
 * does so itself before it needs it.
 * https://www.gnutls.org/manual/html_node/Core-TLS-API.html, global init
 */
int _gnutls_global_init_skip(void);

int _gnutls_global_init_skip(void)
{
	return 1;
}

#define STATEMENTS_MAX 16
#define PREPARED_MAX 96

struct pg {
	PGconn *conn;
	bool lost;
	bool unreplicated;
	char sqlstate[6];
	char message[256];

	const struct pg_statement *prepared[PREPARED_MAX];
	size_t n_prepared;

	struct {
		const struct pg_statement *statement;
		const struct pg_args *args;
		bool to_prepare;
		PGresult *result;
	} run[STATEMENTS_MAX];
	int n_run;
	bool ran; /* the next pg_add() begins a new message */

	pg_waiting_fn waiting;
	void *waiting_arg;
	int64_t waiting_every_ms;
};

const struct pg_statement pg_begin = { "begin", "BEGIN", 0 };
const struct pg_statement pg_commit = { "commit", "COMMIT", 0 };
const struct pg_statement pg_rollback = { "rollback", "ROLLBACK", 0 };

/* One line of what libpq or the server said, without its line feeds. */
static void set_message(struct pg *pg, const char *text)
{
	size_t n;

	(void)str_copy(pg->message, sizeof(pg->message), text ? text : "");
	for (n = 0; pg->message[n]; n++)
		if (pg->message[n] == '\n')
			pg->message[n] = ' ';
	while (n && pg->message[n - 1] == ' ')
		pg->message[--n] = '\0';
}

static int set_lost(struct pg *pg, const char *text)
{
	pg->lost = true;
	set_message(pg, text);
	return PG_E_LOST;
}

static int set_failed(struct pg *pg, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *severity =
		PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity &&
	    (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")))
		return set_lost(pg, text ? text : "the session was ended");
	(void)str_copy(pg->sqlstate, sizeof(pg->sqlstate), state ? state : "");
	set_message(pg, text ? text : PQresultErrorMessage(result));
	return PG_E_SQL;
}

/* A commit that did not wait for its standby says so by a warning only. */
static void on_notice(void *arg, const PGresult *notice)
{
	const char *where = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);
	struct pg *pg = arg;

	if (where && !strcmp(where, "SyncRepWaitForLSN"))
		pg->unreplicated = true;
}

/* ---- waiting ---- */

/* One poll of the socket, at most until the deadline or the next look. */
static int wait_once(struct pg *pg, short events, int64_t started_at_ms,
		     int64_t deadline_at_ms, int64_t *look_at_ms)
{
	struct pollfd fd = { .fd = PQsocket(pg->conn), .events = events };
	int64_t until_ms = deadline_at_ms;
	int r;

	if (pg->waiting && *look_at_ms < until_ms)
		until_ms = *look_at_ms;
	r = poll(&fd, 1, clock_left_ms(until_ms));
	if (r < 0 && errno != EINTR)
		return set_lost(pg, "cannot wait for the server");
	if (r > 0)
		return 0;
	if (clock_now_ms() >= deadline_at_ms)
		return set_lost(pg, "no answer within the deadline");
	if (pg->waiting && clock_now_ms() >= *look_at_ms) {
		pg->waiting(pg->waiting_arg, PQbackendPID(pg->conn),
			    clock_now_ms() - started_at_ms);
		*look_at_ms = clock_now_ms() + pg->waiting_every_ms;
	}
	return 0;
}

/* Sends all that is buffered; reads what comes meanwhile, lest both wait. */
static int flush_until(struct pg *pg, int64_t deadline_at_ms)
{
	int64_t started_at_ms = clock_now_ms();
	int64_t look_at_ms = started_at_ms + pg->waiting_every_ms;
	int r;

	for (;;) {
		r = PQflush(pg->conn);
		if (r == 0)
			return 0;
		if (r < 0)
			return set_lost(pg, PQerrorMessage(pg->conn));
		r = wait_once(pg, POLLIN | POLLOUT, started_at_ms,
			      deadline_at_ms, &look_at_ms);
		if (r)
			return r;
		if (!PQconsumeInput(pg->conn))
			return set_lost(pg, PQerrorMessage(pg->conn));
	}
}

/* Until PQgetResult() would not block. */
static int answer_until(struct pg *pg, int64_t deadline_at_ms)
{
	int64_t started_at_ms = clock_now_ms();
	int64_t look_at_ms = started_at_ms + pg->waiting_every_ms;
	int r;

	while (PQisBusy(pg->conn)) {
		r = wait_once(pg, POLLIN, started_at_ms, deadline_at_ms,
			      &look_at_ms);
		if (r)
			return r;
		if (!PQconsumeInput(pg->conn))
			return set_lost(pg, PQerrorMessage(pg->conn));
	}
	return 0;
}

/* The next result, NULL where a statement's results end. */
static int next_result(struct pg *pg, PGresult **ret, int64_t deadline_at_ms)
{
	int r = answer_until(pg, deadline_at_ms);

	if (r)
		return r;
	*ret = PQgetResult(pg->conn);
	if (PQstatus(pg->conn) == CONNECTION_BAD) {
		PQclear(*ret);
		return set_lost(pg, PQerrorMessage(pg->conn));
	}
	return 0;
}

/* ---- a session ---- */

static int connect_until(struct pg *pg, int64_t deadline_at_ms)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	int64_t never_ms = INT64_MAX;
	int r;

	while (status != PGRES_POLLING_OK) {
		if (status == PGRES_POLLING_FAILED)
			return set_lost(pg, PQerrorMessage(pg->conn));
		r = wait_once(
			pg, status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
			0, deadline_at_ms, &never_ms);
		if (r)
			return r;
		status = PQconnectPoll(pg->conn);
	}
	return 0;
}

static int connect_start(struct pg *pg, const struct pg_params *params)
{
	const char *const names[] = { "dbname",
				      "application_name",
				      "client_encoding",
				      "keepalives_idle",
				      "keepalives_interval",
				      "keepalives_count",
				      "tcp_user_timeout",
				      NULL };
	const char *const values[] = { params->url, params->application_name,
				       "UTF8",      "5",
				       "2",         "3",
				       "10000",     NULL };

	pg->conn = PQconnectStartParams(names, values, 1);
	xalloc_check(pg->conn);
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		return set_lost(pg, PQerrorMessage(pg->conn));
	return 0;
}

static int session_settings(struct pg *pg, const struct pg_params *params,
			    int64_t deadline_at_ms)
{
	struct buf sql = { 0 };
	char *schema;
	int r;

	/* A backend whose client is gone ends within a second. */
	buf_text(&sql, "SET client_connection_check_interval = '1s';");
	if (params->schema) {
		schema = xalloc_check(PQescapeIdentifier(
			pg->conn, params->schema, strlen(params->schema)));
		buf_printf(&sql, "SET search_path = %s;", schema);
		PQfreemem(schema);
	}
	if (params->options)
		buf_text(&sql, params->options);
	buf_add(&sql, "", 1);
	r = pg_exec(pg, sql.p, clock_left_ms(deadline_at_ms));
	buf_deinit(&sql);
	return r;
}

int pg_connect(struct pg **ret, const struct pg_params *params, char *error)
{
	CLEANUP(pg_freep) struct pg *pg = xcalloc(1, sizeof(*pg));
	int64_t deadline_at_ms = clock_now_ms() + params->timeout_ms;
	int r;

	r = connect_start(pg, params);
	if (!r)
		r = connect_until(pg, deadline_at_ms);
	if (!r) {
		(void)PQsetnonblocking(pg->conn, 1);
		(void)PQsetNoticeReceiver(pg->conn, on_notice, pg);
		r = session_settings(pg, params, deadline_at_ms);
	}
	if (r) {
		if (error)
			(void)str_copy(error, 256, pg->message);
		return PG_E_LOST;
	}
	*ret = pg;
	pg = NULL;
	return 0;
}

static void forget_results(struct pg *pg)
{
	for (int i = 0; i < pg->n_run; i++)
		PQclear(pg->run[i].result);
	memset(pg->run, 0, sizeof(pg->run));
	pg->n_run = 0;
}

struct pg *pg_free(struct pg *pg)
{
	if (!pg)
		return NULL;
	forget_results(pg);
	PQfinish(pg->conn);
	free(pg);
	return NULL;
}

bool pg_lost(const struct pg *pg)
{
	return pg->lost;
}

int pg_backend_pid(const struct pg *pg)
{
	return PQbackendPID(pg->conn);
}

int pg_socket(const struct pg *pg)
{
	return PQsocket(pg->conn);
}

const char *pg_sqlstate(const struct pg *pg)
{
	return pg->sqlstate;
}

const char *pg_message(const struct pg *pg)
{
	return pg->message;
}

bool pg_unreplicated(struct pg *pg)
{
	bool said = pg->unreplicated;

	pg->unreplicated = false;
	return said;
}

void pg_on_waiting(struct pg *pg, int64_t every_ms, pg_waiting_fn fn, void *arg)
{
	pg->waiting = fn;
	pg->waiting_arg = arg;
	pg->waiting_every_ms = every_ms;
}

/* ---- a message of statements ---- */

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
		forget_results(pg);
		pg->ran = false;
	}
	assert(pg->n_run < STATEMENTS_MAX);
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
		return set_lost(pg, "the session is busy");
	for (int i = 0; i < pg->n_run; i++) {
		const struct pg_statement *statement = pg->run[i].statement;

		if (pg->run[i].to_prepare &&
		    !PQsendPrepare(pg->conn, statement->name, statement->sql, 0,
				   NULL))
			return set_lost(pg, PQerrorMessage(pg->conn));
		if (!send_statement(pg, statement, pg->run[i].args))
			return set_lost(pg, PQerrorMessage(pg->conn));
	}
	if (!PQpipelineSync(pg->conn))
		return set_lost(pg, PQerrorMessage(pg->conn));
	return 0;
}

/* One statement's results; the first failure is what pg_run() says. */
static int receive_results(struct pg *pg, PGresult **ret, int *failed,
			   int64_t deadline_at_ms)
{
	PGresult *result;
	int r;

	for (;;) {
		r = next_result(pg, &result, deadline_at_ms);
		if (r)
			return r;
		if (!result)
			return 0;
		if (PQresultStatus(result) == PGRES_FATAL_ERROR && !*failed)
			*failed = set_failed(pg, result);
		PQclear(*ret);
		*ret = result;
	}
}

static bool succeeded(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static int receive_run(struct pg *pg, int64_t deadline_at_ms)
{
	PGresult *result = NULL;
	int r = 0, failed = 0;

	for (int i = 0; !r && i < pg->n_run; i++) {
		if (pg->run[i].to_prepare) {
			r = receive_results(pg, &result, &failed,
					    deadline_at_ms);
			if (!r && succeeded(result)) {
				assert(pg->n_prepared < PREPARED_MAX);
				pg->prepared[pg->n_prepared++] =
					pg->run[i].statement;
			}
			PQclear(result);
			result = NULL;
		}
		if (!r)
			r = receive_results(pg, &pg->run[i].result, &failed,
					    deadline_at_ms);
	}
	if (!r)
		r = next_result(pg, &result, deadline_at_ms);
	if (r)
		return r;
	/* A session that is ended says so where the message's end would be. */
	if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
		r = set_lost(pg, result ? PQresultErrorMessage(result)
					: "the session was ended");
	PQclear(result);
	if (r)
		return r;
	if (!PQexitPipelineMode(pg->conn))
		return set_lost(pg, "the message did not end");
	return failed;
}

int pg_run(struct pg *pg, int64_t timeout_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	int r;

	pg->sqlstate[0] = '\0';
	pg->ran = true;
	if (pg->lost)
		return PG_E_LOST;
	r = send_run(pg);
	if (!r)
		r = flush_until(pg, deadline_at_ms);
	if (!r)
		r = receive_run(pg, deadline_at_ms);
	return r;
}

int pg_n_rows(const struct pg *pg, int statement)
{
	return PQntuples(pg->run[statement].result);
}

int pg_n_affected(const struct pg *pg, int statement)
{
	int64_t n = 0;

	(void)str_to_i64(&n, PQcmdTuples(pg->run[statement].result), 0,
			 INT32_MAX);
	return (int)n;
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

/* ---- COPY in, and plain SQL ---- */

/* Until the results end, or COPY asks for its rows. */
static int plain_results(struct pg *pg, bool until_copy, int64_t deadline_at_ms)
{
	int r, failed = 0;
	bool copying = false;

	while (!copying) {
		PGresult *result;

		r = next_result(pg, &result, deadline_at_ms);
		if (r)
			return r;
		if (!result)
			break;
		copying = PQresultStatus(result) == PGRES_COPY_IN;
		if (PQresultStatus(result) == PGRES_FATAL_ERROR && !failed)
			failed = set_failed(pg, result);
		PQclear(result);
	}
	assert(failed || copying == until_copy);
	return failed;
}

static int plain_query(struct pg *pg, const char *sql, bool until_copy,
		       int64_t timeout_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	int r;

	pg->sqlstate[0] = '\0';
	if (pg->lost)
		return PG_E_LOST;
	if (!PQsendQuery(pg->conn, sql))
		return set_lost(pg, PQerrorMessage(pg->conn));
	r = flush_until(pg, deadline_at_ms);
	if (!r)
		r = plain_results(pg, until_copy, deadline_at_ms);
	return r;
}

int pg_exec(struct pg *pg, const char *sql, int64_t timeout_ms)
{
	return plain_query(pg, sql, false, timeout_ms);
}

int pg_copy_begin(struct pg *pg, const char *sql, int64_t timeout_ms)
{
	/* Signature (11 bytes), flags, length of a header extension; the
	 * literal's own NUL is the last byte. */
	static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
	int r = plain_query(pg, sql, true, timeout_ms);

	if (!r)
		r = pg_copy_put(pg, header, sizeof(header), timeout_ms);
	return r;
}

int pg_copy_put(struct pg *pg, const void *p, size_t n, int64_t timeout_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	int r = 0;

	if (pg->lost)
		return PG_E_LOST;
	for (;;) {
		int put = PQputCopyData(pg->conn, p, (int)n);

		if (put > 0)
			return r;
		if (put < 0)
			return set_lost(pg, PQerrorMessage(pg->conn));
		r = flush_until(pg, deadline_at_ms);
		if (r)
			return r;
	}
}

int pg_copy_end(struct pg *pg, int64_t timeout_ms)
{
	static const char trailer[] = { '\377', '\377' };
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	int r = pg_copy_put(pg, trailer, sizeof(trailer), timeout_ms);

	if (r)
		return r;
	while ((r = PQputCopyEnd(pg->conn, NULL)) == 0) {
		r = flush_until(pg, deadline_at_ms);
		if (r)
			return r;
	}
	if (r < 0)
		return set_lost(pg, PQerrorMessage(pg->conn));
	r = flush_until(pg, deadline_at_ms);
	if (!r)
		r = plain_results(pg, false, deadline_at_ms);
	return r;
}

bool pg_notified(struct pg *pg)
{
	PGnotify *notify;

	if (pg->lost)
		return false;
	if (!PQconsumeInput(pg->conn)) {
		(void)set_lost(pg, PQerrorMessage(pg->conn));
		return false;
	}
	notify = PQnotifies(pg->conn);
	PQfreemem(notify);
	return notify != NULL;
}
