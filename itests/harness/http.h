/* SPDX-License-Identifier: MIT */
/*
 * Http: a small client of servers on 127.0.0.1, with a deadline for each wait.
 *
 * One connection a request. A request may be sent now and its answer received
 * later, so that many are under way at once. Also reads server-sent events.
 */
#ifndef HARNESS_HTTP_H
#define HARNESS_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "infra/lib/text/str.h"

struct http_ask {
	const char *method; /* "POST" */
	const char *path;
	const char *body; /* JSON; NULL: none */
	const char *key;  /* Idempotency-Key; NULL: none */
	const char *more; /* header lines with their ends; NULL: none */
};

struct http_answer {
	int status;
	struct buf text;  /* all of it, with a NUL */
	const char *body; /* in it */
	json_t *json;     /* NULL: the body is no JSON */
};

/* A connection of the caller's own. 0 or -errno. */
int http_connect(int *ret, uint16_t port);
/* Sends @ask; @ret is a descriptor to receive from. 0 or -errno. */
int http_send(int *ret, uint16_t port, const struct http_ask *ask);
/* Closes @fd. 0 or -errno; -ETIMEDOUT: the answer is not whole in time. */
int http_receive(struct http_answer *ret, int fd, int64_t timeout_ms);
void http_answer_deinit(struct http_answer *answer);

int http_call(struct http_answer *ret, uint16_t port,
	      const struct http_ask *ask, int64_t timeout_ms);
int http_get(struct http_answer *ret, uint16_t port, const char *path,
	     int64_t timeout_ms);

/* The value of a header of the answer; false: it is not there. */
bool http_field(const struct http_answer *answer, const char *name, char *ret,
		size_t size);

/* ---- server-sent events ---- */

struct events {
	int fd;
	struct buf buf; /* what came, of which n_read bytes were read */
	size_t n_read;
};

/* 0 or -errno; -EPROTO: the answer is no stream of events. */
int events_open(struct events *ret, uint16_t port, const char *path);
void events_close(struct events *events);
/* The next event's data as JSON, owned by the caller; NULL: none came within
 * PATIENCE_MS. */
json_t *events_next(struct events *events);

#endif
