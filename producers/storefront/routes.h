/* SPDX-License-Identifier: MIT */
/*
 * Routes: method and path -> function, one table; and what each answered, for
 * /metrics.
 */
#ifndef STOREFRONT_ROUTES_H
#define STOREFRONT_ROUTES_H

#include "producers/storefront/http/http.h"
#include "producers/storefront/shop.h"

struct route {
	const char *path; /* '*' stands for the id of an order; NULL: any */
	enum http_method method;
	const char *name; /* in /metrics */
	handler_fn *handle;
};

enum route_outcome {
	ROUTE_E_ID = 1, /* the path has an id that is none */
	ROUTE_E_METHOD, /* the path is there, for the route's method */
};

/* Pure. @ret_id is set if the route's path has one. HEAD is as GET is. */
int routes_find(const struct route **ret, enum http_method method,
		struct text path, struct order_id *ret_id);

/* The handler of every request: @shop is a struct shop. Takes @request. */
void routes_handle(void *shop, struct http_request *request);
/* An http_answered_fn: the tag is the route. Logs a line at debug. */
void routes_answered(void *shop, const struct http_answered *answered);

/* From now on /metrics has the program's counters and the counts of answers. */
void metrics_register(void);

#endif
