/* SPDX-License-Identifier: MIT */
/*
 * Pg: a session, its waits, plain SQL and COPY. Messages of statements are in
 * pg_run.c, the binary forms of values in pg_put.c.
 *
 * The connection is non-blocking and every wait is wait_once(), which knows the
 * deadline of the call. Once an answer is overdue or the server is gone, the
 * session is lost: nothing more is sent on it, and the server finds the closed
 * socket.
 */
#include "infra/lib/postgres/pg_session.h"

#include <assert.h>
#include <errno.h>
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

int pg_lose(struct pg *pg, const char *text)
{
	pg->lost = true;
	set_message(pg, text);
	return PG_E_LOST;
}

int pg_fail(struct pg *pg, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *severity =
		PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity &&
	    (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")))
		return pg_lose(pg, text ? text : "the session was ended");
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

/* Begins a wait for the server; pg->waiting is called while it lasts. */
static void begin_wait(struct pg *pg)
{
	pg->waits_since_ms = clock_now_ms();
	pg->look_at_ms = pg->waiting ? pg->waits_since_ms + pg->waiting_every_ms
				     : INT64_MAX;
}

/* One poll of the socket, at most until the deadline or the next look. */
static int wait_once(struct pg *pg, short events)
{
	struct pollfd fd = { .fd = PQsocket(pg->conn), .events = events };
	int64_t until_ms = pg->look_at_ms < pg->deadline_at_ms
				   ? pg->look_at_ms
				   : pg->deadline_at_ms;
	int r = poll(&fd, 1, clock_left_ms(until_ms));

	if (r < 0 && errno != EINTR)
		return pg_lose(pg, "cannot wait for the server");
	if (r > 0)
		return 0;
	if (clock_now_ms() >= pg->deadline_at_ms)
		return pg_lose(pg, "no answer within the deadline");
	if (clock_now_ms() >= pg->look_at_ms) {
		pg->waiting(pg->waiting_arg, PQbackendPID(pg->conn),
			    clock_now_ms() - pg->waits_since_ms);
		pg->look_at_ms = clock_now_ms() + pg->waiting_every_ms;
	}
	return 0;
}

static int wait_and_read(struct pg *pg, short events)
{
	int r = wait_once(pg, events);

	if (!r && !PQconsumeInput(pg->conn))
		r = pg_lose(pg, PQerrorMessage(pg->conn));
	return r;
}

/* Reads what comes meanwhile, lest both sides wait. */
int pg_flush(struct pg *pg)
{
	int r;

	begin_wait(pg);
	while ((r = PQflush(pg->conn)) > 0) {
		r = wait_and_read(pg, POLLIN | POLLOUT);
		if (r)
			return r;
	}
	return r < 0 ? pg_lose(pg, PQerrorMessage(pg->conn)) : 0;
}

int pg_next_result(struct pg *pg, PGresult **ret)
{
	int r = 0;

	begin_wait(pg);
	while (!r && PQisBusy(pg->conn))
		r = wait_and_read(pg, POLLIN);
	if (r)
		return r;
	*ret = PQgetResult(pg->conn);
	if (PQstatus(pg->conn) == CONNECTION_BAD) {
		PQclear(*ret);
		return pg_lose(pg, PQerrorMessage(pg->conn));
	}
	return 0;
}

int pg_begin_call(struct pg *pg, int64_t timeout_ms)
{
	pg->deadline_at_ms = clock_now_ms() + timeout_ms;
	return pg->lost ? PG_E_LOST : 0;
}

/* ---- a session ---- */

static int connect_by_deadline(struct pg *pg)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	int r;

	begin_wait(pg);
	while (status != PGRES_POLLING_OK) {
		if (status == PGRES_POLLING_FAILED)
			return pg_lose(pg, PQerrorMessage(pg->conn));
		r = wait_once(pg, status == PGRES_POLLING_READING ? POLLIN
								  : POLLOUT);
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
		return pg_lose(pg, PQerrorMessage(pg->conn));
	return 0;
}

static int session_settings(struct pg *pg, const struct pg_params *params)
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
	r = pg_exec(pg, sql.p, clock_left_ms(pg->deadline_at_ms));
	buf_deinit(&sql);
	return r;
}

int pg_connect(struct pg **ret, const struct pg_params *params, char *error)
{
	CLEANUP(pg_freep) struct pg *pg = xcalloc(1, sizeof(*pg));
	int r;

	(void)pg_begin_call(pg, params->timeout_ms);
	r = connect_start(pg, params);
	if (!r)
		r = connect_by_deadline(pg);
	if (!r) {
		(void)PQsetnonblocking(pg->conn, 1);
		(void)PQsetNoticeReceiver(pg->conn, on_notice, pg);
		r = session_settings(pg, params);
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

struct pg *pg_free(struct pg *pg)
{
	if (!pg)
		return NULL;
	pg_forget_results(pg);
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

/* ---- COPY in, and plain SQL ---- */

/* Until the results end, or COPY asks for its rows. */
static int plain_results(struct pg *pg, bool until_copy)
{
	int r, failed = 0;
	bool copying = false;

	while (!copying) {
		PGresult *result;

		r = pg_next_result(pg, &result);
		if (r)
			return r;
		if (!result)
			break;
		copying = PQresultStatus(result) == PGRES_COPY_IN;
		if (PQresultStatus(result) == PGRES_FATAL_ERROR && !failed)
			failed = pg_fail(pg, result);
		PQclear(result);
	}
	assert(failed || copying == until_copy);
	return failed;
}

static int plain_query(struct pg *pg, const char *sql, bool until_copy,
		       int64_t timeout_ms)
{
	int r = pg_begin_call(pg, timeout_ms);

	pg->sqlstate[0] = '\0';
	if (r)
		return r;
	if (!PQsendQuery(pg->conn, sql))
		return pg_lose(pg, PQerrorMessage(pg->conn));
	r = pg_flush(pg);
	if (!r)
		r = plain_results(pg, until_copy);
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
	int r = pg_begin_call(pg, timeout_ms), put = 0;

	while (!r && (put = PQputCopyData(pg->conn, p, (int)n)) == 0)
		r = pg_flush(pg);
	return put < 0 ? pg_lose(pg, PQerrorMessage(pg->conn)) : r;
}

int pg_copy_end(struct pg *pg, int64_t timeout_ms)
{
	static const char trailer[] = { '\377', '\377' };
	int r = pg_copy_put(pg, trailer, sizeof(trailer), timeout_ms), put = 0;

	while (!r && (put = PQputCopyEnd(pg->conn, NULL)) == 0)
		r = pg_flush(pg);
	if (put < 0)
		return pg_lose(pg, PQerrorMessage(pg->conn));
	if (!r)
		r = pg_flush(pg);
	if (!r)
		r = plain_results(pg, false);
	return r;
}

bool pg_notified(struct pg *pg)
{
	PGnotify *notify;

	if (pg->lost)
		return false;
	if (!PQconsumeInput(pg->conn)) {
		(void)pg_lose(pg, PQerrorMessage(pg->conn));
		return false;
	}
	notify = PQnotifies(pg->conn);
	PQfreemem(notify);
	return notify != NULL;
}
