/* SPDX-License-Identifier: MIT */
/*
 * Show: see show.h. The view says how things stand; what the cache has heard
 * since is newer, and what was accepted here and is not decided yet only the
 * cache knows. So what the view says is learned by the cache first, and an
 * order on the cache is shown from there.
 */
#include "producers/storefront/orders/show.h"

#include "infra/lib/xalloc.h"
#include "producers/storefront/http/answer.h"

struct showing {
	struct shop *shop;
	struct http_request *request;
	struct order_id id;
};

static struct showing *showing_new(struct shop *shop,
				   struct http_request *request)
{
	struct showing *showing = xcalloc(1, sizeof(*showing));

	showing->shop = shop;
	showing->request = request;
	return showing;
}

static void answer_order(struct http_request *request,
			 const struct order *order)
{
	struct buf json = { 0 };

	order_json(order, &json);
	answer_json(request, 200, &json, NULL);
	buf_deinit(&json);
}

static void take_order(void *arg, int r, const struct order *order)
{
	struct showing *showing = arg;
	struct order_cache *cache = showing->shop->cache;
	const struct cached_order *entry;
	struct answer_error error = { .order_id = &showing->id };

	if (!r)
		order_cache_learn(cache, order);
	entry = order_cache_find(cache, &showing->id);
	if (entry && entry->accepted && entry->order.items) {
		answer_order(showing->request, &entry->order);
	} else if (!r) {
		answer_order(showing->request, order);
	} else if (r == VIEWS_E_NONE) {
		error.status = 404;
		error.error = "there is no such order";
		answer_error(showing->request, &error);
	} else {
		error.status = 503;
		error.error = "the database is away or busy, ask again";
		answer_error(showing->request, &error);
	}
	free(showing);
}

void show_order(struct shop *shop, struct http_request *request,
		const struct order_id *id)
{
	struct showing *showing = showing_new(shop, request);

	showing->id = *id;
	views_order(shop->views, id, take_order, showing);
}

static void take_stock(void *arg, int r, struct text json)
{
	static const struct answer_error error = {
		.status = 503,
		.error = "the stock cannot be read now",
	};
	struct showing *showing = arg;
	struct buf body = { 0 };

	if (r) {
		answer_error(showing->request, &error);
	} else {
		buf_add(&body, json.p, json.n);
		answer_json(showing->request, 200, &body, NULL);
		buf_deinit(&body);
	}
	free(showing);
}

void show_stock(struct shop *shop, struct http_request *request)
{
	static const struct answer_error error = {
		.status = 400,
		.error = "must be a text of 1 to 255 characters",
		.field = "stall",
	};
	char name[TEXT_MAX_BYTES];
	struct text stall;

	if (!http_head_query(http_request_head(request), "stall", name,
			     sizeof(name), &stall) ||
	    stall.n == 0 || !text_is_clean(stall) ||
	    text_n_chars(stall) > TEXT_MAX_CHARS) {
		answer_error(request, &error);
		return;
	}
	views_stock(shop->views, stall, take_stock, showing_new(shop, request));
}
