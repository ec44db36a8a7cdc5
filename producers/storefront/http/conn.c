/* SPDX-License-Identifier: MIT */
/*
 * Http conn: one connection, from bytes to requests and from answers to bytes;
 * and what a handler may do with a request.
 *
 * advance() is the only place that turns bytes into requests. It is not entered
 * twice: an answer that the handler gives at once only changes the phase, and
 * the loop in advance() goes on from there.
 */
#include "producers/storefront/http/conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"

enum {
	READ_AHEAD_BYTES = HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES,
	/* What a client may leave unread before its next request is begun. */
	BEHIND_BYTES = 65536,
};

/* ---- connections ---- */

static void request_free(struct http_request *request)
{
	if (request)
		free(request->body);
	free(request);
}

void http_conn_free(struct http_conn *conn)
{
	struct http *http = conn->http;

	LIST_REMOVE(conn, link);
	if (conn->phase == HTTP_PHASE_BODY)
		request_free(conn->request);
	else if (conn->request)
		conn->request->conn = NULL;
	conn->request = NULL;
	if (conn->stream) {
		conn->stream->conn = NULL;
		conn->stream->params.closed(conn->stream->params.arg);
		free(conn->stream);
	}
	bufferevent_free(conn->bev);
	http_release(http, conn->caller);
	free(conn);
}

/* Now, or when advance() is done with it. */
static void conn_end(struct http_conn *conn)
{
	if (conn->phase == HTTP_PHASE_BODY) {
		request_free(conn->request);
		conn->request = NULL;
	}
	conn->phase = HTTP_PHASE_GONE;
	if (!conn->advancing)
		http_conn_free(conn);
}

static struct evbuffer *output_of(const struct http_conn *conn)
{
	return bufferevent_get_output(conn->bev);
}

static struct evbuffer *input_of(const struct http_conn *conn)
{
	return bufferevent_get_input(conn->bev);
}

/*
 * Reads while the input is below its limit. The library's own limit is of no
 * use here: above it libevent calls on_read() again and again, and the loop
 * does nothing else.
 */
static void adjust_reading(struct http_conn *conn)
{
	bool full = evbuffer_get_length(input_of(conn)) >= READ_AHEAD_BYTES;

	if (full == conn->full || conn->eof)
		return;
	conn->full = full;
	if (full)
		(void)bufferevent_disable(conn->bev, EV_READ);
	else
		(void)bufferevent_enable(conn->bev, EV_READ);
}

static void drop_input(struct http_conn *conn)
{
	struct evbuffer *input = input_of(conn);

	(void)evbuffer_drain(input, evbuffer_get_length(input));
	adjust_reading(conn);
}

static void linger(struct http_conn *conn)
{
	if (conn->eof) {
		conn_end(conn);
		return;
	}
	conn->phase = HTTP_PHASE_LINGERING;
	conn->deadline_at_ms = clock_now_ms() + conn->http->timeouts.linger_ms;
	drop_input(conn);
	(void)shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
}

void http_conn_close(struct http_conn *conn)
{
	conn->phase = HTTP_PHASE_CLOSING;
	conn->deadline_at_ms = 0;
	drop_input(conn);
	if (evbuffer_get_length(output_of(conn)) == 0)
		linger(conn);
}

/* ---- answers ---- */

/* @no_length: the body has no end but the connection's. */
static void write_reply(struct http_conn *conn, const struct http_reply *reply,
			bool no_length)
{
	const struct http_reply_style style = {
		.date = http_date_text(&conn->http->date, clock_wall_ms()),
		.close = !conn->keep_alive,
		.no_body = conn->head_only,
		.no_length = no_length,
	};

	http_reply_write(output_of(conn), reply, &style);
}

/* Answers what is wrong, and ends the connection. */
static void refuse(struct http_conn *conn, int status)
{
	struct http_reply reply = { .status = status,
				    .type = "application/json" };
	char body[128];

	(void)snprintf(body, sizeof(body), "{\"error\":\"%s\"}\n",
		       http_reply_reason(status));
	reply.body = body;
	reply.n_body = strlen(body);
	conn->http->params.answered(
		conn->http->params.arg,
		&(struct http_answered){ .tag = -1, .status = status });
	request_free(conn->request);
	conn->request = NULL;
	conn->keep_alive = false;
	conn->head_only = false;
	write_reply(conn, &reply, false);
	http_conn_close(conn);
}

/* ---- requests ---- */

/* True: there is more to do. */
static bool begin_request(struct http_conn *conn, size_t n_head)
{
	struct http_request *request = xmalloc(sizeof(*request) + n_head);
	int status;

	request->conn = conn;
	request->http = conn->http;
	request->tag = -1;
	request->begun_at_us = clock_now_us();
	request->body = NULL;
	request->n_body = 0;
	(void)evbuffer_remove(input_of(conn), request->bytes, n_head);
	status = http_head_parse(&request->head, request->bytes, n_head);
	if (!status && request->head.content_length > HTTP_BODY_MAX_BYTES)
		status = 413;
	conn->request = request;
	if (status) {
		refuse(conn, status);
		return false;
	}
	request->n_body = (size_t)request->head.content_length;
	if (request->n_body)
		request->body = xmalloc(request->n_body);
	conn->phase = HTTP_PHASE_BODY;
	conn->deadline_at_ms = clock_now_ms() + conn->http->timeouts.body_ms;
	conn->head_only = request->head.method == HTTP_METHOD_HEAD;
	conn->keep_alive = request->head.keep_alive && !conn->http->draining;
	if (request->head.expects_continue && request->n_body &&
	    evbuffer_get_length(input_of(conn)) == 0)
		(void)evbuffer_add(output_of(conn),
				   "HTTP/1.1 100 Continue\r\n\r\n", 25);
	return true;
}

/* How many bytes the head has; 0: it is not whole yet, or is none. */
static size_t find_head(struct http_conn *conn)
{
	struct evbuffer *input = input_of(conn);
	struct evbuffer_ptr line;
	size_t n_end = 0;
	struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	size_t n =
		end.pos < 0 ? evbuffer_get_length(input) : (size_t)end.pos + 4;

	if (n > HTTP_HEAD_MAX_BYTES) {
		refuse(conn, 431);
		return 0;
	}
	if (end.pos >= 0)
		return n;
	/* A client that ends a line in LF alone would wait for ever. */
	line = evbuffer_search_eol(input, NULL, &n_end, EVBUFFER_EOL_CRLF);
	if (line.pos >= 0 && n_end == 1)
		refuse(conn, 400);
	return 0;
}

static bool read_head(struct http_conn *conn)
{
	int64_t until_ms = clock_now_ms() + conn->http->timeouts.head_ms;
	struct evbuffer *input = input_of(conn);
	struct evbuffer_ptr from;
	size_t n = evbuffer_get_length(input);

	if (n == 0)
		return false;
	/* An empty line before a request is forgiven (RFC 9112, 2.2). */
	(void)evbuffer_ptr_set(input, &from, 0, EVBUFFER_PTR_SET);
	if (n >= 2 && evbuffer_search(input, "\r\n", 2, &from).pos == 0) {
		(void)evbuffer_drain(input, 2);
		return true;
	}
	if (conn->deadline_at_ms > until_ms)
		conn->deadline_at_ms = until_ms;
	n = find_head(conn);
	return n && begin_request(conn, n);
}

static bool read_body(struct http_conn *conn)
{
	struct http_request *request = conn->request;

	if (evbuffer_get_length(input_of(conn)) < request->n_body)
		return false;
	if (request->n_body)
		(void)evbuffer_remove(input_of(conn), request->body,
				      request->n_body);
	conn->phase = HTTP_PHASE_HANDLING;
	conn->deadline_at_ms = 0;
	conn->http->params.handle(conn->http->params.arg, request);
	return conn->phase == HTTP_PHASE_HEAD;
}

/* Has the client left too much unread to get more answers? */
static bool is_behind(const struct http_conn *conn)
{
	return evbuffer_get_length(output_of(conn)) > BEHIND_BYTES;
}

/* The client has shut its half, and no whole request is left. */
static void finish(struct http_conn *conn)
{
	if (conn->phase == HTTP_PHASE_BODY)
		conn_end(conn);
	else if (conn->phase == HTTP_PHASE_HEAD && !is_behind(conn))
		http_conn_close(conn);
}

static void advance(struct http_conn *conn)
{
	bool more = true;

	if (conn->advancing)
		return;
	conn->advancing = true;
	while (more) {
		if (conn->phase == HTTP_PHASE_HEAD)
			more = !is_behind(conn) && read_head(conn);
		else if (conn->phase == HTTP_PHASE_BODY)
			more = read_body(conn);
		else
			more = false;
	}
	conn->advancing = false;
	adjust_reading(conn);
	if (conn->phase == HTTP_PHASE_GONE)
		http_conn_free(conn);
	else if (conn->eof)
		finish(conn);
}

/* ---- events ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
	struct http_conn *conn = arg;

	(void)bev;
	if (conn->phase == HTTP_PHASE_HEAD || conn->phase == HTTP_PHASE_BODY)
		advance(conn);
	else if (conn->phase == HTTP_PHASE_HANDLING)
		adjust_reading(conn);
	else
		drop_input(conn);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct http_conn *conn = arg;

	(void)bev;
	if (conn->phase == HTTP_PHASE_CLOSING)
		linger(conn);
	else if (conn->phase == HTTP_PHASE_STREAMING)
		conn->stream->params.drained(conn->stream->params.arg);
	else if (conn->phase == HTTP_PHASE_HEAD)
		advance(conn); /* it may have been behind */
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_conn *conn = arg;

	(void)bev;
	if (!(what & BEV_EVENT_EOF)) {
		conn_end(conn);
		return;
	}
	/* A client may shut its half and still read its answers. */
	conn->eof = true;
	if (conn->phase == HTTP_PHASE_STREAMING ||
	    conn->phase == HTTP_PHASE_LINGERING)
		conn_end(conn);
	else
		advance(conn);
}

/* A peer that vanished is noticed by what it does not acknowledge. */
static void set_options(int fd, int64_t write_ms)
{
	static const int on = 1;
	unsigned int timeout_ms = (unsigned int)write_ms;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
			 sizeof(timeout_ms));
}

void http_conn_begin(struct http *http, int fd, size_t caller)
{
	const struct http_timeouts *timeouts = &http->timeouts;
	const struct timeval write_timeout = {
		.tv_sec = timeouts->write_ms / 1000,
		.tv_usec = timeouts->write_ms % 1000 * 1000,
	};
	struct http_conn *conn = xcalloc(1, sizeof(*conn));

	conn->http = http;
	conn->caller = caller;
	conn->phase = HTTP_PHASE_HEAD;
	conn->deadline_at_ms = clock_now_ms() + timeouts->head_ms;
	conn->bev = xalloc_check(bufferevent_socket_new(
		loop_base(http->params.loop), fd, BEV_OPT_CLOSE_ON_FREE));
	set_options(fd, timeouts->write_ms);
	bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, READ_AHEAD_BYTES);
	(void)bufferevent_set_timeouts(conn->bev, NULL, &write_timeout);
	LIST_INSERT_HEAD(&http->conns, conn, link);
	(void)bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

void http_conn_expire(struct http_conn *conn)
{
	if (conn->phase == HTTP_PHASE_BODY ||
	    (conn->phase == HTTP_PHASE_HEAD && !is_behind(conn) &&
	     evbuffer_get_length(input_of(conn))))
		refuse(conn, 408);
	else
		conn_end(conn);
}

/* Its request has been answered: the next one. May free @conn. */
static void conn_next(struct http_conn *conn)
{
	conn->phase = HTTP_PHASE_HEAD;
	conn->deadline_at_ms = clock_now_ms() + conn->http->timeouts.idle_ms;
	advance(conn);
}

/* ---- requests and their answers ---- */

const struct http_head *http_request_head(const struct http_request *request)
{
	return &request->head;
}

struct text http_request_body(const struct http_request *request)
{
	return (struct text){ request->body, request->n_body };
}

void http_request_set_tag(struct http_request *request, int tag)
{
	request->tag = tag;
}

/* It has been answered; its connection, if there is one, goes on. */
static void end_request(struct http_request *request, int status)
{
	const struct http_params *params = &request->http->params;
	const struct http_answered answered = {
		.head = &request->head,
		.tag = request->tag,
		.status = status,
		.duration_us = clock_now_us() - request->begun_at_us,
	};

	params->answered(params->arg, &answered);
	if (request->conn)
		request->conn->request = NULL;
	request_free(request);
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
	struct http_conn *conn = request->conn;

	if (conn)
		write_reply(conn, reply, false);
	end_request(request, reply->status);
	if (!conn)
		return;
	if (!conn->keep_alive) {
		http_conn_close(conn);
		return;
	}
	conn_next(conn);
}

struct http_stream *http_stream_begin(struct http_request *request,
				      const struct http_stream_params *params)
{
	/* A proxy that collects an answer before it passes it on would keep
	 * each event until the next ones fill its buffer. */
	static const struct http_field fields[] = {
		{ TEXT_INIT("Cache-Control"), TEXT_INIT("no-store") },
		{ TEXT_INIT("X-Accel-Buffering"), TEXT_INIT("no") },
	};
	const struct http_reply reply = {
		.status = 200,
		.type = params->type,
		.fields = fields,
		.n_fields = sizeof(fields) / sizeof(fields[0]),
	};
	struct http_conn *conn = request->conn;
	struct http_stream *stream;

	end_request(request, 200);
	if (!conn)
		return NULL;
	/* The end of the connection is the end of the body. */
	conn->keep_alive = false;
	if (!conn->eof)
		write_reply(conn, &reply, true);
	if (conn->eof || conn->head_only) {
		http_conn_close(conn);
		return NULL;
	}
	stream = xcalloc(1, sizeof(*stream));
	stream->conn = conn;
	stream->params = *params;
	conn->stream = stream;
	conn->phase = HTTP_PHASE_STREAMING;
	drop_input(conn);
	return stream;
}

void http_stream_send(struct http_stream *stream, struct evbuffer *event)
{
	(void)evbuffer_add_buffer_reference(output_of(stream->conn), event);
}

size_t http_stream_waiting_bytes(const struct http_stream *stream)
{
	return evbuffer_get_length(output_of(stream->conn));
}

void http_stream_end(struct http_stream *stream)
{
	struct http_conn *conn = stream->conn;

	conn->stream = NULL;
	free(stream);
	http_conn_close(conn);
}
