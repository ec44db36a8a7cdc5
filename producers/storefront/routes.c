/* SPDX-License-Identifier: MIT */
/* Routes: the first row whose path fits has the request. What was counted, here
 * and in all of the program, goes out by /metrics. */
#include "producers/storefront/routes.h"

#include <stdio.h>
#include <string.h>

#include "infra/lib/probe.h"
#include "producers/storefront/live/subscriptions.h"
#include "producers/storefront/orders/handlers.h"
#include "producers/storefront/web.h"

/* Of a path, in the log. */
enum { PATH_SHOWN_MAX = 200 };

#define REQUESTS "storefront_http_requests_total"

/* ---- what is answered here ---- */

/* The probes and /metrics, by the same code as in all programs. */
static void answer_probe(struct shop *shop, struct http_request *request,
			 const struct order_id *id)
{
	struct text path = http_request_head(request)->path;
	struct probe_reply probe = { .status = 404 };
	struct http_reply reply;

	(void)id;
	(void)probe_reply(&probe, shop->checks, path);
	reply = (struct http_reply){
		.status = probe.status,
		.type = probe.type,
		.body = probe.body.p,
		.n_body = probe.body.n,
	};
	http_reply(request, &reply);
	buf_deinit(&probe.body);
}

static void answer_page(struct shop *shop, struct http_request *request,
			const struct order_id *id)
{
	(void)id;
	if (!web_answer(shop->web, request))
		http_reply_error(request, 404, "there is nothing here", NULL,
				 NULL);
}

/* ---- the table ---- */

/* clang-format off */
static const struct route routes[] = {
	{ "/orders", HTTP_METHOD_POST, "place_order", place_order },
	{ "/orders/*", HTTP_METHOD_GET, "show_order", show_order },
	{ "/orders/*/cancel", HTTP_METHOD_POST, "cancel_order", cancel_order },
	{ "/stock", HTTP_METHOD_GET, "show_stock", show_stock },
	{ "/restock", HTTP_METHOD_POST, "restock", restock },
	{ "/events", HTTP_METHOD_GET, "events", subscribe },
	{ "/livez", HTTP_METHOD_GET, "livez", answer_probe },
	{ "/readyz", HTTP_METHOD_GET, "readyz", answer_probe },
	{ "/startupz", HTTP_METHOD_GET, "startupz", answer_probe },
	{ "/metrics", HTTP_METHOD_GET, "metrics", answer_probe },
	{ NULL, HTTP_METHOD_GET, "page", answer_page },
};
/* clang-format on */

enum { N_ROUTES = sizeof(routes) / sizeof(routes[0]), N_CLASSES = 6 };

/* Answers, by route and by the status' first digit. The last row counts what
 * was refused before there was a request. */
static int64_t answered[N_ROUTES + 1][N_CLASSES];

/* Does @path fit? Then @ret_part is what stands where @pattern has its '*'. */
static bool fits(const char *pattern, struct text path, struct text *ret_part)
{
	const char *star = pattern ? strchr(pattern, '*') : NULL;
	size_t n_before, n_after;

	if (!star)
		return !pattern || text_equal(text_of(pattern), path);
	n_before = (size_t)(star - pattern);
	n_after = strlen(star + 1);
	if (path.n <= n_before + n_after ||
	    memcmp(path.p, pattern, n_before) != 0 ||
	    memcmp(path.p + path.n - n_after, star + 1, n_after) != 0)
		return false;
	path.p += n_before;
	path.n -= n_before + n_after;
	if (memchr(path.p, '/', path.n))
		return false;
	*ret_part = path;
	return true;
}

int routes_find(const struct route **ret, enum http_method method,
		struct text path, struct order_id *ret_id)
{
	const struct route *route = routes;
	struct text part = { NULL, 0 };

	while (!fits(route->path, path, &part))
		route++; /* the last row fits every path */
	*ret = route;
	if (method == HTTP_METHOD_HEAD)
		method = HTTP_METHOD_GET;
	if (route->method != method)
		return ROUTE_E_METHOD;
	if (part.p && order_id_parse(ret_id, part.p, part.n))
		return ROUTE_E_ID;
	return 0;
}

/* ---- requests ---- */

static void refuse_method(struct http_request *request,
			  const struct route *route)
{
	const struct http_field allow = {
		TEXT("Allow"),
		route->method == HTTP_METHOD_GET ? TEXT("GET, HEAD")
						 : TEXT("POST"),
	};
	struct buf json = { 0 };

	buf_text(&json, "{\"error\":\"not this way\"}");
	http_reply_json(request, 405, &json, &allow);
	buf_deinit(&json);
}

void routes_handle(void *shop, struct http_request *request)
{
	const struct http_head *head = http_request_head(request);
	const struct route *route;
	struct order_id id = { 0 };
	int r = routes_find(&route, head->method, head->path, &id);

	http_request_set_tag(request, (int)(route - routes));
	if (r == ROUTE_E_METHOD)
		refuse_method(request, route);
	else if (r)
		http_reply_error(request, 404, "that is not the id of an order",
				 NULL, NULL);
	else
		route->handle(shop, request, &id);
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

/* A counters_collect_fn: appends the counts of answers. */
static void collect(void *arg, struct buf *out)
{
	char labels[64];

	(void)arg;
	counters_head(out, REQUESTS, "requests by route and status class",
		      KIND_COUNTER);
	for (size_t i = 0; i <= N_ROUTES; i++) {
		for (size_t class = 2; class < N_CLASSES; class ++) {
			(void)snprintf(labels, sizeof(labels),
				       "route=\"%s\",class=\"%zuxx\"",
				       i < N_ROUTES ? routes[i].name : "none",
				       class);
			counters_line(out, REQUESTS, labels,
				      answered[i][class]);
		}
	}
}

struct metrics metrics = {
#define COUNTERS_ROWS
#define COUNTERS_DEF "producers/storefront/counters.def"
#include "infra/lib/counters_def.h"
};

void metrics_register(void)
{
	/* The struct has counters only, so it is an array of them. */
	counters_register((struct counter *)&metrics,
			  sizeof(metrics) / sizeof(struct counter));
	counters_collect(collect, NULL);
}
