/* SPDX-License-Identifier: MIT */
/*
 * Items: the list as it is written, and what is no list of items.
 */
#include "schemas/items.h"

#include "schemas/fixture.h"

enum { BASKET, N_KEYS };

static const struct text keys[] = { TEXT_INIT("basket") };

static struct fixture fixture;

/* All items of the basket in @json: how many, or the outcome as a negative. */
static int read_all(struct item ret[static 3], const char *json,
		    struct schema_fault *fault)
{
	struct fields fields = { .keys = keys,
				 .n_keys = N_KEYS,
				 .fault = fault };
	struct items items;
	int r;

	fixture_body(&fixture, json);
	ck_assert_int_eq(fields_open(&fields, fixture.bytes, fixture.writer.n),
			 0);
	r = items_open(&items, &fields, BASKET, 3);
	for (size_t i = 0; r == 0 && i < items.n; i++)
		r = items_read(&items, &ret[i]);
	return r != 0 ? -r : (int)items.n;
}

START_TEST(items_are_read_in_their_order_with_their_keys_in_any)
	{
		struct item items[3];

		ck_assert_int_eq(
			read_all(items,
				 "{'basket':[{'ingredient':'ham','quantity':2},"
				 "{'x':[1],'quantity':2147483647,"
				 "'ingredient':'ham'},"
				 "{'ingredient':'bread','quantity':1}],'z':1}",
				 NULL),
			3);
		fixture_text_eq(items[0].ingredient, "ham");
		ck_assert_int_eq(items[0].quantity, 2);
		fixture_text_eq(items[1].ingredient, "ham");
		ck_assert_int_eq(items[1].quantity, QUANTITY_MAX);
		fixture_text_eq(items[2].ingredient, "bread");
		ck_assert_int_eq(items[2].quantity, 1);
	}
END_TEST

#define LIST_RULE "basket must be a list of 1 to 3 elements"
#define TEXT_RULE ".ingredient must be a text of 1 to 255 characters"
#define NUMBER_RULE ".quantity must be an integer from 1 to 2147483647"
#define HAM "{'ingredient':'ham','quantity':1}"

static const struct {
	const char *json, *what;
} refused[] = {
	{ "{}", LIST_RULE },
	{ "{'basket':null}", LIST_RULE },
	{ "{'basket':[]}", LIST_RULE },
	{ "{'basket':" HAM "}", LIST_RULE },
	{ "{'basket':[" HAM "," HAM "," HAM "," HAM "]}", LIST_RULE },
	{ "{'basket':['ham']}", "basket[0] must be a map" },
	{ "{'basket':[" HAM ",[" HAM "]]}", "basket[1] must be a map" },
	{ "{'basket':[{'quantity':1}]}", "basket[0]" TEXT_RULE },
	{ "{'basket':[" HAM ",{'ingredient':'','quantity':1}]}",
	  "basket[1]" TEXT_RULE },
	{ "{'basket':[{'ingredient':'ham'}]}", "basket[0]" NUMBER_RULE },
	{ "{'basket':[" HAM "," HAM ",{'ingredient':'ham','quantity':0}]}",
	  "basket[2]" NUMBER_RULE },
	{ "{'basket':[{'ingredient':'ham','quantity':4294967297}]}",
	  "basket[0]" NUMBER_RULE },
	{ "{'basket':[{'ingredient':'ham','quantity':1.0}]}",
	  "basket[0]" NUMBER_RULE },
	{ "{'basket':[{'ingredient':'ham','quantity':1,'quantity':1}]}",
	  "basket[0].quantity stands there twice" },
};

START_TEST(what_is_no_list_of_items_is_named_with_its_place)
	{
		struct schema_fault fault;
		struct item items[3];

		ck_assert_int_eq(read_all(items, refused[_i].json, &fault),
				 -SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
	}
END_TEST

START_TEST(items_are_written_with_their_keys_in_order)
	{
		static const struct item items[] = { { TEXT_INIT("ham"), 2 },
						     { TEXT_INIT("b"), 200 } };
		uint8_t bytes[64];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		items_put(&writer, items, 2);
		fixture_body(&fixture, "[{'ingredient':'ham','quantity':2},"
				       "{'ingredient':'b','quantity':200}]");
		ck_assert_int_eq(msgpack_writer_result(&writer), 0);
		ck_assert_uint_eq(writer.n, fixture.writer.n);
		ck_assert_mem_eq(bytes, fixture.bytes, writer.n);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("items");
	TCase *tcase = tcase_create("items");

	tcase_add_test(tcase,
		       items_are_read_in_their_order_with_their_keys_in_any);
	tcase_add_loop_test(tcase,
			    what_is_no_list_of_items_is_named_with_its_place, 0,
			    CHECK_N(refused));
	tcase_add_test(tcase, items_are_written_with_their_keys_in_order);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
