/* SPDX-License-Identifier: MIT */
/* Shop: see shop.h. Any one thread. */
#include "itests/harness/shop.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

void shop_order(const struct program *storefront, const char *body,
		const char *key, char ret_id[37])
{
	struct http_answer answer =
		shop_ask(storefront, &(struct http_ask){ .method = "POST",
							 .path = "/orders",
							 .body = body,
							 .key = key });

	ck_assert_msg(answer.status == 202, "POST /orders: %d %s",
		      answer.status, answer.body.p);
	ck_assert(str_copy(ret_id, 37, text_at(answer.json, "order_id")));
	ck_assert_uint_eq(strlen(ret_id), 36);
	http_answer_deinit(&answer);
}

int64_t shop_stock(const struct program *storefront, const char *stall,
		   const char *ingredient)
{
	struct http_answer answer;
	const json_t *value;
	char path[320];
	int64_t quantity;

	(void)snprintf(path, sizeof(path), "/stock?stall=%s", stall);
	answer = shop_get(storefront, path);
	ck_assert_int_eq(answer.status, 200);
	ck_assert(json_is_object(answer.json));
	value = json_object_get(answer.json, ingredient);
	quantity = value ? json_integer_value(value) : -1;
	http_answer_deinit(&answer);
	return quantity;
}

struct awaited_stock {
	const struct program *storefront;
	const char *stall, *ingredient;
	int64_t at_least;
};

static bool is_stocked(void *arg)
{
	const struct awaited_stock *awaited = arg;

	return shop_stock(awaited->storefront, awaited->stall,
			  awaited->ingredient) >= awaited->at_least;
}

void shop_restock(const struct program *storefront, const char *stall,
		  const char *ingredient, int64_t quantity)
{
	int64_t before = shop_stock(storefront, stall, ingredient);
	struct awaited_stock awaited = {
		.storefront = storefront,
		.stall = stall,
		.ingredient = ingredient,
		.at_least = (before < 0 ? 0 : before) + quantity,
	};
	struct http_answer answer;
	char body[512];

	(void)snprintf(body, sizeof(body),
		       "{\"stall\":\"%s\",\"items\":[{\"ingredient\":\"%s\","
		       "\"quantity\":%" PRId64 "}]}",
		       stall, ingredient, quantity);
	answer = shop_ask(storefront, &(struct http_ask){ .method = "POST",
							  .path = "/restock",
							  .body = body });
	ck_assert_msg(answer.status == 202, "POST /restock: %d %s",
		      answer.status, answer.body.p);
	http_answer_deinit(&answer);
	ck_assert_msg(until(PATIENCE_MS, is_stocked, &awaited),
		      "a restock of %s does not arrive", ingredient);
}

json_t *shop_see(const struct program *storefront, const char *id)
{
	struct http_answer answer;
	char path[64];
	json_t *json;

	(void)snprintf(path, sizeof(path), "/orders/%s", id);
	answer = shop_get(storefront, path);
	ck_assert_msg(answer.status == 200, "GET %s: %d %s", path,
		      answer.status, answer.body.p);
	json = json_incref(answer.json);
	http_answer_deinit(&answer);
	return json;
}

struct awaited_state {
	const struct program *storefront;
	const char *id, *state;
	char seen[32];
	json_t *json;
};

static bool is_in_state(void *arg)
{
	struct awaited_state *awaited = arg;

	json_decref(awaited->json);
	awaited->json = shop_see(awaited->storefront, awaited->id);
	(void)str_copy(awaited->seen, sizeof(awaited->seen),
		       text_at(awaited->json, "state"));
	return !strcmp(awaited->seen, awaited->state);
}

json_t *shop_wait(const struct program *storefront, const char *id,
		  const char *state)
{
	struct awaited_state awaited = { .storefront = storefront,
					 .id = id,
					 .state = state };

	ck_assert_msg(until(PATIENCE_MS, is_in_state, &awaited),
		      "order %s is %s and does not become %s", id, awaited.seen,
		      state);
	return awaited.json;
}
