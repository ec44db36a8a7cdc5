/* SPDX-License-Identifier: MIT */
/*
 * Http conn: the inside of the HTTP server. Only the files of this folder
 * include it.
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
 * Several requests that arrive together are handled one after the other. A
 * client that leaves its answers unread gets no further ones until those have
 * gone out; one that shuts its half gets the answers to what it sent before.
 *
 * A request that the handler owns outlives its connection; the connection
 * then leaves it with conn NULL.
 */
#ifndef STOREFRONT_HTTP_CONN_H
#define STOREFRONT_HTTP_CONN_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "producers/storefront/http/http.h"

struct bufferevent;
struct evconnlistener;

enum { HTTP_CALLERS = 4096 };

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
	size_t caller;                /* its place in n_of_caller */
	enum http_phase phase;
	bool advancing;
	bool eof;
	bool full; /* of bytes that wait to be parsed: no more are read */
	bool keep_alive;
	bool head_only; /* the answer to HEAD has no body */
};

struct http_request {
	struct http_conn *conn; /* NULL: the client has gone */
	struct http *http;
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

/* The text of a Date field, made once a second. { 0 } is an empty one. */
struct http_date {
	int64_t at_s;
	char text[40];
};

struct http {
	struct http_params params;
	struct http_timeouts timeouts;
	struct evconnlistener *listener; /* NULL: stopped */
	bool accepting;
	bool draining;
	size_t n_conns;
	uint32_t n_of_caller[HTTP_CALLERS]; /* connections, by address */
	struct loop_source *sweep;
	LIST_HEAD(, http_conn) conns;
	struct http_date date;
};

/* ---- server.c ---- */

/* A connection has ended: there is a place for another one. */
void http_release(struct http *http, size_t caller);

/* The bytes of an address by which callers are distinguished. Pure. */
struct http_caller {
	uint8_t bytes[8];
	size_t n;
};
struct http_caller http_caller_of(const struct sockaddr *address);

/* ---- conn.c ---- */

/* Takes @fd. */
void http_conn_begin(struct http *http, int fd, size_t caller);
void http_conn_free(struct http_conn *conn);

/* Its deadline has passed. In the middle of a request it is answered 408. */
void http_conn_expire(struct http_conn *conn);

/* What was written goes out, and then it is over. May free @conn. */
void http_conn_close(struct http_conn *conn);

/* ---- reply.c: pure but for the buffer that it appends to ---- */

/* How an answer goes over its connection. */
struct http_reply_style {
	const char *date; /* of http_date_text() */
	bool close;       /* the connection ends with it */
	bool no_body;     /* it answers HEAD: the body's length only */
	bool no_length;   /* a stream: the body has no end */
};

void http_reply_write(struct evbuffer *out, const struct http_reply *reply,
		      const struct http_reply_style *style);
/* "Not Found" for 404. */
const char *http_reply_reason(int status);
const char *http_date_text(struct http_date *date, int64_t wall_ms);

#endif
