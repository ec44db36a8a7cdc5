/* SPDX-License-Identifier: MIT */
/*
 * A person orders on the page and sees the toastie done, in a real browser.
 * The screenshot stays.
 */
#include <stdlib.h>

#include "itests/harness/checker.h"
#include "itests/harness/shop.h"
#include "itests/harness/suite.h"

/* The browser's packages may have to be fetched first. */
#define BROWSER_MS 550000

WORLD_TEST(a_person_orders_on_the_page_and_sees_the_toastie_done)
{
	struct program *storefront = shop_open(world);
	struct program *browser = world_command(world, "itests/browser/run.sh");
	const char *dir = getenv("ITEST_DIR");

	dir = dir && *dir ? dir : "build/itest";
	(void)grill_open(world, "grill-1", 4, 1);
	(void)world_start_ready(world, "jafflr-1");
	shop_restock(storefront, 10);
	program_set(browser, "BASE_URL=http://127.0.0.1:%u",
		    program_port(storefront));
	program_set(browser, "OUT=%s/order.png", dir);
	world_finish(browser, BROWSER_MS);
	ck_assert_int_eq(shop_stock(storefront, "cheese"), 7);
	ck_assert_int_eq(shop_stock(storefront, "vegemite"), 7);
	ck_assert_int_eq(shop_stock(storefront, "bread"), 4);
	ck_assert_int_eq(check_world(world).n_done, 3);
	suite_note("the screenshot is '%s/order.png'", dir);
}
