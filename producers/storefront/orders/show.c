/* SPDX-License-Identifier: MIT */
/* Show: an order and the stock, from the database's views and the cache. */
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/http.h"
#include "producers/storefront/orders/handlers.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/views.h"

/* ---- orders ---- */

static void on_order(void *arg, int r, const struct order *order)
{
	struct order_read *read = arg;
	struct order_cache *cache = read->shop->cache;
	const struct cached_order *entry;

	if (!r)
		order_cache_learn(cache, order);
	entry = order_cache_find(cache, &read->id);
	if (entry && entry->accepted && entry->order.items)
		order = &entry->order;
	read->r = r;
	read->order = order;
	read->fn(read);
	free(read);
}

void order_read(struct shop *shop, struct http_request *request,
		const struct order_id *id,
		void (*fn)(const struct order_read *read))
{
	struct order_read *read = xmalloc(sizeof(*read));

	*read = (struct order_read){ shop, request, *id, fn, 0, NULL };
	views_order(shop->views, id, on_order, read);
}

void answer_no_order(const struct order_read *read)
{
	char text[ORDER_ID_CHARS + 1];
	bool none = read->r == VIEWS_E_NONE;

	http_reply_error(read->request, none ? 404 : 503,
			 none ? "there is no such order"
			      : "the database is away or busy, try again",
			 "order_id", order_id_format(&read->id, text));
}

static void show(const struct order_read *read)
{
	struct buf json = { 0 };

	if (!read->order) {
		answer_no_order(read);
		return;
	}
	order_json(read->order, &json);
	http_reply_json(read->request, 200, &json, NULL);
	buf_deinit(&json);
}

void show_order(struct shop *shop, struct http_request *request,
		const struct order_id *id)
{
	order_read(shop, request, id, show);
}

/* ---- stock ---- */

static void on_stock(void *request, int r, const struct buf *json)
{
	if (r)
		http_reply_error(request, 503, "the stock cannot be read now",
				 NULL, NULL);
	else
		http_reply_json(request, 200, json, NULL);
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
	char name[TEXT_MAX_BYTES];
	struct text stall;

	(void)id;
	if (query_stall(http_request_head(request), name, &stall))
		views_stock(shop->views, stall, on_stock, request);
	else
		http_reply_error(request, 400,
				 "must be a text of 1 to 255 characters",
				 "field", "stall");
}
