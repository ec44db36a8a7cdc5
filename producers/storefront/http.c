/* SPDX-License-Identifier: MIT */
/*
 * Http: see http.h. A connection is in one phase at a time:
 *
 *	HEAD -> BODY -> HANDLING -> HEAD ...	a request, its answer, the next
 *			HANDLING -> STREAMING	an answer without an end
 *	any of them  -> CLOSING -> LINGERING	what was written goes out, then
 *						our half is shut, and what the
 *						client still sends is dropped
 *						so that no reset eats the answer
 *
 * A request that the handler owns outlives its connection; the connection
 * then leaves it with conn NULL. advance() is the only place that turns bytes
 * into requests and is not entered twice: an answer given inside the handler
 * only changes the phase, and the loop in advance() goes on from there.
 */
#include "producers/storefront/http.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "infra/lib/clock.h"
#include "infra/lib/hash.h"
#include "infra/lib/probe.h"
#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"

enum {
	HEAD_TIMEOUT_MS = 5000,
	BODY_TIMEOUT_MS = 10000,
	IDLE_TIMEOUT_MS = 30000,
	LINGER_TIMEOUT_MS = 2000,
	WRITE_TIMEOUT_S = 10,
	SWEEP_EVERY_MS = 250,
	BACKLOG = 1024,
	READ_AHEAD_BYTES = HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES,
	N_BUCKETS = 4096, /* of addresses, by hash */
};

enum phase {
	PHASE_HEAD,
	PHASE_BODY,
	PHASE_HANDLING,
	PHASE_STREAMING,
	PHASE_CLOSING,
	PHASE_LINGERING,
	PHASE_GONE, /* freed as soon as nobody is using it */
};

struct conn {
	LIST_ENTRY(conn) link;
	struct http *http;
	struct bufferevent *bev;
	struct http_request *request; /* in BODY and HANDLING */
	struct http_stream *stream;   /* in STREAMING */
	int64_t deadline_at_ms;       /* 0: none */
	size_t bucket;
	enum phase phase;
	bool advancing;
	bool eof;
	bool keep_alive;
	bool head_only; /* the answer to HEAD has no body */
};

struct http_request {
	struct conn *conn; /* NULL: the client has gone */
	const struct http *http;
	int tag;
	struct http_head head;
	char *body; /* NULL: none */
	size_t n_body;
	char bytes[]; /* of the head */
};

struct http_stream {
	struct conn *conn;
	struct http_stream_params params;
};

struct http {
	struct http_params params;
	struct evconnlistener *listener;
	struct loop_source *sweep;
	LIST_HEAD(, conn) conns;
	size_t n_conns;
	uint32_t per_bucket[N_BUCKETS];
	bool listening, draining;
	time_t date_at;
	char date[40];
};

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 202, "Accepted" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 417, "Expectation Failed" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

/* ---- connections ---- */

static void set_listening(struct http *http, bool listening)
{
	if (!http->listener || http->listening == listening)
		return;
	http->listening = listening;
	if (listening)
		(void)evconnlistener_enable(http->listener);
	else
		(void)evconnlistener_disable(http->listener);
}

static void request_free(struct http_request *request)
{
	if (request)
		free(request->body);
	free(request);
}

static bool has_room(const struct http *http)
{
	return (int64_t)http->n_conns < http->params.connections_max;
}

static void conn_free(struct conn *conn)
{
	struct http *http = conn->http;

	LIST_REMOVE(conn, link);
	http->n_conns--;
	http->per_bucket[conn->bucket]--;
	if (conn->phase == PHASE_BODY)
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
	free(conn);
	set_listening(http, !http->draining && has_room(http));
}

/* Now, or when advance() is done with it. */
static void conn_end(struct conn *conn)
{
	if (conn->phase == PHASE_BODY) {
		request_free(conn->request);
		conn->request = NULL;
	}
	conn->phase = PHASE_GONE;
	if (!conn->advancing)
		conn_free(conn);
}

static struct evbuffer *output_of(const struct conn *conn)
{
	return bufferevent_get_output(conn->bev);
}

static struct evbuffer *input_of(const struct conn *conn)
{
	return bufferevent_get_input(conn->bev);
}

static void drop_input(struct conn *conn)
{
	struct evbuffer *input = input_of(conn);

	(void)evbuffer_drain(input, evbuffer_get_length(input));
}

static void linger(struct conn *conn)
{
	if (conn->eof) {
		conn_end(conn);
		return;
	}
	conn->phase = PHASE_LINGERING;
	conn->deadline_at_ms = clock_now_ms() + LINGER_TIMEOUT_MS;
	drop_input(conn);
	(void)shutdown(bufferevent_getfd(conn->bev), SHUT_WR);
}

/* What was written goes out, and then it is over. */
static void close_after_output(struct conn *conn)
{
	conn->phase = PHASE_CLOSING;
	conn->deadline_at_ms = 0;
	if (evbuffer_get_length(output_of(conn)) == 0)
		linger(conn);
}

/* ---- answers ---- */

static const char *date_of(struct http *http)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	if (now != http->date_at && gmtime_r(&now, &tm)) {
		(void)strftime(http->date, sizeof(http->date),
			       "%a, %d %b %Y %H:%M:%S GMT", &tm);
		http->date_at = now;
	}
	return http->date;
}

static void write_head(struct conn *conn, int status, const char *type)
{
	(void)evbuffer_add_printf(output_of(conn),
				  "HTTP/1.1 %d %s\r\n"
				  "Date: %s\r\n"
				  "X-Content-Type-Options: nosniff\r\n",
				  status, reason_of(status),
				  date_of(conn->http));
	if (type)
		(void)evbuffer_add_printf(output_of(conn),
					  "Content-Type: %s\r\n", type);
	if (!conn->keep_alive)
		(void)evbuffer_add(output_of(conn), "Connection: close\r\n",
				   19);
}

static void write_reply(struct conn *conn, const struct http_reply *reply)
{
	struct evbuffer *output = output_of(conn);

	write_head(conn, reply->status, reply->type);
	for (size_t i = 0; i < reply->n_fields; i++) {
		const struct http_field *field = &reply->fields[i];

		assert(!memchr(field->value.p, '\r', field->value.n) &&
		       !memchr(field->value.p, '\n', field->value.n));
		(void)evbuffer_add(output, field->name.p, field->name.n);
		(void)evbuffer_add(output, ": ", 2);
		(void)evbuffer_add(output, field->value.p, field->value.n);
		(void)evbuffer_add(output, "\r\n", 2);
	}
	(void)evbuffer_add_printf(output, "Content-Length: %zu\r\n\r\n",
				  reply->n_body);
	if (!conn->head_only && reply->n_body)
		(void)evbuffer_add(output, reply->body, reply->n_body);
}

static void refuse(struct conn *conn, int status)
{
	const struct http_reply reply = { .status = status };

	conn->http->params.answered(conn->http->params.arg, -1, status);
	conn->keep_alive = false;
	conn->head_only = false;
	write_reply(conn, &reply);
	close_after_output(conn);
}

/* ---- requests ---- */

/* True: there is more to do. */
static bool begin_request(struct conn *conn, size_t n_head)
{
	struct http_request *request = xmalloc(sizeof(*request) + n_head);
	int status;

	request->conn = conn;
	request->http = conn->http;
	request->tag = -1;
	request->body = NULL;
	request->n_body = 0;
	(void)evbuffer_remove(input_of(conn), request->bytes, n_head);
	status = http_head_parse(&request->head, request->bytes, n_head);
	if (!status && request->head.content_length > HTTP_BODY_MAX_BYTES)
		status = 413;
	if (status) {
		request_free(request);
		refuse(conn, status);
		return false;
	}
	request->n_body = (size_t)request->head.content_length;
	if (request->n_body)
		request->body = xmalloc(request->n_body);
	conn->request = request;
	conn->phase = PHASE_BODY;
	conn->deadline_at_ms = clock_now_ms() + BODY_TIMEOUT_MS;
	conn->head_only = request->head.method == HTTP_METHOD_HEAD;
	conn->keep_alive = request->head.keep_alive && !conn->http->draining;
	if (request->head.expects_continue && request->n_body &&
	    evbuffer_get_length(input_of(conn)) == 0)
		(void)evbuffer_add(output_of(conn),
				   "HTTP/1.1 100 Continue\r\n\r\n", 25);
	return true;
}

static bool read_head(struct conn *conn)
{
	struct evbuffer *input = input_of(conn);
	struct evbuffer_ptr end, from;
	size_t n = evbuffer_get_length(input);
	size_t n_head;

	if (n == 0)
		return false;
	/* An empty line before a request is forgiven (RFC 9112, 2.2). */
	(void)evbuffer_ptr_set(input, &from, 0, EVBUFFER_PTR_SET);
	if (n >= 2 && evbuffer_search(input, "\r\n", 2, &from).pos == 0) {
		(void)evbuffer_drain(input, 2);
		return true;
	}
	if (conn->deadline_at_ms > clock_now_ms() + HEAD_TIMEOUT_MS)
		conn->deadline_at_ms = clock_now_ms() + HEAD_TIMEOUT_MS;
	end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
	n_head = end.pos < 0 ? n : (size_t)end.pos + 4;
	if (n_head > HTTP_HEAD_MAX_BYTES) {
		refuse(conn, 431);
		return false;
	}
	return end.pos >= 0 && begin_request(conn, n_head);
}

static bool read_body(struct conn *conn)
{
	struct http_request *request = conn->request;

	if (evbuffer_get_length(input_of(conn)) < request->n_body)
		return false;
	if (request->n_body)
		(void)evbuffer_remove(input_of(conn), request->body,
				      request->n_body);
	conn->phase = PHASE_HANDLING;
	conn->deadline_at_ms = 0;
	conn->http->params.handle(conn->http->params.arg, request);
	return conn->phase == PHASE_HEAD;
}

static void advance(struct conn *conn)
{
	bool more = true;

	if (conn->advancing)
		return;
	conn->advancing = true;
	while (more) {
		if (conn->phase == PHASE_HEAD)
			more = read_head(conn);
		else if (conn->phase == PHASE_BODY)
			more = read_body(conn);
		else
			more = false;
	}
	conn->advancing = false;
	if (conn->phase == PHASE_GONE)
		conn_free(conn);
}

/* ---- events ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
	struct conn *conn = arg;

	(void)bev;
	if (conn->phase == PHASE_HEAD || conn->phase == PHASE_BODY)
		advance(conn);
	else if (conn->phase == PHASE_STREAMING ||
		 conn->phase == PHASE_LINGERING)
		drop_input(conn);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct conn *conn = arg;

	(void)bev;
	if (conn->phase == PHASE_CLOSING)
		linger(conn);
	else if (conn->phase == PHASE_STREAMING)
		conn->stream->params.drained(conn->stream->params.arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn *conn = arg;

	(void)bev;
	if (!(what & BEV_EVENT_EOF)) {
		conn_end(conn);
		return;
	}
	/* A client may shut its half and still read the answer. */
	conn->eof = true;
	conn->keep_alive = false;
	if (conn->phase != PHASE_HANDLING && conn->phase != PHASE_CLOSING)
		conn_end(conn);
}

static size_t bucket_of(const struct sockaddr *address)
{
	const void *p = address;
	size_t n = sizeof(address->sa_family);

	if (address->sa_family == AF_INET) {
		p = &((const struct sockaddr_in *)p)->sin_addr;
		n = sizeof(struct in_addr);
	} else if (address->sa_family == AF_INET6) {
		p = &((const struct sockaddr_in6 *)p)->sin6_addr;
		n = sizeof(struct in6_addr);
	}
	return hash_bytes(p, n) % N_BUCKETS;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd,
		      struct sockaddr *address, int n_address, void *arg)
{
	static const struct timeval write_timeout = { WRITE_TIMEOUT_S, 0 };
	static const int on = 1;
	struct http *http = arg;
	size_t bucket = bucket_of(address);
	struct conn *conn;

	(void)n_address;
	if (http->per_bucket[bucket] >= http->params.per_address_max) {
		http->params.answered(http->params.arg, -1, 503);
		(void)evutil_closesocket(fd);
		return;
	}
	conn = xcalloc(1, sizeof(*conn));
	conn->http = http;
	conn->bucket = bucket;
	conn->phase = PHASE_HEAD;
	conn->deadline_at_ms = clock_now_ms() + HEAD_TIMEOUT_MS;
	conn->bev = xalloc_check(bufferevent_socket_new(
		evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, READ_AHEAD_BYTES);
	(void)bufferevent_set_timeouts(conn->bev, NULL, &write_timeout);
	LIST_INSERT_HEAD(&http->conns, conn, link);
	http->n_conns++;
	http->per_bucket[bucket]++;
	set_listening(http, has_room(http));
	(void)bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
}

/* Out of descriptors: the next sweep tries again. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)listener;
	set_listening(arg, false);
}

static void on_sweep(void *arg)
{
	struct http *http = arg;
	int64_t now_ms = clock_now_ms();
	struct conn *conn = LIST_FIRST(&http->conns), *next;

	for (; conn; conn = next) {
		next = LIST_NEXT(conn, link);
		if (conn->deadline_at_ms && conn->deadline_at_ms <= now_ms)
			conn_end(conn);
	}
	set_listening(http, !http->draining && has_room(http));
}

/* ---- the server ---- */

/* @ret_n is its size first, its length then. */
static int parse_address(const char *text, struct sockaddr_storage *ret,
			 int *ret_n)
{
	char host[64];
	uint16_t port;

	if (probe_parse_address(text, host, &port) ||
	    evutil_parse_sockaddr_port(host, (struct sockaddr *)ret, ret_n)) {
		errno = EINVAL;
		return HTTP_E_ADDRESS;
	}
	/* Apart from the host: a text with port 0 is not taken there. */
	if (ret->ss_family == AF_INET6)
		((struct sockaddr_in6 *)ret)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)ret)->sin_port = htons(port);
	return 0;
}

static int bind_address(struct http *http)
{
	struct sockaddr_storage address = { 0 };
	int n_address = sizeof(address);

	if (parse_address(http->params.address, &address, &n_address))
		return HTTP_E_ADDRESS;
	http->listener = evconnlistener_new_bind(
		loop_base(http->params.loop), on_accept, http,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
			LEV_OPT_REUSEABLE,
		BACKLOG, (struct sockaddr *)&address, n_address);
	if (!http->listener)
		return HTTP_E_ADDRESS;
	evconnlistener_set_error_cb(http->listener, on_accept_error);
	http->listening = true;
	return 0;
}

static int write_port(const struct http *http)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address = { 0 };
	socklen_t n = sizeof(address);
	in_port_t port;

	if (!*http->params.port_file)
		return 0;
	if (getsockname(evconnlistener_get_fd(http->listener), &address.any,
			&n))
		return -errno;
	port = address.any.sa_family == AF_INET6 ? address.in6.sin6_port
						 : address.in.sin_port;
	return probe_write_port(http->params.port_file, ntohs(port));
}

int http_new(struct http **ret, const struct http_params *params)
{
	CLEANUP(http_freep) struct http *http = xcalloc(1, sizeof(*http));
	int r;

	http->params = *params;
	LIST_INIT(&http->conns);
	r = bind_address(http);
	if (!r)
		r = write_port(http);
	if (r)
		return r;
	http->sweep = loop_timer(params->loop, SWEEP_EVERY_MS, on_sweep, http);
	*ret = http;
	http = NULL;
	return 0;
}

struct http *http_free(struct http *http)
{
	struct conn *conn;

	if (!http)
		return NULL;
	http_drain(http);
	while ((conn = LIST_FIRST(&http->conns)))
		conn_free(conn);
	(void)loop_source_free(http->sweep);
	free(http);
	return NULL;
}

void http_drain(struct http *http)
{
	struct conn *conn = LIST_FIRST(&http->conns), *next;

	http->draining = true;
	if (http->listener)
		evconnlistener_free(http->listener);
	http->listener = NULL;
	for (; conn; conn = next) {
		next = LIST_NEXT(conn, link);
		conn->keep_alive = false;
		if (conn->phase == PHASE_HEAD)
			close_after_output(conn);
	}
}

size_t http_n_connections(const struct http *http)
{
	return http->n_conns;
}

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

	params->answered(params->arg, request->tag, status);
	if (request->conn)
		request->conn->request = NULL;
	request_free(request);
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
	struct conn *conn = request->conn;

	if (conn)
		write_reply(conn, reply);
	end_request(request, reply->status);
	if (!conn)
		return;
	if (!conn->keep_alive) {
		close_after_output(conn);
		return;
	}
	conn->phase = PHASE_HEAD;
	conn->deadline_at_ms = clock_now_ms() + IDLE_TIMEOUT_MS;
	advance(conn);
}

struct http_stream *http_stream_begin(struct http_request *request,
				      const struct http_stream_params *params)
{
	struct conn *conn = request->conn;
	struct http_stream *stream;

	end_request(request, 200);
	if (!conn)
		return NULL;
	if (conn->eof) {
		close_after_output(conn);
		return NULL;
	}
	stream = xcalloc(1, sizeof(*stream));
	stream->conn = conn;
	stream->params = *params;
	conn->stream = stream;
	conn->phase = PHASE_STREAMING;
	/* The end of the connection is the end of the body. */
	conn->keep_alive = false;
	write_head(conn, 200, params->type);
	(void)evbuffer_add_printf(output_of(conn),
				  "Cache-Control: no-store\r\n\r\n");
	drop_input(conn);
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
	(void)evbuffer_add_reference(output_of(stream->conn), blob->p, blob->n,
				     drop_blob, blob_share(blob));
}

size_t http_stream_waiting_bytes(const struct http_stream *stream)
{
	return evbuffer_get_length(output_of(stream->conn));
}

void http_stream_end(struct http_stream *stream)
{
	struct conn *conn = stream->conn;

	conn->stream = NULL;
	free(stream);
	close_after_output(conn);
}
