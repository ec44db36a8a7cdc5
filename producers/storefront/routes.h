/* SPDX-License-Identifier: MIT */
/*
 * Routes: method and path -> function, one table; and what each answered, for
 * /metrics.
 */
#ifndef STOREFRONT_ROUTES_H
#define STOREFRONT_ROUTES_H

#include "producers/storefront/http/head.h"
#include "producers/storefront/shop.h"
#include "schemas/order_id.h"

enum route {
	ROUTE_PLACE_ORDER,
	ROUTE_SHOW_ORDER,
	ROUTE_CANCEL_ORDER,
	ROUTE_SHOW_STOCK,
	ROUTE_RESTOCK,
	ROUTE_EVENTS,
	ROUTE_LIVE,
	ROUTE_READY,
	ROUTE_STARTED,
	ROUTE_METRICS,
	ROUTE_PAGE, /* whatever else is there, or is not */
	N_ROUTES,
};

enum route_outcome {
	ROUTE_E_ID = 1, /* the path has an id that is none */
	ROUTE_E_METHOD, /* the path is there, for another method */
};

/*
 * Pure. @ret_id is set for the routes that have one. With ROUTE_E_METHOD
 * @ret_allow is what the path may be asked with.
 */
int routes_find(enum route *ret, enum http_method method, struct text path,
		struct order_id *ret_id, const char **ret_allow);

/* The handler of every request: @shop is a struct shop. Takes @request. */
void routes_handle(void *shop, struct http_request *request);
/* An http_answered_fn: the tag is the route. Logs a line at debug. */
void routes_answered(void *shop, const struct http_answered *answered);

/* Appends the counts of answers; a counters_collect_fn. */
void routes_collect(void *arg, struct buf *out);

#endif
