/* SPDX-License-Identifier: MIT */
/* Order json: each thing that can be wrong, with the field that is named. */
#include "producers/storefront/orders/order_json.h"

#include <check.h>
#include <stdio.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/str.h"

#define ITEM "{\"ingredient\":\"cheese\",\"quantity\":1}"
#define ORDER(more) "{\"stall\":\"main\",\"items\":[" ITEM "]" more "}"
#define ITEMS(items) "{\"stall\":\"main\",\"items\":" items "}"

static const struct {
	const char *body, *field, *what;
} bad_orders[] = {
	{ "", "", "the body is empty, it must be JSON" },
	{ "{", "", "not JSON" },
	{ "[]", "", "the body must be an object" },
	{ "{} {}", "", "not JSON" },
	{ "{\"stall\":\"a\",\"stall\":\"b\"}", "", "not JSON" },
	{ "{\"stall\":\"\xff\"}", "", "not JSON" },
	{ "{\"stall\":\"a\\u0000b\"}", "stall", "must not hold \\u0000" },
	{ "{\"\\u0000\":1,\"stall\":\"a\"}", "", "not JSON" },
	{ "{12345678901234567890:1}", "", "not JSON" },
	{ "{\"a\":12345678901234567890 1}", "", "not JSON" },
	{ "{\"a\":012345678901234567890}", "", "not JSON" },
	{ "{\"a\":-}", "", "not JSON" },
	{ "{\"a\":\"\\", "", "not JSON" },
	{ "12345678901234567890", "", "the body must be an object" },
	{ "{\"items\":[" ITEM "]}", "stall", "is missing" },
	{ "{\"stall\":1,\"items\":[" ITEM "]}", "stall", "must be a text" },
	{ "{\"stall\":\"\",\"items\":[" ITEM "]}", "stall",
	  "must not be empty" },
	{ "{\"stall\":\"main\"}", "items", "is missing" },
	{ ITEMS("{}"), "items", "must be a list" },
	{ ITEMS("[]"), "items", "must not be empty" },
	{ ITEMS("[1]"), "items[0]", "must be an object" },
	{ ITEMS("[" ITEM ",{\"quantity\":1}]"), "items[1].ingredient",
	  "is missing" },
	{ ITEMS("[{\"ingredient\":\"\",\"quantity\":1}]"),
	  "items[0].ingredient", "must not be empty" },
	{ ITEMS("[{\"ingredient\":null,\"quantity\":1}]"),
	  "items[0].ingredient", "must be a text" },
	{ ITEMS("[{\"ingredient\":\"a\"}]"), "items[0].quantity",
	  "is missing" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":0}]"), "items[0].quantity",
	  "must be at least 1" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":-1}]"),
	  "items[0].quantity", "must be at least 1" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":1.5}]"),
	  "items[0].quantity", "must be a whole number" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":1e-1}]"),
	  "items[0].quantity", "must be a whole number" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":1e10}]"),
	  "items[0].quantity", "must be at most 2147483647" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":-0.0}]"),
	  "items[0].quantity", "must be at least 1" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":"
		"12345678901234567890}]"),
	  "items[0].quantity", "is too large a number" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":1e999}]"),
	  "items[0].quantity", "is too large a number" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":\"1\"}]"),
	  "items[0].quantity", "must be a whole number" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":2147483648}]"),
	  "items[0].quantity", "must be at most 2147483647" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":2147483647},"
		"{\"ingredient\":\"a\",\"quantity\":1}]"),
	  "items[1].quantity", "sums up to more than 2147483647" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":1,\"qantity\":9}]"),
	  "items[0].qantity", "is not known" },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":1,\"\xc3\xa4\":9}]"),
	  "items[0].??", "is not known" },
	{ ORDER(",\"customer\":\"\""), "customer", "must not be empty" },
	{ ORDER(",\"customer\":7"), "customer", "must be a text" },
	{ ORDER(",\"doneness\":\"raw\""), "doneness",
	  "must be light, medium, well-done or burnt" },
	{ ORDER(",\"doneness\":1"), "doneness", "must be a text" },
	{ ORDER(",\"metadata\":[]"), "metadata", "must be an object" },
	{ ORDER(",\"metadata\":{\"a\":[[[[[[1]]]]]]}"), "metadata",
	  "must be at most 6 levels deep" },
	{ ORDER(",\"metadata\":{\"a\":[{\"b\":12345678901234567890}]}"),
	  "metadata", "holds a number that is too large, write it as a text" },
	{ ORDER(",\"metadata\":{\"a\":-1e999}"), "metadata",
	  "holds a number that is too large, write it as a text" },
	{ ORDER(",\"metadata\":{\"a\":[\"\\u0000\"]}"), "metadata",
	  "must not hold \\u0000" },
	{ ORDER(",\"metadata\":12345678901234567890"), "metadata",
	  "must be an object" },
	{ ORDER(",\"customer\":12345678901234567890"), "customer",
	  "must be a text" },
	{ ORDER(",\"grill\":\"no\""), "grill", "must be true or false" },
};

START_TEST(what_is_wrong_in_an_order_is_named)
	{
		struct order_json json;
		struct order_placed order;
		struct order_json_fault fault;

		ck_assert_int_eq(order_json_order(&json, &order,
						  text_of(bad_orders[_i].body),
						  &fault),
				 ORDER_JSON_E_BAD);
		ck_assert_str_eq(fault.field, bad_orders[_i].field);
		ck_assert_ptr_nonnull(strstr(fault.what, bad_orders[_i].what));
		order_json_deinit(&json);
	}
END_TEST

START_TEST(an_order_is_read_whole)
	{
		static const char body[] =
			"{\"unknown\":{},\"stall\":\"main\",\"customer\":"
			"\"gita\","
			"\"items\":[" ITEM
			",{\"ingredient\":\"bread\",\"quantity\":1},"
			"{\"ingredient\":\"bread\",\"quantity\":2}],"
			"\"doneness\":\"burnt\",\"metadata\":{\"a\":1},"
			"\"grill\":false}";
		struct order_json json;
		struct order_placed order;
		struct order_json_fault fault;

		ck_assert_int_eq(
			order_json_order(&json, &order, text_of(body), &fault),
			0);
		ck_assert(text_equal(order.stall, TEXT("main")));
		ck_assert(text_equal(order.customer, TEXT("gita")));
		ck_assert_uint_eq(order.n_items, 2);
		ck_assert(text_equal(order.items[1].ingredient, TEXT("bread")));
		ck_assert_int_eq(order.items[1].quantity, 3);
		ck_assert_int_eq(order.doneness, DONENESS_BURNT);
		ck_assert(text_equal(order.metadata, TEXT("\x81\xa1"
							  "a\x01")));
		ck_assert(!order.grill);
		order_json_deinit(&json);
	}
END_TEST

static const char *const plain_orders[] = {
	ORDER(""),
	ORDER(",\"customer\":null,\"doneness\":null,\"metadata\":null,"
	      "\"grill\":null"),
	ORDER(",\"metadata\":{}"),
};

START_TEST(what_is_left_out_has_a_default)
	{
		struct order_json json;
		struct order_placed order;
		struct order_json_fault fault;

		ck_assert_int_eq(order_json_order(&json, &order,
						  text_of(plain_orders[_i]),
						  &fault),
				 0);
		ck_assert_uint_eq(order.customer.n, 0);
		ck_assert_uint_eq(order.metadata.n, 0);
		ck_assert_int_eq(order.doneness, DONENESS_LIGHT);
		ck_assert(order.grill);
		order_json_deinit(&json);
	}
END_TEST

/* In fields that nobody reads. */
static const char *const unread[] = {
	ORDER(",\"trace_id\":12345678901234567890"),
	ORDER(",\"a\":-12345678901234567890,\"b\":[1e999,{\"c\":-1.5E+400}]"),
	ORDER(",\"a\":9223372036854775807,\"b\":9223372036854775808"),
	ORDER(",\"a\":\"12345678901234567890 \\\"1e999\",\"b\":1e999"),
	ORDER(",\"a\":\"b\\u0000c\""),
	ORDER(",\"a\":1e-999"),
};

START_TEST(no_number_is_too_large_for_a_field_that_nobody_reads)
	{
		struct order_json json;
		struct order_placed order;
		struct order_json_fault fault;

		ck_assert_int_eq(order_json_order(&json, &order,
						  text_of(unread[_i]), &fault),
				 0);
		ck_assert_uint_eq(order.n_items, 1);
		order_json_deinit(&json);
	}
END_TEST

START_TEST(beside_such_a_number_all_others_are_what_they_were)
	{
		static const char body[] = "{\"x\":12345678901234567890,"
					   "\"stall\":\"1e999\",\"items\":["
					   "{\"ingredient\":\"a\","
					   "\"quantity\":7}],"
					   "\"metadata\":{\"a\":5,\"b\":1.5}}";
		struct order_json json;
		struct order_placed order;
		struct order_json_fault fault;

		ck_assert_int_eq(
			order_json_order(&json, &order, text_of(body), &fault),
			0);
		ck_assert(text_equal(order.stall, TEXT("1e999")));
		ck_assert_int_eq(order.items[0].quantity, 7);
		ck_assert(text_equal(
			order.metadata,
			TEXT("\x82\xa1"
			     "a\x05\xa1"
			     "b\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00")));
		order_json_deinit(&json);
	}
END_TEST

static const struct {
	const char *number;
	int32_t quantity;
} whole[] = {
	{ "1.0", 1 },      { "1e2", 100 },
	{ "12.5E1", 125 }, { "2147483647.0", 2147483647 },
	{ "20000e-4", 2 },
};

START_TEST(a_quantity_is_whole_if_its_value_is)
	{
		struct order_json json;
		struct order_placed order;
		struct order_json_fault fault;
		char body[256];

		(void)snprintf(body, sizeof(body),
			       ITEMS("[{\"ingredient\":\"a\","
				     "\"quantity\":%s}]"),
			       whole[_i].number);
		ck_assert_int_eq(
			order_json_order(&json, &order, text_of(body), &fault),
			0);
		ck_assert_int_eq(order.items[0].quantity, whole[_i].quantity);
		order_json_deinit(&json);
	}
END_TEST

/* An order of @n different ingredients, each once. */
static void many_items(struct buf *body, int n)
{
	buf_text(body, "{\"stall\":\"main\",\"items\":[");
	for (int i = 0; i < n; i++)
		buf_printf(body, "%s{\"ingredient\":\"i%d\",\"quantity\":1}",
			   i ? "," : "", i);
	buf_text(body, "]}");
}

START_TEST(there_are_at_most_32_different_ingredients)
	{
		struct buf fits = { 0 }, does_not = { 0 };
		struct order_json json;
		struct order_placed order;
		struct order_json_fault fault;

		many_items(&fits, 32);
		ck_assert_int_eq(
			order_json_order(&json, &order,
					 (struct text){ fits.p, fits.n },
					 &fault),
			0);
		ck_assert_uint_eq(order.n_items, 32);
		order_json_deinit(&json);
		many_items(&does_not, 33);
		ck_assert_int_eq(order_json_order(&json, &order,
						  (struct text){ does_not.p,
								 does_not.n },
						  &fault),
				 ORDER_JSON_E_BAD);
		ck_assert_str_eq(fault.field, "items");
		order_json_deinit(&json);
		buf_deinit(&fits);
		buf_deinit(&does_not);
	}
END_TEST

/* {"stall":"main", ... @field of @n characters */
static int read_long(const char *field, size_t n,
		     struct order_json_fault *fault)
{
	struct buf body = { 0 };
	struct order_json json;
	struct order_placed order;
	int r;

	buf_printf(&body, "{\"stall\":\"main\",\"items\":[" ITEM "],%s\"",
		   field);
	for (size_t i = 0; i < n; i++)
		buf_text(&body, "\xc3\xa4");
	buf_text(&body, strchr(field, '{') ? "\"}}" : "\"}");
	r = order_json_order(&json, &order, (struct text){ body.p, body.n },
			     fault);
	order_json_deinit(&json);
	buf_deinit(&body);
	return r;
}

START_TEST(a_text_has_at_most_255_characters)
	{
		struct order_json_fault fault;

		ck_assert_int_eq(read_long("\"customer\":", 255, &fault), 0);
		ck_assert_int_eq(read_long("\"customer\":", 256, &fault),
				 ORDER_JSON_E_BAD);
		ck_assert_str_eq(fault.field, "customer");
	}
END_TEST

START_TEST(metadata_have_at_most_4_kibibytes)
	{
		struct order_json_fault fault;

		ck_assert_int_eq(
			read_long("\"metadata\":{\"a\":", 2040, &fault), 0);
		ck_assert_int_eq(
			read_long("\"metadata\":{\"a\":", 2048, &fault),
			ORDER_JSON_E_BAD);
		ck_assert_str_eq(fault.field, "metadata");
	}
END_TEST

START_TEST(a_restock_may_count_nothing_but_not_add_nothing)
	{
		static const char adds[] =
			ITEMS("[{\"ingredient\":\"a\",\"quantity\":0}]");
		static const char counts[] =
			"{\"stall\":\"main\",\"counted\":true,"
			"\"items\":[{\"ingredient\":\"a\",\"quantity\":0}]}";
		struct order_json json;
		struct order_placed restock;
		struct order_json_fault fault;

		ck_assert_int_eq(order_json_restock(&json, &restock,
						    text_of(adds), &fault),
				 ORDER_JSON_E_BAD);
		ck_assert_str_eq(fault.field, "items[0].quantity");
		order_json_deinit(&json);
		ck_assert_int_eq(order_json_restock(&json, &restock,
						    text_of(counts), &fault),
				 0);
		ck_assert(json.counted);
		ck_assert_uint_eq(restock.n_items, 1);
		order_json_deinit(&json);
	}
END_TEST

START_TEST(a_count_names_each_ingredient_once)
	{
		static const char body[] =
			"{\"stall\":\"main\",\"counted\":true,"
			"\"items\":[" ITEM "," ITEM "]}";
		struct order_json json;
		struct order_placed restock;
		struct order_json_fault fault;

		ck_assert_int_eq(order_json_restock(&json, &restock,
						    text_of(body), &fault),
				 ORDER_JSON_E_BAD);
		ck_assert_str_eq(fault.field, "items[1].ingredient");
		order_json_deinit(&json);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order_json");
	TCase *tcase = tcase_create("order_json");

	tcase_add_loop_test(tcase, what_is_wrong_in_an_order_is_named, 0,
			    CHECK_N(bad_orders));
	tcase_add_test(tcase, an_order_is_read_whole);
	tcase_add_loop_test(tcase, what_is_left_out_has_a_default, 0,
			    CHECK_N(plain_orders));
	tcase_add_loop_test(
		tcase, no_number_is_too_large_for_a_field_that_nobody_reads, 0,
		CHECK_N(unread));
	tcase_add_test(tcase,
		       beside_such_a_number_all_others_are_what_they_were);
	tcase_add_loop_test(tcase, a_quantity_is_whole_if_its_value_is, 0,
			    CHECK_N(whole));
	tcase_add_test(tcase, there_are_at_most_32_different_ingredients);
	tcase_add_test(tcase, a_text_has_at_most_255_characters);
	tcase_add_test(tcase, metadata_have_at_most_4_kibibytes);
	tcase_add_test(tcase, a_restock_may_count_nothing_but_not_add_nothing);
	tcase_add_test(tcase, a_count_names_each_ingredient_once);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
