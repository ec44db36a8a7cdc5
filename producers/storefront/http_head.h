/* SPDX-License-Identifier: MIT */
/*
 * Http head: the request line and the fields of one HTTP/1.1 request.
 *
 * Strict on purpose (RFC 9112): whatever two parsers could read in two ways
 * is refused with the status to answer. Pure: no I/O, no allocation.
 */
#ifndef STOREFRONT_HTTP_HEAD_H
#define STOREFRONT_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schemas/text.h"

enum {
	HTTP_HEAD_MAX_BYTES = 8192,
	HTTP_FIELDS_MAX = 64,
};

enum http_method {
	HTTP_METHOD_GET,
	HTTP_METHOD_HEAD,
	HTTP_METHOD_POST,
	HTTP_METHOD_OTHER,
};

struct http_field {
	struct text name; /* lower case */
	struct text value;
};

struct http_head {
	enum http_method method;
	struct text path;  /* begins with '/'; as it came */
	struct text query; /* after the '?'; may be empty */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t n_fields;
	int64_t content_length; /* 0 when it is not said */
	bool keep_alive;
	bool expects_continue;
};

/*
 * @p holds exactly one head, its empty line included; names are made lower
 * case in place, and @ret borrows it. 0, or the status to refuse it with.
 */
int http_head_parse(struct http_head *ret, char *p, size_t n);

/* The value of the first field of that lower-case name; absent: p NULL. */
struct text http_head_field(const struct http_head *head, const char *name);

/*
 * The first value of @name in the query, percent-decoded into @out of @size
 * bytes. False when it is not there, is broken or does not fit.
 */
bool http_head_query(const struct http_head *head, const char *name, char *out,
		     size_t size, struct text *ret);

#endif
