/* SPDX-License-Identifier: MIT */
/*
 * Routes: see routes.h. A '*' in a path stands for the id of an order. What no
 * row fits is asked of the files of the page. HEAD is answered as GET is.
 */
#include "producers/storefront/routes.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/counters.h"
#include "infra/lib/log.h"
#include "producers/storefront/http/answer.h"
#include "producers/storefront/orders/cancel_order.h"
#include "producers/storefront/orders/place_order.h"
#include "producers/storefront/orders/restock.h"
#include "producers/storefront/orders/show.h"

/* Of a path, in the log. */
enum { PATH_SHOWN_MAX = 200 };

#define REQUESTS "storefront_http_requests_total"

static const struct {
	const char *path;
	enum http_method method;
	enum route route;
} rows[] = {
	{ "/orders", HTTP_METHOD_POST, ROUTE_PLACE_ORDER },
	{ "/orders/*", HTTP_METHOD_GET, ROUTE_SHOW_ORDER },
	{ "/orders/*/cancel", HTTP_METHOD_POST, ROUTE_CANCEL_ORDER },
	{ "/stock", HTTP_METHOD_GET, ROUTE_SHOW_STOCK },
	{ "/restock", HTTP_METHOD_POST, ROUTE_RESTOCK },
	{ "/events", HTTP_METHOD_GET, ROUTE_EVENTS },
	{ "/livez", HTTP_METHOD_GET, ROUTE_LIVE },
	{ "/readyz", HTTP_METHOD_GET, ROUTE_READY },
	{ "/startupz", HTTP_METHOD_GET, ROUTE_STARTED },
	{ "/metrics", HTTP_METHOD_GET, ROUTE_METRICS },
};

static const char *const names[N_ROUTES + 1] = {
	[ROUTE_PLACE_ORDER] = "place_order",
	[ROUTE_SHOW_ORDER] = "show_order",
	[ROUTE_CANCEL_ORDER] = "cancel_order",
	[ROUTE_SHOW_STOCK] = "show_stock",
	[ROUTE_RESTOCK] = "restock",
	[ROUTE_EVENTS] = "events",
	[ROUTE_LIVE] = "livez",
	[ROUTE_READY] = "readyz",
	[ROUTE_STARTED] = "startupz",
	[ROUTE_METRICS] = "metrics",
	[ROUTE_PAGE] = "page",
	[N_ROUTES] = "none", /* refused before there was a request */
};

/* Of the answers: by route and by the status' first digit. Counters. */
static int64_t answered[N_ROUTES + 1][6];

/* The part of @path that stands where @pattern has its '*'. */
static bool fits(const char *pattern, struct text path, struct text *ret_part)
{
	const char *star = strchr(pattern, '*');
	size_t n_before, n_after;

	if (!star)
		return text_equal(text_of(pattern), path);
	n_before = (size_t)(star - pattern);
	n_after = strlen(star + 1);
	if (path.n <= n_before + n_after ||
	    memcmp(path.p, pattern, n_before) != 0 ||
	    memcmp(path.p + path.n - n_after, star + 1, n_after) != 0)
		return false;
	ret_part->p = path.p + n_before;
	ret_part->n = path.n - n_before - n_after;
	return !memchr(ret_part->p, '/', ret_part->n);
}

int routes_find(enum route *ret, enum http_method method, struct text path,
		struct order_id *ret_id, const char **ret_allow)
{
	if (method == HTTP_METHOD_HEAD)
		method = HTTP_METHOD_GET;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text part = { NULL, 0 };

		if (!fits(rows[i].path, path, &part))
			continue;
		*ret = rows[i].route;
		*ret_allow = rows[i].method == HTTP_METHOD_GET ? "GET, HEAD"
							       : "POST";
		if (rows[i].method != method)
			return ROUTE_E_METHOD;
		if (part.p && order_id_parse(ret_id, part.p, part.n))
			return ROUTE_E_ID;
		return 0;
	}
	*ret = ROUTE_PAGE;
	*ret_allow = "GET, HEAD";
	return method == HTTP_METHOD_GET ? 0 : ROUTE_E_METHOD;
}

/* ---- answers of a few lines ---- */

static void answer_probe(struct http_request *request, probe_fn check,
			 void *arg)
{
	const char *amiss = check(arg);
	const char *text = amiss ? amiss : "ok";
	const struct http_reply reply = {
		.status = amiss ? 503 : 200,
		.type = "text/plain; charset=utf-8",
		.body = text,
		.n_body = strlen(text),
	};

	http_reply(request, &reply);
}

static void answer_metrics(struct http_request *request)
{
	struct buf text = { 0 };
	struct http_reply reply = {
		.status = 200,
		.type = "text/plain; version=0.0.4; charset=utf-8",
	};

	counters_text(&text);
	reply.body = text.p;
	reply.n_body = text.n;
	http_reply(request, &reply);
	buf_deinit(&text);
}

static void answer_not_found(struct http_request *request)
{
	static const struct answer_error error = {
		.status = 404,
		.error = "there is nothing here",
	};

	answer_error(request, &error);
}

static void answer_wrong(struct http_request *request, int r, const char *allow)
{
	struct answer_error error = { .status = 404 };

	if (r == ROUTE_E_METHOD) {
		error.status = 405;
		error.error = "not this way";
		error.allow = allow;
	} else {
		error.error = "that is not the id of an order";
	}
	answer_error(request, &error);
}

static void dispatch(struct shop *shop, struct http_request *request,
		     enum route route, const struct order_id *id)
{
	const struct probe_checks *checks = shop->checks;

	switch (route) {
	case ROUTE_PLACE_ORDER:
		place_order(shop, request);
		break;
	case ROUTE_SHOW_ORDER:
		show_order(shop, request, id);
		break;
	case ROUTE_CANCEL_ORDER:
		cancel_order(shop, request, id);
		break;
	case ROUTE_SHOW_STOCK:
		show_stock(shop, request);
		break;
	case ROUTE_RESTOCK:
		restock(shop, request);
		break;
	case ROUTE_EVENTS:
		subscriptions_subscribe(shop->subscriptions, request);
		break;
	case ROUTE_LIVE:
		answer_probe(request, checks->live, checks->arg);
		break;
	case ROUTE_READY:
		answer_probe(request, checks->ready, checks->arg);
		break;
	case ROUTE_STARTED:
		answer_probe(request, checks->started, checks->arg);
		break;
	case ROUTE_METRICS:
		answer_metrics(request);
		break;
	case ROUTE_PAGE:
	case N_ROUTES:
		if (!web_answer(shop->web, request))
			answer_not_found(request);
		break;
	}
}

void routes_handle(void *arg, struct http_request *request)
{
	const struct http_head *head = http_request_head(request);
	const char *allow = NULL;
	struct order_id id = { 0 };
	enum route route;
	int r;

	r = routes_find(&route, head->method, head->path, &id, &allow);
	http_request_set_tag(request, (int)route);
	if (r)
		answer_wrong(request, r, allow);
	else
		dispatch(arg, request, route, &id);
}

void routes_answered(void *shop, const struct http_answered *what)
{
	const struct http_head *head = what->head;

	(void)shop;
	answered[what->tag < 0 ? N_ROUTES : what->tag][what->status / 100]++;
	if (!head)
		log_debug("ACCESS", "refused before it was a request: %d",
			  what->status);
	else
		/* Without the query: what it says is its client's own. */
		log_debug("ACCESS", "%s %.*s: %d after %.1f ms",
			  http_method_name(head->method),
			  head->path.n < PATH_SHOWN_MAX ? (int)head->path.n
							: PATH_SHOWN_MAX,
			  head->path.p, what->status,
			  (double)what->duration_us / 1000);
}

void routes_collect(void *arg, struct buf *out)
{
	char labels[64];

	(void)arg;
	buf_text(out, "# HELP " REQUESTS " requests by route and status class\n"
		      "# TYPE " REQUESTS " counter\n");
	for (size_t route = 0; route <= N_ROUTES; route++) {
		for (size_t class = 2; class <= 5; class ++) {
			(void)snprintf(labels, sizeof(labels),
				       "route=\"%s\",class=\"%zuxx\"",
				       names[route], class);
			counters_line(out, REQUESTS, labels,
				      answered[route][class]);
		}
	}
}
