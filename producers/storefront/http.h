/* SPDX-License-Identifier: MIT */
/*
 * Http: a small HTTP/1.1 server on libevent's listener and bufferevents.
 *
 * It keeps the limits that a server on the open net needs: connections are
 * counted at accept (http_listen); a head is at most 8 KiB and 64 fields and
 * has 5 s, a body at most 16 KiB and 10 s, an idle connection 30 s, and whoever
 * takes nothing of what is sent to it for 10 s is cut. Who sends requests and
 * leaves the answers unread is not answered further than 64 KiB of them.
 *
 * The handler gets each whole request and owns it until it answers it, at
 * once or later: http_reply() or http_stream_begin(), exactly once. A client
 * that has gone in the meantime costs nothing: the answer is dropped.
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
#include "infra/lib/text.h"
#include "producers/storefront/blob.h"
#include "producers/storefront/http_reply.h"

enum { HTTP_BODY_MAX_BYTES = 16384 };

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
	int64_t write_ms;  /* in which it takes nothing of what is sent */
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
/* Cuts what is still open. Requests that were not answered must be gone. */
struct http *http_free(struct http *http);
DEFINE_CLEANUP(struct http, http_free);

/* No new connections; those there end with the answer that they wait for. */
void http_drain(struct http *http);

size_t http_n_connections(const struct http *http);

const struct http_head *http_request_head(const struct http_request *request);
struct text http_request_body(const struct http_request *request);

/* For http_answered_fn; -1 until it is set. */
void http_request_set_tag(struct http_request *request, int tag);

/* Takes @request. */
void http_reply(struct http_request *request, const struct http_reply *reply);

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
/* Shares @blob: it is not copied. */
void http_stream_send(struct http_stream *stream, struct blob *blob);
/* What was sent and has not left this process. */
size_t http_stream_waiting_bytes(const struct http_stream *stream);
/* Ends it after what was sent; frees it, and @closed is not called. */
void http_stream_end(struct http_stream *stream);

#endif
