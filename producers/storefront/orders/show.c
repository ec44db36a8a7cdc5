/* SPDX-License-Identifier: MIT */
/* Show: an order and the stock, from the database's views and the cache. */
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/http.h"
#include "producers/storefront/orders/handlers.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/views.h"

/* Lives while a view is read. */
struct reading {
	struct shop *shop;
	struct http_request *request;
	struct order_id id;
	order_read_fn fn;
};

static struct reading *reading_new(struct shop *shop,
				   struct http_request *request)
{
	struct reading *reading = xcalloc(1, sizeof(*reading));

	reading->shop = shop;
	reading->request = request;
	return reading;
}

/* ---- orders ---- */

static void on_order(void *arg, int r, const struct order *order)
{
	struct reading *reading = arg;
	struct order_cache *cache = reading->shop->cache;
	const struct cached_order *entry;

	if (!r)
		order_cache_learn(cache, order);
	entry = order_cache_find(cache, &reading->id);
	if (entry && entry->accepted && entry->order.items)
		order = &entry->order;
	reading->fn(reading->shop, reading->request, &reading->id, r, order);
	free(reading);
}

void order_read(struct shop *shop, struct http_request *request,
		const struct order_id *id, order_read_fn fn)
{
	struct reading *reading = reading_new(shop, request);

	reading->id = *id;
	reading->fn = fn;
	views_order(shop->views, id, on_order, reading);
}

void answer_no_order(struct http_request *request, const struct order_id *id,
		     int r)
{
	struct answer_error error = { .order_id = id };

	if (r == VIEWS_E_NONE) {
		error.status = 404;
		error.error = "there is no such order";
	} else {
		error.status = 503;
		error.error = "the database is away or busy, ask again";
	}
	answer_error(request, &error);
}

static void show(struct shop *shop, struct http_request *request,
		 const struct order_id *id, int r, const struct order *order)
{
	struct buf json = { 0 };

	(void)shop;
	if (!order) {
		answer_no_order(request, id, r);
		return;
	}
	order_json(order, &json);
	answer_json(request, 200, &json, NULL);
	buf_deinit(&json);
}

void show_order(struct shop *shop, struct http_request *request,
		const struct order_id *id)
{
	order_read(shop, request, id, show);
}

/* ---- stock ---- */

static void on_stock(void *arg, int r, const struct buf *json)
{
	static const struct answer_error error = {
		.status = 503,
		.error = "the stock cannot be read now",
	};
	struct reading *reading = arg;

	if (r)
		answer_error(reading->request, &error);
	else
		answer_json(reading->request, 200, json, NULL);
	free(reading);
}

bool query_stall(const struct http_head *head, char out[static TEXT_MAX_BYTES],
		 struct text *ret)
{
	return http_head_query(head, "stall", out, TEXT_MAX_BYTES, ret) &&
	       ret->n > 0 && text_is_clean(*ret) &&
	       !text_is_longer(*ret, TEXT_MAX_CHARS);
}

void show_stock(struct shop *shop, struct http_request *request,
		const struct order_id *id)
{
	static const struct answer_error error = {
		.status = 400,
		.error = "must be a text of 1 to 255 characters",
		.field = "stall",
	};
	char name[TEXT_MAX_BYTES];
	struct text stall;

	(void)id;
	if (query_stall(http_request_head(request), name, &stall))
		views_stock(shop->views, stall, on_stock,
			    reading_new(shop, request));
	else
		answer_error(request, &error);
}
