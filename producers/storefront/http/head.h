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

#include "infra/lib/text/text.h"

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

/* "GET", ...; "OTHER" for those that are not known here. */
const char *http_method_name(enum http_method method);

struct http_field {
	struct text name; /* lower case */
	struct text value;
};

struct http_head {
	enum http_method method;
	struct text path;  /* begins with '/'; as it came, without a host */
	struct text query; /* after the '?'; may be empty */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t n_fields;
	int64_t content_length; /* 0 when it is not said */
	bool keep_alive;
	bool expects_continue;
};

/*
 * @p is exactly one head, its empty line included; names are made lower
 * case in place, and @ret borrows it. 0, or the status to refuse it with.
 */
int http_head_parse(struct http_head *ret, char *p, size_t n);

/*
 * A field may come several times. A list then goes on in the next one; of
 * all others only one may come, and its reader has to refuse more.
 * Names are lower case.
 */

/* The value of the first; absent: p NULL. */
struct text http_head_field(const struct http_head *head, const char *name);
/* How many there are. */
size_t http_head_count(const struct http_head *head, const char *name);
/* All of them in order, with commas between, in @out; absent: p NULL. */
struct text http_head_list(const struct http_head *head, const char *name,
			   char out[static HTTP_HEAD_MAX_BYTES]);
/*
 * Does a list of entity tags name @tag, or all of them by "*"? A weak tag
 * counts as its strong one (RFC 9110, 8.8.3.2 and 13.1.2).
 */
bool http_head_names_tag(const struct http_head *head, const char *name,
			 struct text tag);

/*
 * The first value of @name in the query, percent-decoded into @out of @size
 * bytes. False when it is not there, is broken or does not fit.
 */
bool http_head_query(const struct http_head *head, const char *name, char *out,
		     size_t size, struct text *ret);

#endif
