/* SPDX-License-Identifier: MIT */
/*
 * A person orders on the page and sees the toastie done, in a real browser.
 * The screenshot stays.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

/* The browser's packages may have to be fetched first. */
#define BROWSER_MS 550000

START_TEST(a_person_orders_on_the_page_and_sees_the_toastie_done)
	{
		CLEANUP(world_freep) struct world *world = world_new(__func__);
		struct grill_spy grill = grill_open(world, "grill-1", 4, 1);
		struct program *storefront =
			world_start(world, "storefront", NULL);
		struct program *browser =
			world_command(world, "itests/browser/run.sh", NULL);
		const char *dir = getenv("ITEST_DIR");
		char text[PROGRAM_PATH_MAX];

		(void)world_start(world, "chillybin-1", NULL);
		(void)world_start(world, "jafflr-1", NULL);
		world_wait_all_ready(world);
		shop_restock(storefront, "main", "bread", 10);
		shop_restock(storefront, "main", "cheese", 10);
		shop_restock(storefront, "main", "vegemite", 10);
		(void)snprintf(text, sizeof(text),
			       "BASE_URL=http://127.0.0.1:%u",
			       program_port(storefront));
		program_set(browser, text);
		(void)snprintf(text, sizeof(text), "OUT=%s/order.png",
			       dir && *dir ? dir : "build/itest");
		program_set(browser, text);
		world_run(world, BROWSER_MS, browser);
		ck_assert_int_eq(shop_stock(storefront, "main", "cheese"), 7);
		ck_assert_int_eq(shop_stock(storefront, "main", "vegemite"), 7);
		ck_assert_int_eq(shop_stock(storefront, "main", "bread"), 4);
		world_settle(world, PATIENCE_MS);
		ck_assert_int_eq(check_world(world,
					     &(struct check_params){
						     .grills = { &grill },
						     .all_done = true })
					 .n_done,
				 3);
		suite_note("the screenshot is '%s'", text + sizeof("OUT=") - 1);
	}
END_TEST

int main(int argc, char **argv)
{
	const TTest *tests[] = {
		a_person_orders_on_the_page_and_sees_the_toastie_done,
		NULL,
	};

	return suite_main(argc, argv, 600, tests);
}
