/* SPDX-License-Identifier: MIT */
/*
 * The way things should go: an order by HTTP becomes a toastie, and a customer
 * who subscribed sees it being made.
 */
#include <stdio.h>
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define ITEMS                                                                  \
	"[{\"ingredient\":\"cheese\",\"quantity\":1},"                         \
	"{\"ingredient\":\"vegemite\",\"quantity\":1},"                        \
	"{\"ingredient\":\"bread\",\"quantity\":2}]"
#define TOASTIE                                                                \
	"{\"stall\":\"main\",\"customer\":\"gita\",\"items\":" ITEMS           \
	",\"doneness\":\"light\",\"metadata\":{}}"
#define KEY "018f3a1e-7c2b-7abc-8def-0123456789ab"

/* The next event of the order is that state. */
static void expect_event(struct events *events, const char *id,
			 const char *state)
{
	json_t *event = events_next(events);

	ck_assert_msg(event, "no event within %d ms, %s was expected",
		      PATIENCE_MS, state);
	ck_assert_str_eq(text_at(event, "order_id"), id);
	ck_assert_str_eq(text_at(event, "state"), state);
	json_decref(event);
}

WORLD_TEST(an_order_is_seen_accepted_then_queued_then_grilling_then_done)
{
	struct grill_spy *grill = grill_open(world, "grill-1", 2, 4);
	struct program *storefront = world_start(world, "storefront");
	struct program *chillybin = world_start_ready(world, "chillybin-1");
	char id[37], path[64];
	struct events events;

	world_wait_all_ready(world);
	shop_restock(storefront, 10);
	(void)program_stop(chillybin);
	shop_order(storefront, TOASTIE, NULL, id);
	(void)snprintf(path, sizeof(path), "/events?order=%s", id);
	ck_assert(!events_open(&events, program_port(storefront), path));
	expect_event(&events, id, "accepted");
	program_start(chillybin);
	expect_event(&events, id, "queued");
	(void)world_start(world, "jafflr-1");
	expect_event(&events, id, "grilling");
	expect_event(&events, id, "done");
	events_close(&events);
	ck_assert_uint_eq(grill_count(grill, "START"), 1);
	ck_assert_uint_eq(grill_count(grill, "DONE"), 1);
	ck_assert_int_eq(shop_stock(storefront, "cheese"), 9);
	ck_assert_int_eq(shop_stock(storefront, "vegemite"), 9);
	ck_assert_int_eq(shop_stock(storefront, "bread"), 8);
	ck_assert_int_eq(check_world(world).n_done, 1);
}

/* The answer to the order, and then the order. */
WORLD_TEST(an_order_is_answered_with_these_eleven_fields_and_no_others)
{
	const struct http_ask ask = {
		.method = "POST", .path = "/orders", .key = KEY, .body = TOASTIE
	};
	struct program *storefront = shop_open(world);
	char text[64], code[CALL_CODE_CHARS + 1];
	struct http_answer answer;
	struct order_id id;
	json_t *order;

	(void)grill_open(world, "grill-1", 1, 100);
	(void)world_start(world, "jafflr-1");
	shop_restock(storefront, 10);
	answer = shop_ask(storefront, &ask);
	ck_assert_int_eq(answer.status, 202);
	ck_assert(http_field(&answer, "Location", text, sizeof(text)));
	ck_assert_str_eq(text, "/orders/" KEY);
	ck_assert_uint_eq(json_object_size(answer.json), 4);
	expect_member(answer.json, "order_id", "\"" KEY "\"");
	expect_member(answer.json, "state", "\"accepted\"");
	/* The same in every program, from the id alone. */
	ck_assert(!order_id_parse(&id, KEY, strlen(KEY)));
	(void)order_call_code(&id, code);
	ck_assert_str_eq(text_at(answer.json, "code"), code);

	order = shop_wait(storefront, KEY, "done");
	ck_assert_uint_eq(json_object_size(order), 11);
	expect_member(order, "order_id", "\"" KEY "\"");
	ck_assert(json_equal(json_object_get(order, "number"),
			     json_object_get(answer.json, "number")));
	ck_assert_str_eq(text_at(order, "code"), code);
	expect_member(order, "returned", "false");
	expect_member(order, "stall", "\"main\"");
	expect_member(order, "customer", "\"gita\"");
	expect_member(order, "items", ITEMS);
	expect_member(order, "doneness", "\"light\"");
	expect_member(order, "state", "\"done\"");
	expect_member(order, "missing", "[]");
	expect_member(order, "plate", "\"grill-1/0\"");
	json_decref(order);
	http_answer_deinit(&answer);
}

WORLD_TEST(an_order_sent_twice_under_one_key_is_one_order)
{
	struct program *storefront = shop_open(world);
	char first[37], second[37], other[37];

	shop_restock(storefront, 10);
	shop_order(storefront, TOASTIE, KEY, first);
	ck_assert_str_eq(first, KEY);
	json_decref(shop_wait(storefront, first, "queued"));
	shop_order(storefront, TOASTIE, KEY, second);
	ck_assert_str_eq(second, first);
	shop_order(storefront, TOASTIE, "a key of my own", first);
	shop_order(storefront, TOASTIE, "a key of my own", second);
	ck_assert_str_eq(second, first);
	shop_order(storefront, TOASTIE, "another key", other);
	ck_assert_str_ne(other, first);
	/* Three orders, whatever was sent. */
	ck_assert_int_eq(check_world(world).n_picked, 3);
	ck_assert_int_eq(shop_stock(storefront, "cheese"), 7);
}

/* What else may be wrong: producers/storefront's own tests. */
WORLD_TEST(an_order_that_nobody_placed_is_not_found)
{
	struct program *storefront = world_start_ready(world, "storefront");
	const struct http_ask ask = { .method = "GET", .path = "/orders/" KEY };

	ck_assert_int_eq(shop_status(storefront, &ask), 404);
}
