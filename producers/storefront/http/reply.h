/* SPDX-License-Identifier: MIT */
/*
 * Http reply: an answer -> its bytes.
 *
 * The first line, the fields that every answer has, and the body's length. No
 * field can hold the end of a line: that would be a second answer. Pure but
 * for the buffer that it appends to.
 */
#ifndef STOREFRONT_HTTP_REPLY_H
#define STOREFRONT_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producers/storefront/http/head.h"

struct evbuffer;

struct http_reply {
	int status;
	const char *type; /* of the body; NULL: not said */
	const char *body; /* Copies. */
	size_t n_body;
	const struct http_field *fields; /* more of them, or NULL */
	size_t n_fields;
};

/* How it goes over the connection. */
struct http_reply_style {
	const char *date; /* of http_date_text() */
	bool close;       /* the connection ends with it */
	bool no_body;     /* it answers HEAD: the body's length only */
	bool no_length;   /* the end of the connection is the body's end */
};

/* "Not Found" of 404. */
const char *http_reply_reason(int status);

void http_reply_write(struct evbuffer *out, const struct http_reply *reply,
		      const struct http_reply_style *style);

/* The field Date, made once a second. */
struct http_date {
	int64_t at_s;
	char text[40];
};
const char *http_date_text(struct http_date *date, int64_t wall_ms);

#endif
