/* SPDX-License-Identifier: MIT */
/*
 * Answer: the JSON answers of the API, in one shape. Each takes the request;
 * NULL for a request is fine: it was answered before.
 */
#ifndef STOREFRONT_ANSWER_H
#define STOREFRONT_ANSWER_H

#include "infra/lib/str.h"
#include "producers/storefront/http/http.h"
#include "schemas/order_id.h"

struct answer_error {
	int status;        /* 503 says Retry-After: 1 */
	const char *error; /* a sentence, lower case */
	const char *field; /* what is wrong; NULL or "": nothing in it */
	const struct order_id *order_id; /* what it is about, or NULL */
	const char *allow;               /* of a 405, else NULL */
};

void answer_error(struct http_request *request,
		  const struct answer_error *error);

/* The body and a line end, Cache-Control: no-store, and @more if not NULL. */
void answer_json(struct http_request *request, int status,
		 const struct buf *json, const struct http_field *more);

#endif
