/* SPDX-License-Identifier: MIT */
/* Order json: each thing that can be wrong, with the field that is named. */
#include "producers/storefront/orders/order_json.h"

#include <check.h>
#include <stdio.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/text/str.h"
#include "schemas/msgpack/reader.h"

#define ITEM "{\"ingredient\":\"cheese\",\"quantity\":1}"
#define ORDER(more) "{\"stall\":\"main\",\"items\":[" ITEM "]" more "}"
#define ITEMS(items) "{\"stall\":\"main\",\"items\":" items "}"

static struct order_json json;
static struct order_placed order;

static void teardown(void)
{
	order_json_deinit(&json);
}

static int parse(const char *body)
{
	order_json_deinit(&json);
	return order_json_order(&json, &order, text_of(body));
}

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
		ck_assert_int_eq(parse(bad_orders[_i].body), ORDER_JSON_E_BAD);
		ck_assert_str_eq(json.fault.field, bad_orders[_i].field);
		ck_assert_ptr_nonnull(
			strstr(json.fault.what, bad_orders[_i].what));
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

		ck_assert_int_eq(parse(body), 0);
		ck_assert(text_equal(order.stall, TEXT("main")));
		ck_assert(text_equal(order.customer, TEXT("gita")));
		ck_assert_uint_eq(order.n_items, 2);
		ck_assert(text_equal(order.items[1].ingredient, TEXT("bread")));
		ck_assert_int_eq(order.items[1].quantity, 3);
		ck_assert_int_eq(order.doneness, DONENESS_BURNT);
		ck_assert(text_equal(order.metadata, TEXT("\x81\xa1"
							  "a\x01")));
		ck_assert(!order.grill);
	}
END_TEST

static const char *const plain_orders[] = {
	ORDER(""),
	ORDER(",\"customer\":null,\"doneness\":null,\"metadata\":null,"
	      "\"grill\":null"),
	ORDER(",\"metadata\":{}"),
	/* Numbers that jansson cannot represent, in fields that nobody reads.
	 */
	ORDER(",\"trace_id\":12345678901234567890"),
	ORDER(",\"a\":-12345678901234567890,\"b\":[1e999,{\"c\":-1.5E+400}]"),
	ORDER(",\"a\":9223372036854775807,\"b\":9223372036854775808"),
	ORDER(",\"a\":\"12345678901234567890 \\\"1e999\",\"b\":1e999"),
	ORDER(",\"a\":\"b\\u0000c\""),
	ORDER(",\"a\":1e-999"),
};

START_TEST(what_is_left_out_has_a_default_and_what_nobody_reads_is_not_judged)
	{
		ck_assert_int_eq(parse(plain_orders[_i]), 0);
		ck_assert_uint_eq(order.n_items, 1);
		ck_assert_uint_eq(order.customer.n, 0);
		ck_assert_uint_eq(order.metadata.n, 0);
		ck_assert_int_eq(order.doneness, DONENESS_LIGHT);
		ck_assert(order.grill);
	}
END_TEST

START_TEST(beside_such_a_number_all_others_are_what_they_were)
	{
		static const char body[] = "{\"x\":12345678901234567890,"
					   "\"stall\":\"1e999\",\"items\":["
					   "{\"ingredient\":\"a\","
					   "\"quantity\":7}],"
					   "\"metadata\":{\"a\":5,\"b\":1.5}}";

		ck_assert_int_eq(parse(body), 0);
		ck_assert(text_equal(order.stall, TEXT("1e999")));
		ck_assert_int_eq(order.items[0].quantity, 7);
		ck_assert(text_equal(
			order.metadata,
			TEXT("\x82\xa1"
			     "a\x05\xa1"
			     "b\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00")));
	}
END_TEST

/* Metadata of one member, "a"; its value in msgpack. */
static const struct {
	const char *json;
	struct text bytes;
} values[] = {
	{ "null", TEXT_INIT("\xc0") },
	{ "true", TEXT_INIT("\xc3") },
	{ "false", TEXT_INIT("\xc2") },
	{ "127", TEXT_INIT("\x7f") },
	{ "128", TEXT_INIT("\xcd\x00\x80") },
	{ "65536", TEXT_INIT("\xce\x00\x01\x00\x00") },
	{ "4294967296", TEXT_INIT("\xcf\x00\x00\x00\x01\x00\x00\x00\x00") },
	{ "-32", TEXT_INIT("\xe0") },
	{ "-33", TEXT_INIT("\xd1\xff\xdf") },
	{ "-2147483649", TEXT_INIT("\xd3\xff\xff\xff\xff\x7f\xff\xff\xff") },
	{ "1.5", TEXT_INIT("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00") },
	{ "\"\"", TEXT_INIT("\xa0") },
	{ "\"01234567890123456789012345678901\"",
	  TEXT_INIT("\xd9\x20"
		    "01234567890123456789012345678901") },
	{ "[1,[],{\"b\":2}]", TEXT_INIT("\x93\x01\x90\x81\xa1"
					"b\x02") },
	/* The deepest there may be: the whole order passes the bounds check. */
	{ "[[[[[1]]]]]", TEXT_INIT("\x91\x91\x91\x91\x91\x01") },
};

START_TEST(metadata_become_the_same_msgpack_as_ever)
	{
		uint8_t bytes[BODY_MAX_BYTES];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
		char body[512];

		(void)snprintf(body, sizeof(body),
			       ORDER(",\"metadata\":{\"a\":%s}"),
			       values[_i].json);
		ck_assert_int_eq(parse(body), 0);
		ck_assert_uint_eq(order.metadata.n, 3 + values[_i].bytes.n);
		ck_assert_mem_eq(order.metadata.p,
				 "\x81\xa1"
				 "a",
				 3);
		ck_assert_mem_eq(order.metadata.p + 3, values[_i].bytes.p,
				 values[_i].bytes.n);
		ck_assert_int_eq(order_placed_encode(&order, 2, &writer), 0);
		ck_assert_int_eq(msgpack_check(writer.p, writer.n,
					       BODY_MAX_BYTES, NULL, NULL),
				 0);
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
		char body[256];

		(void)snprintf(body, sizeof(body),
			       ITEMS("[{\"ingredient\":\"a\","
				     "\"quantity\":%s}]"),
			       whole[_i].number);
		ck_assert_int_eq(parse(body), 0);
		ck_assert_int_eq(order.items[0].quantity, whole[_i].quantity);
	}
END_TEST

/* ---- how much ---- */

/* {"stall":"main","items":[ITEM],@field"xxx..." of @n characters */
static void put_long(struct buf *body, const char *field, int n)
{
	buf_printf(body, "{\"stall\":\"main\",\"items\":[" ITEM "],%s\"",
		   field);
	for (int i = 0; i < n; i++)
		buf_text(body, "\xc3\xa4");
	buf_text(body, strchr(field, '{') ? "\"}}" : "\"}");
}

/* An order of @n different ingredients, each once. */
static void put_items(struct buf *body, const char *field, int n)
{
	(void)field;
	buf_text(body, "{\"stall\":\"main\",\"items\":[");
	for (int i = 0; i < n; i++)
		buf_printf(body, "%s{\"ingredient\":\"i%d\",\"quantity\":1}",
			   i ? "," : "", i);
	buf_text(body, "]}");
}

static const struct {
	void (*put)(struct buf *body, const char *field, int n);
	const char *text;
	int fits, too_many;
	const char *field;
} limits[] = {
	{ put_items, "", 32, 33, "items" },
	{ put_long, "\"customer\":", 255, 256, "customer" },
	{ put_long, "\"metadata\":{\"a\":", 2040, 2048, "metadata" },
};

START_TEST(there_is_a_limit_to_ingredients_to_texts_and_to_metadata)
	{
		struct buf fits = { 0 }, too_many = { 0 };

		limits[_i].put(&fits, limits[_i].text, limits[_i].fits);
		buf_add(&fits, "", 1);
		ck_assert_int_eq(parse(fits.p), 0);
		limits[_i].put(&too_many, limits[_i].text, limits[_i].too_many);
		buf_add(&too_many, "", 1);
		ck_assert_int_eq(parse(too_many.p), ORDER_JSON_E_BAD);
		ck_assert_str_eq(json.fault.field, limits[_i].field);
		buf_deinit(&fits);
		buf_deinit(&too_many);
	}
END_TEST

/* ---- restocks ---- */

#define COUNT(items)                                                           \
	"{\"stall\":\"main\",\"counted\":true,\"items\":[" items "]}"

static const struct {
	const char *body, *field; /* NULL: it is a restock */
	bool counted;
} restocks[] = {
	{ ITEMS("[" ITEM "]"), NULL, false },
	{ ITEMS("[{\"ingredient\":\"a\",\"quantity\":0}]"), "items[0].quantity",
	  false },
	{ COUNT("{\"ingredient\":\"a\",\"quantity\":0}"), NULL, true },
	{ COUNT(ITEM "," ITEM), "items[1].ingredient", true },
	{ "{\"counted\":1}", "counted", false },
};

START_TEST(a_restock_adds_something_and_a_count_names_each_ingredient_once)
	{
		int r = order_json_restock(&json, &order,
					   text_of(restocks[_i].body));

		ck_assert_int_eq(r, restocks[_i].field ? ORDER_JSON_E_BAD : 0);
		ck_assert_int_eq(json.counted, restocks[_i].counted);
		if (restocks[_i].field)
			ck_assert_str_eq(json.fault.field, restocks[_i].field);
		else
			ck_assert_uint_eq(order.n_items, 1);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order_json");
	TCase *tcase = check_case(suite, 10);

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_loop_test(tcase, what_is_wrong_in_an_order_is_named, 0,
			    CHECK_N(bad_orders));
	tcase_add_test(tcase, an_order_is_read_whole);
	tcase_add_loop_test(
		tcase,
		what_is_left_out_has_a_default_and_what_nobody_reads_is_not_judged,
		0, CHECK_N(plain_orders));
	tcase_add_test(tcase,
		       beside_such_a_number_all_others_are_what_they_were);
	tcase_add_loop_test(tcase, metadata_become_the_same_msgpack_as_ever, 0,
			    CHECK_N(values));
	tcase_add_loop_test(tcase, a_quantity_is_whole_if_its_value_is, 0,
			    CHECK_N(whole));
	tcase_add_loop_test(
		tcase, there_is_a_limit_to_ingredients_to_texts_and_to_metadata,
		0, CHECK_N(limits));
	tcase_add_loop_test(
		tcase,
		a_restock_adds_something_and_a_count_names_each_ingredient_once,
		0, CHECK_N(restocks));
	return check_run(suite);
}
