/* SPDX-License-Identifier: MIT */
/*
 * Http: a small HTTP/1.1 server on libevent's listener and bufferevents.
 *
 * Why not evhttp, by which the other programs serve their probes? The
 * storefront stands on the open net, and evhttp (libevent 2.1)
 *
 *	- has no limit of connections, neither in all nor from one address;
 *	- begins its time limit anew with each byte, so that a client that
 *	  sends one byte now and then keeps its connection for ever;
 *	- accepts heads that two parsers can read in two ways: lines that end
 *	  in LF alone, two lengths of one body;
 *	- answers a client that never reads, as long as there is memory, and
 *	  does not say how much of a stream is still unsent.
 *
 * So this module counts connections at accept. A head has at most 8 KiB and 64
 * fields and must be there within 5 s, a body at most 16 KiB within 10 s; an
 * idle connection is closed after 30 s, and one that accepts nothing of what is
 * sent to it after 10 s. A client that leaves 64 KiB of answers unread gets no
 * further answers until it has read them.
 *
 * The handler gets each whole request and owns it until it answers it, at
 * once or later: http_reply() or http_stream_begin(), exactly once. If the
 * client has gone in the meantime, the answer is dropped.
 *
 *	server.c  the listener and its limits
 *	conn.c    one connection: its phases, its deadlines, its requests
 *	head.c    the head of a request
 *	reply.c   the bytes of an answer
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_HTTP_H
#define STOREFRONT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"
#include "infra/lib/text/str.h"
#include "producers/storefront/http/head.h"

/* The body of a request; BODY_MAX_BYTES in schemas/limits.h bounds that of a
 * record. */
enum { HTTP_BODY_MAX_BYTES = 16384 };

struct evbuffer;
struct http;
struct http_request;
struct http_stream;

typedef void (*http_handler_fn)(void *arg, struct http_request *request);
/* What was answered, for counters and for the log. */
struct http_answered {
	const struct http_head
		*head; /* NULL: refused before it was a request */
	int tag;       /* as the handler set it, or -1 */
	int status;
	int64_t duration_us; /* since the head was there */
};
typedef void (*http_answered_fn)(void *arg,
				 const struct http_answered *answered);

/* How long a client may take. */
struct http_timeouts {
	int64_t head_ms;   /* for a request's head, from its first byte */
	int64_t body_ms;   /* for its body */
	int64_t idle_ms;   /* between two requests */
	int64_t write_ms;  /* in which it accepts nothing of what is sent */
	int64_t linger_ms; /* to leave, after the last answer */
};

struct http_params {
	struct loop *loop;
	const char *address;   /* "127.0.0.1:7000"; port 0: any */
	const char *port_file; /* where the port is written; "": nowhere */
	int64_t connections_max;
	int64_t per_address_max;
	const struct http_timeouts *timeouts; /* NULL: those above */
	http_handler_fn handle;
	http_answered_fn answered;
	void *arg;
};

enum http_outcome { HTTP_E_ADDRESS = 1 };

/* Copies @params. HTTP_E_ADDRESS: cannot listen there; errno says why. */
int http_new(struct http **ret, const struct http_params *params);
/* Cuts what is still open. Every request must have been answered. */
struct http *http_free(struct http *http);
DEFINE_CLEANUP(struct http, http_free);

/* Accepts nobody more; each connection ends with the answer it waits for. */
void http_drain(struct http *http);

size_t http_n_connections(const struct http *http);

const struct http_head *http_request_head(const struct http_request *request);
struct text http_request_body(const struct http_request *request);

/* For http_answered_fn; -1 until it is set. */
void http_request_set_tag(struct http_request *request, int tag);

/* A field of an answer cannot contain the end of a line: that aborts. */
struct http_reply {
	int status;
	const char *type; /* of the body; NULL: no field says it */
	const char *body; /* Copies. */
	size_t n_body;
	const struct http_field *fields; /* more of them, or NULL */
	size_t n_fields;
};

/* Takes @request. */
void http_reply(struct http_request *request, const struct http_reply *reply);

/* These two take @request, or NULL when it was answered before. */

/* The body and a line end, Cache-Control: no-store, and @more if not NULL. */
void http_reply_json(struct http_request *request, int status,
		     const struct buf *json, const struct http_field *more);
/* {"error":@error,@key:@value}: a sentence in lower case, and the field that
 * is wrong or the order that it is about, unless @value is NULL or "". A 503
 * has Retry-After: 1. */
void http_reply_error(struct http_request *request, int status,
		      const char *error, const char *key, const char *value);

/*
 * Takes @request and answers 200 with a body that has no end. NULL: the client
 * has gone already, or asked for the head only. @closed: it has gone, or was
 * cut; the stream is freed when that returns. @drained: all that was sent has
 * left this process.
 */
struct http_stream_params {
	const char *type;
	void (*drained)(void *arg);
	void (*closed)(void *arg);
	void *arg;
};

struct http_stream *http_stream_begin(struct http_request *request,
				      const struct http_stream_params *params);
/* Shares the bytes of @event with all streams that it is sent to. */
void http_stream_send(struct http_stream *stream, struct evbuffer *event);
/* What was sent and has not left this process. */
size_t http_stream_waiting_bytes(const struct http_stream *stream);
/* Ends it after what was sent; frees it, and @closed is not called. */
void http_stream_end(struct http_stream *stream);

#endif
