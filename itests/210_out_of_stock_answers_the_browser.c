/* SPDX-License-Identifier: MIT */
/*
 * What is not there is refused, with what was missing and how much was left,
 * and a refusal changes nothing.
 */
#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

#define N_CUSTOMERS 50

WORLD_TEST(a_refused_order_names_what_was_missing_and_changes_nothing)
{
	static const struct {
		const char *body, *missing;
	} cases[] = {
		{ SHOP_TOASTIE,
		  "[{\"ingredient\":\"bread\",\"wanted\":2,\"left\":1}]" },
		/* The stall never had it. */
		{ "{\"stall\":\"main\",\"items\":["
		  "{\"ingredient\":\"cheese\",\"quantity\":1},"
		  "{\"ingredient\":\"moon dust\",\"quantity\":3}]}",
		  "[{\"ingredient\":\"moon dust\",\"wanted\":3,"
		  "\"left\":null}]" },
	};
	struct program *storefront = shop_open(world);

	shop_restock(storefront, 1);
	for (int i = 0; i < N_ROWS(cases); i++) {
		char id[37];
		json_t *order;

		shop_order(storefront, cases[i].body, NULL, id);
		order = shop_wait(storefront, id, "refused");
		expect_member(order, "missing", cases[i].missing);
		json_decref(order);
	}
	ck_assert_int_eq(shop_stock(storefront, "cheese"), 1);
	ck_assert_int_eq(shop_stock(storefront, "bread"), 1);
	ck_assert_int_eq(shop_stock(storefront, "moon dust"), -1);
	ck_assert_int_eq(check_world(world).n_refused, 2);
}

/* All at once, decided by two workers. */
WORLD_TEST(of_fifty_at_once_for_the_last_slice_exactly_one_gets_it)
{
	struct program *storefront = shop_open(world);
	const struct http_ask ask = { .method = "POST",
				      .path = "/orders",
				      .body = SHOP_SLICE };
	struct check_result result;
	struct http_answer answer;
	int fds[N_CUSTOMERS];

	(void)world_start_ready(world, "chillybin-2");
	shop_restock(storefront, 1);
	for (int i = 0; i < N_CUSTOMERS; i++)
		ck_assert(!http_send(&fds[i], program_port(storefront), &ask));
	for (int i = 0; i < N_CUSTOMERS; i++) {
		ck_assert(!http_receive(&answer, fds[i], PATIENCE_MS));
		ck_assert_int_eq(answer.status, 202);
		http_answer_deinit(&answer);
	}
	result = check_world(world);
	ck_assert_int_eq(result.n_picked, 1);
	ck_assert_int_eq(result.n_refused, N_CUSTOMERS - 1);
	ck_assert_int_eq(shop_stock(storefront, "cheese"), 0);
}
