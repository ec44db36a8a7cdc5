/* SPDX-License-Identifier: MIT */
/*
 * The way things should go: an order by HTTP becomes a toastie, and whoever
 * watches sees it being made.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/str.h"
#include "itests/harness/bus.h"
#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"
#include "schemas/order_id.h"

#define TOASTIE                                                                \
	"{\"stall\":\"main\",\"customer\":\"gita\",\"items\":["                \
	"{\"ingredient\":\"cheese\",\"quantity\":1},"                          \
	"{\"ingredient\":\"vegemite\",\"quantity\":1},"                        \
	"{\"ingredient\":\"bread\",\"quantity\":2}],\"doneness\":\"light\","   \
	"\"metadata\":{}}"

static struct program *open_shop(struct world *world)
{
	struct program *storefront = world_start(world, "storefront", NULL);

	(void)program_wait_ready(storefront, PATIENCE_MS);
	return storefront;
}

static void stock_up(const struct program *storefront)
{
	shop_restock(storefront, "main", "bread", 10);
	shop_restock(storefront, "main", "cheese", 10);
	shop_restock(storefront, "main", "vegemite", 10);
}

/* The next event of the order is that state. */
static void expect_event(struct events *events, const char *id,
			 const char *state)
{
	json_t *event = events_next(events, PATIENCE_MS);

	ck_assert_msg(event, "no event within %d ms, %s was expected",
		      PATIENCE_MS, state);
	ck_assert_str_eq(text_at(event, "order_id"), id);
	ck_assert_str_eq(text_at(event, "state"), state);
	json_decref(event);
}

START_TEST(an_order_is_seen_accepted_then_queued_then_grilling_then_done)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct grill_spy grill = grill_open(world, "grill-1", 2, 4);
		struct program *storefront = open_shop(world);
		struct program *chillybin =
			world_start(world, "chillybin-1", NULL);
		char id[37], path[64];
		struct events events;
		struct edges edges;

		(void)program_wait_ready(chillybin, PATIENCE_MS);
		stock_up(storefront);
		(void)program_stop(chillybin);
		shop_order(storefront, TOASTIE, NULL, id);
		(void)snprintf(path, sizeof(path), "/events?order=%s", id);
		ck_assert(!events_open(&events, program_port(storefront), path,
				       PATIENCE_MS));
		expect_event(&events, id, "accepted");
		program_start(chillybin);
		expect_event(&events, id, "queued");
		(void)world_start(world, "jafflr-1", NULL);
		expect_event(&events, id, "grilling");
		expect_event(&events, id, "done");
		events_close(&events);
		edges = grill_edges(&grill);
		ck_assert_uint_eq(edges_count(&edges, EDGE_START, NULL), 1);
		ck_assert_uint_eq(edges_count(&edges, EDGE_DONE, NULL), 1);
		edges_deinit(&edges);
		world_settle(world, PATIENCE_MS);
		(void)check_world(world,
				  &(struct check_params){ .grills = { &grill },
							  .all_done = true });
	}
END_TEST

START_TEST(a_toastie_takes_one_cheese_one_vegemite_and_two_bread)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		char id[37];

		(void)world_start(world, "chillybin-1", NULL);
		stock_up(storefront);
		shop_order(storefront, TOASTIE, NULL, id);
		json_decref(shop_wait(storefront, id, "queued"));
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 9);
		ck_assert_int_eq(shop_stock(storefront, "main", "vegemite"), 9);
		ck_assert_int_eq(shop_stock(storefront, "main", "bread"), 8);
	}
END_TEST

/* @name is there and is that JSON value. */
static void expect_value(const json_t *object, const char *name,
			 const char *expected)
{
	char *text = json_dumps(json_object_get(object, name),
				JSON_COMPACT | JSON_ENCODE_ANY);

	ck_assert_msg(text && !strcmp(text, expected), "%s is %s and not %s",
		      name, text ? text : "not there", expected);
	free(text);
}

START_TEST(an_order_is_answered_with_these_eleven_fields_and_no_others)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct grill_spy grill = grill_open(world, "grill-1", 1, 100);
		struct program *storefront = open_shop(world);
		struct http_answer answer;
		char id[40], quoted[48], location[64], expected[64], number[32];
		char code[CALL_CODE_CHARS + 1], quoted_code[16];
		struct order_id order_id;
		json_t *order;

		(void)grill;
		(void)world_start(world, "chillybin-1", NULL);
		(void)world_start(world, "jafflr-1", NULL);
		stock_up(storefront);
		answer = shop_ask(storefront,
				  &(struct http_ask){ .method = "POST",
						      .path = "/orders",
						      .body = TOASTIE });
		ck_assert_int_eq(answer.status, 202);
		ck_assert_uint_eq(json_object_size(answer.json), 4);
		ck_assert_str_eq(text_at(answer.json, "state"), "accepted");
		(void)str_copy(id, sizeof(id),
			       text_at(answer.json, "order_id"));
		(void)snprintf(number, sizeof(number), "%lld",
			       (long long)json_integer_value(
				       json_object_get(answer.json, "number")));
		/* The same in every program, from the id alone. */
		ck_assert(!order_id_parse(&order_id, id, strlen(id)));
		ck_assert_str_eq(text_at(answer.json, "code"),
				 order_call_code(&order_id, code));
		(void)snprintf(quoted_code, sizeof(quoted_code), "\"%s\"",
			       code);
		(void)snprintf(expected, sizeof(expected), "/orders/%s", id);
		ck_assert(http_field(&answer, "Location", location,
				     sizeof(location)));
		ck_assert_str_eq(location, expected);
		http_answer_deinit(&answer);

		order = shop_wait(storefront, id, "done");
		ck_assert_uint_eq(json_object_size(order), 11);
		(void)snprintf(quoted, sizeof(quoted), "\"%s\"", id);
		expect_value(order, "order_id", quoted);
		expect_value(order, "number", number);
		expect_value(order, "code", quoted_code);
		expect_value(order, "returned", "false");
		expect_value(order, "stall", "\"main\"");
		expect_value(order, "customer", "\"gita\"");
		expect_value(order, "items",
			     "[{\"ingredient\":\"cheese\",\"quantity\":1},"
			     "{\"ingredient\":\"vegemite\",\"quantity\":1},"
			     "{\"ingredient\":\"bread\",\"quantity\":2}]");
		expect_value(order, "doneness", "\"light\"");
		expect_value(order, "state", "\"done\"");
		expect_value(order, "missing", "[]");
		expect_value(order, "plate", "\"grill-1/0\"");
		json_decref(order);
	}
END_TEST

START_TEST(an_order_sent_twice_under_one_key_is_one_order)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		char uuid[] = "018f3a1e-7c2b-7abc-8def-0123456789ab";
		char first[37], second[37], other[37];

		(void)world_start(world, "chillybin-1", NULL);
		stock_up(storefront);
		shop_order(storefront, TOASTIE, uuid, first);
		ck_assert_str_eq(first, uuid);
		json_decref(shop_wait(storefront, first, "queued"));
		shop_order(storefront, TOASTIE, uuid, second);
		ck_assert_str_eq(second, first);
		shop_order(storefront, TOASTIE, "a key of my own", first);
		shop_order(storefront, TOASTIE, "a key of my own", second);
		ck_assert_str_eq(second, first);
		shop_order(storefront, TOASTIE, "another key", other);
		ck_assert_str_ne(other, first);
		world_settle(world, PATIENCE_MS);
		/* Three orders, whatever was sent. */
		ck_assert_int_eq(
			db_i64(world->db, "SELECT count(*) FROM orders"), 3);
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 7);
		(void)check_world(world, &(struct check_params){ 0 });
	}
END_TEST

static const struct {
	const char *body, *field;
} wrong[] = {
	{ "{\"items\":[{\"ingredient\":\"bread\",\"quantity\":1}]}", "stall" },
	{ "{\"stall\":\"main\"}", "items" },
	{ "{\"stall\":\"main\",\"items\":[]}", "items" },
	{ "{\"stall\":\"main\",\"items\":[{\"ingredient\":\"bread\","
	  "\"quantity\":0}]}",
	  "items[0].quantity" },
	{ "{\"stall\":\"main\",\"items\":[{\"quantity\":1}]}",
	  "items[0].ingredient" },
	{ "{\"stall\":\"main\",\"items\":[{\"ingredient\":\"bread\","
	  "\"quantity\":1}],\"doneness\":\"raw\"}",
	  "doneness" },
	{ "{\"stall\":\"main\",\"customer\":7,\"items\":[{\"ingredient\":"
	  "\"bread\",\"quantity\":1}]}",
	  "customer" },
};

START_TEST(what_is_wrong_with_an_order_is_named_and_nothing_is_published)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);

		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			struct http_answer answer = shop_ask(
				storefront,
				&(struct http_ask){ .method = "POST",
						    .path = "/orders",
						    .body = wrong[i].body });

			ck_assert_int_eq(answer.status, 400);
			ck_assert_str_eq(text_at(answer.json, "field"),
					 wrong[i].field);
			http_answer_deinit(&answer);
		}
		ck_assert_int_eq(bus_count(world, "orders"), 0);
	}
END_TEST

START_TEST(an_order_that_was_never_seen_is_not_found)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		struct http_answer answer = shop_get(
			storefront,
			"/orders/018f3a1e-7c2b-7abc-8def-0123456789ab");

		ck_assert_int_eq(answer.status, 404);
		http_answer_deinit(&answer);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		an_order_is_seen_accepted_then_queued_then_grilling_then_done,
		a_toastie_takes_one_cheese_one_vegemite_and_two_bread,
		an_order_is_answered_with_these_eleven_fields_and_no_others,
		an_order_sent_twice_under_one_key_is_one_order,
		what_is_wrong_with_an_order_is_named_and_nothing_is_published,
		an_order_that_was_never_seen_is_not_found,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
