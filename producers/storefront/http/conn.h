/* SPDX-License-Identifier: MIT */
/*
 * Http conn: one connection of the HTTP server: bytes to requests, answers to
 * bytes, and when it is over. Only the server itself (http.c) includes this.
 *
 * A connection is in one phase at a time:
 *
 *	HEAD -> BODY -> HANDLING -> HEAD ...	a request, its answer, the next
 *			HANDLING -> STREAMING	an answer without an end
 *	any of them  -> CLOSING -> LINGERING	what was written goes out, then
 *						our half is shut, and what the
 *						client still sends is dropped
 *						so that no reset eats the answer
 *
 * Requests that come in one breath are handled one after the other. Who leaves
 * the answers unread is not answered further until they have gone out; who
 * shuts its half gets what it asked for until then.
 *
 * A request that the handler owns outlives its connection; the connection
 * then leaves it with conn NULL.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_HTTP_CONN_H
#define STOREFRONT_HTTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "producers/storefront/http/http.h"
#include "producers/storefront/http/listen.h"

struct bufferevent;
struct evbuffer;

enum http_phase {
	HTTP_PHASE_HEAD,
	HTTP_PHASE_BODY,
	HTTP_PHASE_HANDLING,
	HTTP_PHASE_STREAMING,
	HTTP_PHASE_CLOSING,
	HTTP_PHASE_LINGERING,
	HTTP_PHASE_GONE, /* freed as soon as nobody is using it */
};

struct http_conn {
	LIST_ENTRY(http_conn) link;
	struct http *http;
	struct bufferevent *bev;
	struct http_request *request; /* in BODY and HANDLING */
	struct http_stream *stream;   /* in STREAMING */
	int64_t deadline_at_ms;       /* 0: none */
	size_t caller;                /* for http_listen_release() */
	enum http_phase phase;
	bool advancing;
	bool eof;
	bool full; /* of what is not looked at yet: no more is read */
	bool keep_alive;
	bool head_only; /* the answer to HEAD has no body */
};

struct http_request {
	struct http_conn *conn; /* NULL: the client has gone */
	const struct http *http;
	int tag;
	int64_t begun_at_us;
	struct http_head head;
	char *body; /* NULL: none */
	size_t n_body;
	char bytes[]; /* of the head */
};

struct http_stream {
	struct http_conn *conn;
	struct http_stream_params params;
};

struct http {
	struct http_params params;
	struct http_timeouts timeouts;
	struct http_listen *listen;
	struct loop_source *sweep;
	LIST_HEAD(, http_conn) conns;
	struct http_date date;
	bool draining;
};

/* Takes @fd, which @caller has connected. */
void http_conn_begin(struct http *http, int fd, size_t caller);
void http_conn_free(struct http_conn *conn);
void http_request_free(struct http_request *request);

/* Its deadline has passed. Who was in the middle of a request is told. */
void http_conn_expire(struct http_conn *conn);

/* @no_length: the body has no end but the connection's. */
void http_conn_write(struct http_conn *conn, const struct http_reply *reply,
		     bool no_length);
struct evbuffer *http_conn_output(const struct http_conn *conn);

/* Its request has been answered: the next one. May free @conn. */
void http_conn_next(struct http_conn *conn);
/* Its answer is @stream. */
void http_conn_stream(struct http_conn *conn, struct http_stream *stream);
/* What was written goes out, and then it is over. May free @conn. */
void http_conn_close(struct http_conn *conn);

#endif
