/* SPDX-License-Identifier: MIT */
/*
 * A customer who changes her mind: before the toastie is started everything
 * goes back, once; after that it is finished.
 */
#include <stdio.h>
#include <string.h>

#include "itests/harness/checker.h"
#include "itests/harness/commands.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

/* POST, answered by @status and, if it is too late, by an error with @why. */
static void cancel(const struct program *storefront, const char *id, int status,
		   const char *why)
{
	struct http_answer answer;
	char path[64];

	(void)snprintf(path, sizeof(path), "/orders/%s/cancel", id);
	answer = shop_ask(storefront,
			  &(struct http_ask){ .method = "POST", .path = path });
	ck_assert_msg(answer.status == status &&
			      strstr(text_at(answer.json, "error"), why),
		      "cancel %s: %d %s", id, answer.status, answer.body);
	if (status == 202)
		ck_assert_uint_eq(strlen(text_at(answer.json, "code")),
				  CALL_CODE_CHARS);
	http_answer_deinit(&answer);
}

/* One that was under way when it became too late. */
static void cancel_all_the_same(struct world *world, const char *id,
				const char *customer)
{
	struct order_id order_id;

	ck_assert(!order_id_parse(&order_id, id, strlen(id)));
	send_cancel(world_bus(world), &order_id, customer, id);
	bus_flush(world_bus(world));
}

WORLD_TEST(an_order_cancelled_before_the_grill_gives_everything_back_once)
{
	struct program *storefront = shop_open(world);
	char id[37];
	json_t *seen;

	(void)grill_open(world, "grill-1", 1, 1000);
	shop_restock(storefront, 10);
	shop_order(storefront, SHOP_TOASTIE, NULL, id);
	json_decref(shop_wait(storefront, id, "queued"));
	cancel(storefront, id, 202, "");
	seen = shop_wait(storefront, id, "cancelled");
	expect_member(seen, "returned", "false");
	json_decref(seen);
	/* Nothing comes back before the grill has said so. */
	ck_assert_int_eq(shop_stock(storefront, "bread"), 8);
	(void)world_start(world, "jafflr-1");
	db_wait(world->db, 1, "orders WHERE returned_at IS NOT NULL");
	cancel(storefront, id, 202, "");
	ck_assert_int_eq(check_world(world).n_starts, 0);
	/* It was her wish, and that is what she reads. */
	seen = shop_see(storefront, id);
	expect_member(seen, "state", "\"cancelled\"");
	expect_member(seen, "returned", "true");
	json_decref(seen);
	ck_assert_int_eq(shop_stock(storefront, "bread"), 10);
	ck_assert_int_eq(shop_stock(storefront, "cheese"), 10);
}

WORLD_TEST(a_toastie_that_has_started_is_finished)
{
	struct program *storefront = shop_open(world);
	struct grill_spy *grill = grill_open(world, "grill-1", 1, 4);
	char id[37];

	(void)world_start(world, "jafflr-1");
	shop_restock(storefront, 10);
	shop_order(storefront, SHOP_TOASTIE_WITH(",\"doneness\":\"well-done\""),
		   NULL, id);
	grill_wait_starts(grill, 1);
	/* It says nothing until jafflr has read both. */
	program_freeze(grill->program);
	json_decref(shop_wait(storefront, id, "grilling"));
	cancel(storefront, id, 409, "too late: the toastie is on");
	cancel_all_the_same(world, id, "gita");
	db_wait(world->db, 2,
		"SELECT sum(next_offset)::int8 FROM positions "
		"WHERE service = 'jafflr'");
	program_thaw(grill->program);
	json_decref(shop_wait(storefront, id, "done"));
	cancel(storefront, id, 409, "too late: the order is done");
	ck_assert_int_eq(check_world(world).n_done, 1);
	ck_assert_int_eq(shop_stock(storefront, "bread"), 8);
}

WORLD_TEST(a_cancellation_that_comes_too_late_leaves_the_verdict_kept)
{
	static const struct {
		const char *body, *state, *customer, *why;
	} cases[] = {
		{ "{\"stall\":\"main\",\"items\":[{\"ingredient\":\"bread\","
		  "\"quantity\":99}]}",
		  "refused", NULL, "was refused" },
		{ SHOP_TOASTIE_WITH(",\"grill\":false"), "done", "gita",
		  "is done" },
	};
	struct program *storefront = shop_open(world);
	char ids[N_ROWS(cases)][37];
	struct check_result result;

	shop_restock(storefront, 10);
	for (int i = 0; i < N_ROWS(cases); i++) {
		shop_order(storefront, cases[i].body, NULL, ids[i]);
		json_decref(shop_wait(storefront, ids[i], cases[i].state));
		cancel(storefront, ids[i], 409, cases[i].why);
		cancel_all_the_same(world, ids[i], cases[i].customer);
	}
	result = check_world(world);
	ck_assert_int_eq(result.n_kept, 2);
	ck_assert_int_eq(result.n_cancelled, 0);
	for (int i = 0; i < N_ROWS(cases); i++)
		json_decref(shop_wait(storefront, ids[i], cases[i].state));
	ck_assert_int_eq(shop_stock(storefront, "bread"), 8);
}
