/* SPDX-License-Identifier: MIT */
/* Order event: its bytes, and what a Last-Event-ID means. */
#include "producers/storefront/live/order_event.h"

#include <check.h>

#include "infra/lib/check_fixture.h"

#define BOOT INT64_C(0x18f3a1e7c2b)

START_TEST(an_event_is_one_line_of_data_whatever_names_say)
	{
		struct order_id id = { { 1 } };
		struct order order;
		struct blob *blob;

		order_init(&order, &id);
		order_set(&order.customer, TEXT("gita\n\ndata: {}\r"));
		blob = order_event(&order, BOOT, 7);
		CHECK_BYTES(
			blob->p, blob->n,
			"id: 18f3a1e7c2b-7\n"
			"data: {\"order_id\":"
			"\"01000000-0000-0000-0000-000000000000\","
			"\"number\":null,\"code\":\"E945\",\"stall\":null,"
			"\"customer\":\"gita\\u000a\\u000adata: {}\\u000d\","
			"\"items\":[],\"doneness\":\"light\","
			"\"state\":\"accepted\",\"returned\":false,\"missing\":"
			"[],"
			"\"plate\":null}\n\n");
		(void)blob_drop(blob);
		order_deinit(&order);
	}
END_TEST

static const struct {
	const char *last_id;
	uint64_t change;
} rows[] = {
	{ "18f3a1e7c2b-7", 7 },
	{ "18f3a1e7c2b-0", 0 },
	{ "18f3a1e7c2b-9223372036854775807", INT64_MAX },
	{ "18f3a1e7c2b-9223372036854775808", 0 },
	{ "18f3a1e7c2b--7", 0 },
	{ "18f3a1e7c2b-7x", 0 },
	{ "18f3a1e7c2b-", 0 },
	{ "18f3a1e7c2b", 0 },
	{ "18f3a1e7c2c-7", 0 }, /* another process */
	{ "7", 0 },
	{ "", 0 },
};

START_TEST(an_id_that_is_not_ours_is_before_all)
	{
		ck_assert_uint_eq(
			order_event_change(text_of(rows[_i].last_id), BOOT),
			rows[_i].change);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order_event");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, an_event_is_one_line_of_data_whatever_names_say);
	tcase_add_loop_test(tcase, an_id_that_is_not_ours_is_before_all, 0,
			    CHECK_N(rows));
	return check_run(suite);
}
