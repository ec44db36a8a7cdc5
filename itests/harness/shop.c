/* SPDX-License-Identifier: MIT */
/* Any one thread. */
#include "itests/harness/shop.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/err.h"
#include "itests/harness/until.h"

struct http_answer shop_ask(const struct program *storefront,
			    const struct http_ask *ask)
{
	struct http_answer answer;
	int r;

	r = http_call(&answer, program_port(storefront), ask, PATIENCE_MS);
	ck_assert_msg(!r, "%s %s: %s", ask->method, ask->path, err_text(r));
	return answer;
}

struct http_answer shop_get(const struct program *storefront, const char *path)
{
	return shop_ask(storefront,
			&(struct http_ask){ .method = "GET", .path = path });
}

const char *text_at(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

void expect_member(const json_t *object, const char *name, const char *expected)
{
	CLEANUP(cleanup_free)
	char *text = json_dumps(json_object_get(object, name),
				JSON_COMPACT | JSON_ENCODE_ANY);

	ck_assert_msg(text && !strcmp(text, expected), "%s is %s and not %s",
		      name, text ? text : "not there", expected);
}

struct program *shop_open(struct world *world)
{
	struct program *storefront = world_start(world, "storefront");

	(void)world_start(world, "chillybin-1");
	world_wait_all_ready(world);
	return storefront;
}

int shop_status(const struct program *storefront, const struct http_ask *ask)
{
	struct http_answer answer = shop_ask(storefront, ask);
	int status = answer.status;

	http_answer_deinit(&answer);
	return status;
}

int shop_post(const struct program *storefront, const char *path,
	      const char *body)
{
	return shop_status(storefront, &(struct http_ask){ .method = "POST",
							   .path = path,
							   .body = body });
}

void shop_order(const struct program *storefront, const char *body,
		const char *key, char ret_id[37])
{
	const struct http_ask ask = {
		.method = "POST", .path = "/orders", .body = body, .key = key
	};
	struct http_answer answer = shop_ask(storefront, &ask);

	ck_assert_msg(answer.status == 202, "POST /orders: %d %s",
		      answer.status, answer.body);
	ck_assert(str_copy(ret_id, 37, text_at(answer.json, "order_id")));
	ck_assert_uint_eq(strlen(ret_id), 36);
	http_answer_deinit(&answer);
}

void shop_insist(const struct program *storefront, const char *key)
{
	const struct http_ask ask = { .method = "POST",
				      .path = "/orders",
				      .body = SHOP_SLICE,
				      .key = key };
	int64_t deadline_at_ms = within(PATIENCE_MS);
	int status;

	while ((status = shop_status(storefront, &ask)) != 202) {
		ck_assert_int_eq(status, 503);
		wait_more(deadline_at_ms, "no order is accepted any more");
	}
}

int64_t shop_stock(const struct program *storefront, const char *ingredient)
{
	struct http_answer answer = shop_get(storefront, "/stock?stall=main");
	const json_t *value;
	int64_t quantity;

	ck_assert_int_eq(answer.status, 200);
	ck_assert(json_is_object(answer.json));
	value = json_object_get(answer.json, ingredient);
	quantity = value ? json_integer_value(value) : -1;
	http_answer_deinit(&answer);
	return quantity;
}

void shop_restock(const struct program *storefront, int64_t quantity)
{
	static const char *const ingredients[] = { "bread", "cheese",
						   "vegemite" };
	int64_t deadline_at_ms = within(PATIENCE_MS);
	struct buf body = { 0 };

	buf_text(&body, "{\"stall\":\"main\",\"items\":[");
	for (int i = 0; i < 3; i++)
		buf_printf(&body,
			   "%s{\"ingredient\":\"%s\",\"quantity\":%" PRId64 "}",
			   i ? "," : "", ingredients[i], quantity);
	buf_add(&body, "]}", 3);
	ck_assert_int_eq(shop_post(storefront, "/restock", body.p), 202);
	buf_deinit(&body);
	/* They come in one request, and may be counted in any order. */
	for (int i = 0; i < 3; i++)
		while (shop_stock(storefront, ingredients[i]) <= 0)
			wait_more(deadline_at_ms, "a restock does not arrive");
}

json_t *shop_see(const struct program *storefront, const char *id)
{
	struct http_answer answer;
	char path[64];
	json_t *json;

	(void)snprintf(path, sizeof(path), "/orders/%s", id);
	answer = shop_get(storefront, path);
	ck_assert_msg(answer.status == 200, "GET %s: %d %s", path,
		      answer.status, answer.body);
	json = json_incref(answer.json);
	http_answer_deinit(&answer);
	return json;
}

json_t *shop_wait(const struct program *storefront, const char *id,
		  const char *state)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);
	json_t *order;

	for (;;) {
		order = shop_see(storefront, id);
		if (!strcmp(text_at(order, "state"), state))
			return order;
		wait_more(deadline_at_ms,
			  "order %s is %s and does not become %s", id,
			  text_at(order, "state"), state);
		json_decref(order);
	}
}
