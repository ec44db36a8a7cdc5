/* SPDX-License-Identifier: MIT */
/*
 * Http: see http.h. This file is the server and what a handler can do with a
 * request; what happens on a connection is http_conn.c.
 */
#include "producers/storefront/http/http.h"

#include <event2/buffer.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/conn.h"

enum { SWEEP_EVERY_MS = 250 };

static const struct http_timeouts default_timeouts = {
	.head_ms = 5000,
	.body_ms = 10000,
	.idle_ms = 30000,
	.write_ms = 10000,
	.linger_ms = 2000,
};

static void on_accepted(void *arg, int fd, size_t caller)
{
	http_conn_begin(arg, fd, caller);
}

static void on_cut(void *arg)
{
	struct http *http = arg;

	http->params.answered(
		http->params.arg,
		&(struct http_answered){ .tag = -1, .status = 503 });
}

static void on_sweep(void *arg)
{
	struct http *http = arg;
	int64_t now_ms = clock_now_ms();
	struct http_conn *conn = LIST_FIRST(&http->conns), *next;

	for (; conn; conn = next) {
		next = LIST_NEXT(conn, link);
		if (conn->deadline_at_ms && conn->deadline_at_ms <= now_ms)
			http_conn_expire(conn);
	}
	http_listen_resume(http->listen);
}

int http_new(struct http **ret, const struct http_params *params)
{
	CLEANUP(http_freep) struct http *http = xcalloc(1, sizeof(*http));
	const struct http_listen_params listen_params = {
		.loop = params->loop,
		.address = params->address,
		.port_file = params->port_file,
		.connections_max = params->connections_max,
		.per_address_max = params->per_address_max,
		.accepted = on_accepted,
		.cut = on_cut,
		.arg = http,
	};
	int r;

	http->params = *params;
	http->timeouts =
		params->timeouts ? *params->timeouts : default_timeouts;
	LIST_INIT(&http->conns);
	r = http_listen_new(&http->listen, &listen_params);
	if (r)
		return r == HTTP_LISTEN_E_ADDRESS ? HTTP_E_ADDRESS : r;
	http->sweep = loop_timer(params->loop, SWEEP_EVERY_MS, on_sweep, http);
	*ret = http;
	http = NULL;
	return 0;
}

struct http *http_free(struct http *http)
{
	struct http_conn *conn;

	if (!http)
		return NULL;
	while ((conn = LIST_FIRST(&http->conns)))
		http_conn_free(conn);
	http->listen = http_listen_free(http->listen);
	(void)loop_source_free(http->sweep);
	free(http);
	return NULL;
}

void http_drain(struct http *http)
{
	struct http_conn *conn = LIST_FIRST(&http->conns), *next;

	http->draining = true;
	http_listen_stop(http->listen);
	for (; conn; conn = next) {
		next = LIST_NEXT(conn, link);
		conn->keep_alive = false;
		if (conn->phase == HTTP_PHASE_HEAD)
			http_conn_close(conn);
	}
}

size_t http_n_connections(const struct http *http)
{
	return http_listen_n(http->listen);
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

/* It has been answered: what is left is its connection, if it has one. */
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
	http_request_free(request);
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
	struct http_conn *conn = request->conn;

	if (conn)
		http_conn_write(conn, reply, false);
	end_request(request, reply->status);
	if (!conn)
		return;
	if (!conn->keep_alive) {
		http_conn_close(conn);
		return;
	}
	http_conn_next(conn);
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
		http_conn_write(conn, &reply, true);
	if (conn->eof || conn->head_only) {
		http_conn_close(conn);
		return NULL;
	}
	stream = xcalloc(1, sizeof(*stream));
	stream->conn = conn;
	stream->params = *params;
	http_conn_stream(conn, stream);
	return stream;
}

static void drop_blob(const void *p, size_t n, void *arg)
{
	(void)p;
	(void)n;
	(void)blob_drop(arg);
}

void http_stream_send(struct http_stream *stream, struct blob *blob)
{
	(void)evbuffer_add_reference(http_conn_output(stream->conn), blob->p,
				     blob->n, drop_blob, blob_share(blob));
}

size_t http_stream_waiting_bytes(const struct http_stream *stream)
{
	return evbuffer_get_length(http_conn_output(stream->conn));
}

void http_stream_end(struct http_stream *stream)
{
	struct http_conn *conn = stream->conn;

	conn->stream = NULL;
	free(stream);
	http_conn_close(conn);
}
