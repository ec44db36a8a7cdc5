/* SPDX-License-Identifier: MIT */
/*
 * What is not there is refused, with what was missing and how much was left,
 * and a refusal changes nothing.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define N_CUSTOMERS 50
#define PATIENCE_MS PATIENCE_MS
#define SLICE                                                                  \
	"{\"stall\":\"main\",\"items\":[{\"ingredient\":\"cheese\","           \
	"\"quantity\":1}]}"

static struct program *open_shop(struct world *world)
{
	struct program *storefront = world_start(world, "storefront", NULL);

	(void)world_start(world, "chillybin-1", NULL);
	world_wait_all_ready(world);
	return storefront;
}

static void expect_missing(const struct program *storefront, const char *id,
			   const char *expected)
{
	json_t *order = shop_wait(storefront, id, "refused");
	char *missing =
		json_dumps(json_object_get(order, "missing"), JSON_COMPACT);

	ck_assert_str_eq(missing, expected);
	free(missing);
	json_decref(order);
}

START_TEST(a_refused_order_names_what_was_missing_and_changes_nothing)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		char id[37];

		shop_restock(storefront, "main", "bread", 1);
		shop_restock(storefront, "main", "cheese", 5);
		shop_order(storefront,
			   "{\"stall\":\"main\",\"items\":["
			   "{\"ingredient\":\"cheese\",\"quantity\":1},"
			   "{\"ingredient\":\"bread\",\"quantity\":2}]}",
			   NULL, id);
		expect_missing(
			storefront, id,
			"[{\"ingredient\":\"bread\",\"wanted\":2,\"left\":1}]");
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 5);
		ck_assert_int_eq(shop_stock(storefront, "main", "bread"), 1);
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(check_world(world, &(struct check_params){ 0 })
					 .n_refused,
				 1);
	}
END_TEST

START_TEST(an_ingredient_that_the_stall_never_had_is_named_with_left_null)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		char id[37];

		shop_restock(storefront, "main", "cheese", 5);
		shop_order(storefront,
			   "{\"stall\":\"main\",\"items\":["
			   "{\"ingredient\":\"cheese\",\"quantity\":1},"
			   "{\"ingredient\":\"moon dust\",\"quantity\":3}]}",
			   NULL, id);
		expect_missing(storefront, id,
			       "[{\"ingredient\":\"moon "
			       "dust\",\"wanted\":3,\"left\":null}]");
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 5);
		ck_assert_int_eq(shop_stock(storefront, "main", "moon%20dust"),
				 -1);
	}
END_TEST

START_TEST(of_two_orders_for_the_last_slice_exactly_one_gets_it)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		char ids[2][37];

		shop_restock(storefront, "main", "cheese", 1);
		shop_order(storefront, SLICE, NULL, ids[0]);
		shop_order(storefront, SLICE, NULL, ids[1]);
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(db_i64(world->db,
					"SELECT count(*) FROM orders WHERE "
					"verdict = 'picked' AND order_id "
					"IN ('%s', '%s')",
					ids[0], ids[1]),
				 1);
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 0);
		(void)check_world(world, &(struct check_params){ 0 });
	}
END_TEST

/* All at once, decided by two workers. */
START_TEST(of_fifty_at_once_for_the_last_slice_exactly_one_gets_it)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct program *storefront = open_shop(world);
		const struct http_ask ask = { .method = "POST",
					      .path = "/orders",
					      .body = SLICE };
		struct check_result result;
		struct http_answer answer;
		int fds[N_CUSTOMERS];

		(void)world_start(world, "chillybin-2", NULL);
		world_wait_all_ready(world);
		shop_restock(storefront, "main", "cheese", 1);
		for (int i = 0; i < N_CUSTOMERS; i++)
			ck_assert(!http_send(&fds[i], program_port(storefront),
					     &ask));
		for (int i = 0; i < N_CUSTOMERS; i++) {
			ck_assert(!http_receive(&answer, fds[i], PATIENCE_MS));
			ck_assert_int_eq(answer.status, 202);
			http_answer_deinit(&answer);
		}
		world_settle(world, PATIENCE_MS);
		result = check_world(world, &(struct check_params){ 0 });
		ck_assert_int_eq(result.n_picked, 1);
		ck_assert_int_eq(result.n_refused, N_CUSTOMERS - 1);
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 0);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_refused_order_names_what_was_missing_and_changes_nothing,
		an_ingredient_that_the_stall_never_had_is_named_with_left_null,
		of_two_orders_for_the_last_slice_exactly_one_gets_it,
		of_fifty_at_once_for_the_last_slice_exactly_one_gets_it,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
