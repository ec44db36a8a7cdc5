/* SPDX-License-Identifier: MIT */
/* Order: its state, that nothing ever goes back, and its JSON. */
#include "producers/storefront/orders/order.h"

#include <check.h>

#include "infra/lib/check_fixture.h"

#define T(name) TOASTIE_##name

static const struct {
	struct order_facts facts;
	const char *state;
} rows[] = {
	/* verdict, grill, cancelled, returned, toastie */
	{ { VERDICT_NONE, true, false, false, ORDER_NO_TOASTIE, -1 },
	  "accepted" },
	{ { VERDICT_NONE, false, false, false, ORDER_NO_TOASTIE, -1 },
	  "accepted" },
	{ { VERDICT_REFUSED, true, false, false, ORDER_NO_TOASTIE, -1 },
	  "refused" },
	{ { VERDICT_PICKED, true, false, false, ORDER_NO_TOASTIE, -1 },
	  "queued" },
	{ { VERDICT_PICKED, true, false, false, T(QUEUED), 1 }, "queued" },
	{ { VERDICT_PICKED, false, false, false, ORDER_NO_TOASTIE, -1 },
	  "done" },
	{ { VERDICT_PICKED, true, false, false, T(GRILLING), 2 }, "grilling" },
	{ { VERDICT_PICKED, true, false, false, T(DONE), 3 }, "done" },
	{ { VERDICT_PICKED, true, false, false, T(FAILED), 3 }, "failed" },
	{ { VERDICT_PICKED, true, false, false, T(UNCERTAIN), 3 },
	  "uncertain" },
	{ { VERDICT_PICKED, true, false, false, T(RETURNED), 2 }, "returned" },
	{ { VERDICT_PICKED, true, true, false, ORDER_NO_TOASTIE, -1 },
	  "cancelled" },
	{ { VERDICT_PICKED, true, true, false, T(QUEUED), 1 }, "cancelled" },
	/* It stays so when the ingredients are back. */
	{ { VERDICT_PICKED, true, true, false, T(RETURNED), 2 }, "cancelled" },
	{ { VERDICT_PICKED, true, true, true, T(RETURNED), 2 }, "cancelled" },
	{ { VERDICT_PICKED, true, true, true, ORDER_NO_TOASTIE, -1 },
	  "cancelled" },
	{ { VERDICT_PICKED, true, true, true, T(QUEUED), 1 }, "cancelled" },
	{ { VERDICT_PICKED, true, false, true, T(RETURNED), 2 }, "returned" },
	{ { VERDICT_PICKED, true, false, true, ORDER_NO_TOASTIE, -1 },
	  "returned" },
	/* What has started is finished, whatever was wished. */
	{ { VERDICT_PICKED, true, true, false, T(GRILLING), 2 }, "grilling" },
	{ { VERDICT_PICKED, true, true, false, T(DONE), 3 }, "done" },
	/* The grill was heard before the verdict. */
	{ { VERDICT_NONE, true, false, false, T(QUEUED), 1 }, "queued" },
	{ { VERDICT_NONE, true, false, false, T(GRILLING), 2 }, "grilling" },
};

START_TEST(what_is_known_gives_the_state)
	{
		ck_assert_str_eq(
			order_state_name(order_state_of(&rows[_i].facts)),
			rows[_i].state);
	}
END_TEST

START_TEST(whatever_is_known_there_is_a_state)
	{
		int n = 0;

		for (int bits = 0; bits < 8; bits++)
			for (int verdict = VERDICT_NONE;
			     verdict <= VERDICT_REFUSED; verdict++)
				for (int t = 0; t <= ORDER_NO_TOASTIE;
				     t++, n++) {
					struct order_facts facts = {
						.verdict =
							(enum verdict)verdict,
						.grill = bits & 1,
						.cancelled = bits & 2,
						.returned = bits & 4,
						.toastie =
							(enum toastie_state)t,
					};

					ck_assert_int_lt(order_state_of(&facts),
							 N_ORDER_STATES);
				}
		ck_assert_int_eq(n, 8 * 3 * (ORDER_NO_TOASTIE + 1));
	}
END_TEST

static const bool too_late[N_ORDER_STATES] = {
	[ORDER_REFUSED] = true,   [ORDER_GRILLING] = true,
	[ORDER_DONE] = true,      [ORDER_FAILED] = true,
	[ORDER_UNCERTAIN] = true, [ORDER_RETURNED] = true,
};

START_TEST(what_is_on_a_plate_or_at_its_end_cannot_be_taken_back)
	{
		const char *why = order_state_too_late((enum order_state)_i);

		ck_assert_int_eq(why != NULL, too_late[_i]);
		ck_assert(!why || strncmp(why, "too late: ", 10) == 0);
	}
END_TEST

START_TEST(what_is_cancelled_is_at_its_end_when_it_is_returned)
	{
		struct order_facts facts = { VERDICT_PICKED, true,      true,
					     false,          T(QUEUED), 1 };

		ck_assert(!order_facts_final(&facts));
		facts.toastie = T(RETURNED);
		ck_assert(order_facts_final(&facts));
		facts.cancelled = false;
		ck_assert(order_facts_final(&facts));
		facts.toastie = T(UNCERTAIN);
		ck_assert(!order_facts_final(&facts));
	}
END_TEST

START_TEST(an_older_toastie_changes_nothing)
	{
		struct order_facts facts = { VERDICT_PICKED, true,    false,
					     false,          T(DONE), 3 };
		struct order_facts older = { VERDICT_NONE, true,        false,
					     false,        T(GRILLING), 2 };
		struct order_facts same = { VERDICT_NONE, true,      false,
					    false,        T(FAILED), 3 };

		ck_assert(!order_facts_merge(&facts, &older));
		ck_assert(!order_facts_merge(&facts, &same));
		ck_assert_int_eq(order_state_of(&facts), ORDER_DONE);
	}
END_TEST

START_TEST(a_verdict_a_cancellation_and_a_return_stay)
	{
		struct order_facts facts = {
			VERDICT_NONE, true, false, false, ORDER_NO_TOASTIE, -1
		};
		struct order_facts cancelled = {
			VERDICT_PICKED, true, true, true, ORDER_NO_TOASTIE, -1
		};
		struct order_facts picked = {
			VERDICT_PICKED, true, false, false, ORDER_NO_TOASTIE, -1
		};
		struct order_facts refused = {
			VERDICT_REFUSED,  true, false, false,
			ORDER_NO_TOASTIE, -1
		};

		ck_assert(order_facts_merge(&facts, &cancelled));
		ck_assert(!order_facts_merge(&facts, &picked));
		ck_assert(!order_facts_merge(&facts, &refused));
		ck_assert_int_eq(order_state_of(&facts), ORDER_CANCELLED);
		ck_assert(order_facts_returned(&facts));
	}
END_TEST

START_TEST(its_json_is_one_line_whatever_names_say)
	{
		struct order_id id = { { 1 } };
		struct buf json = { 0 };
		struct order order;

		order_init(&order, &id);
		order_set(&order.customer, TEXT("gita\n\ndata: {}\r"));
		order_json(&order, &json);
		CHECK_BYTES(
			json.p, json.n,
			"{\"order_id\":"
			"\"01000000-0000-0000-0000-000000000000\","
			"\"number\":null,\"code\":\"E945\",\"stall\":null,"
			"\"customer\":\"gita\\u000a\\u000adata: {}\\u000d\","
			"\"items\":[],\"doneness\":\"light\","
			"\"state\":\"accepted\",\"returned\":false,\"missing\":"
			"[],\"plate\":null}");
		buf_deinit(&json);
		order_deinit(&order);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase, what_is_known_gives_the_state, 0,
			    CHECK_N(rows));
	tcase_add_test(tcase, whatever_is_known_there_is_a_state);
	tcase_add_loop_test(
		tcase, what_is_on_a_plate_or_at_its_end_cannot_be_taken_back, 0,
		N_ORDER_STATES);
	tcase_add_test(tcase,
		       what_is_cancelled_is_at_its_end_when_it_is_returned);
	tcase_add_test(tcase, an_older_toastie_changes_nothing);
	tcase_add_test(tcase, a_verdict_a_cancellation_and_a_return_stay);
	tcase_add_test(tcase, its_json_is_one_line_whatever_names_say);
	return check_run(suite);
}
