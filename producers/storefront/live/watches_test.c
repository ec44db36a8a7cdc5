/* SPDX-License-Identifier: MIT */
/* Watches: found by what they watch, and gone with their last subscriber. */
#include "producers/storefront/live/watches.h"

#include <check.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"

struct subscriber {
	LIST_ENTRY(subscriber) link;
};

static struct watches *watches;

static void setup(void)
{
	ck_assert_int_eq(watches_new(&watches), 0);
}

static void teardown(void)
{
	watches = watches_free(watches);
}

START_TEST(a_watch_is_one_for_all_who_watch_the_same)
	{
		struct cached_order entries[2] = { 0 };
		struct watch *stall = watches_stall(watches, TEXT("main"));
		struct watch *order = watches_order(watches, &entries[0]);

		ck_assert_ptr_eq(watches_stall(watches, TEXT("main")), stall);
		ck_assert_ptr_eq(watches_order(watches, &entries[0]), order);
		ck_assert_ptr_eq(watches_find_stall(watches, TEXT("main")),
				 stall);
		ck_assert_ptr_eq(watches_find_order(watches, &entries[0]),
				 order);
		/* Of the same id, but another on the cache. */
		ck_assert_ptr_null(watches_find_order(watches, &entries[1]));
		ck_assert_ptr_null(watches_find_stall(watches, TEXT("Main")));
		watches_drop(stall);
		watches_drop(order);
		ck_assert_ptr_null(watches_find_stall(watches, TEXT("main")));
	}
END_TEST

START_TEST(a_watch_stays_while_it_has_a_subscriber)
	{
		struct subscriber subscriber = { 0 };
		struct watch *watch = watches_stall(watches, TEXT("main"));

		LIST_INSERT_HEAD(&watch->subscribers, &subscriber, link);
		watches_drop(watch);
		ck_assert_ptr_eq(watches_find_stall(watches, TEXT("main")),
				 watch);
		LIST_REMOVE(&subscriber, link);
		watches_drop(watch);
		ck_assert_ptr_null(watches_find_stall(watches, TEXT("main")));
	}
END_TEST

START_TEST(many_watches_are_told_apart)
	{
		char name[16];

		for (int i = 0; i < 5000; i++) {
			(void)snprintf(name, sizeof(name), "stall %d", i);
			(void)watches_stall(watches, text_of(name));
		}
		for (int i = 0; i < 5000; i++) {
			struct watch *watch;

			(void)snprintf(name, sizeof(name), "stall %d", i);
			watch = watches_find_stall(watches, text_of(name));
			ck_assert_ptr_nonnull(watch);
			ck_assert_str_eq(watch->stall, name);
			watches_drop(watch);
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watches");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_watch_is_one_for_all_who_watch_the_same);
	tcase_add_test(tcase, a_watch_stays_while_it_has_a_subscriber);
	tcase_add_test(tcase, many_watches_are_told_apart);
	return check_run(suite);
}
