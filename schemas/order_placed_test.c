/* SPDX-License-Identifier: MIT */
/*
 * Order placed: lifting v1, the contract of both versions, the hash.
 */
#include "schemas/order_placed.h"

#include <errno.h>
#include <signal.h>

#include "schemas/fixture.h"

#define ID "'order_id':'018f3a1e-7c2b-7abc-8def-0123456789ab'"
#define ITEMS "'items':[{'ingredient':'cheese','quantity':1}]"
#define V1 "{" ID ",'ingredients':['cheese'],'doneness':'light'}"
#define V2 "{" ID ",'stall':'main'," ITEMS "}"

static struct fixture fixture;
static struct item items[ORDER_ITEMS_MAX];

static int decode(struct order_placed *ret, const struct envelope *envelope,
		  const char *json, struct schema_fault *fault)
{
	fixture_body(&fixture, json);
	return order_placed_decode(ret, items, envelope, fixture.bytes,
				   fixture.writer.n, fault);
}

START_TEST(a_v1_order_is_lifted_with_what_its_headers_say)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 1);
		struct order_placed order;

		envelope.customer = TEXT("gita");
		envelope.stall = TEXT("north");
		envelope.grill = TEXT("false");
		ck_assert_int_eq(
			decode(&order, &envelope,
			       "{" ID ",'ingredients':['bread','cheese',"
			       "'bread'],'doneness':'burnt','table':4}",
			       NULL),
			0);
		ck_assert_int_eq(order.version, 1);
		fixture_text_eq(order.customer, "gita");
		fixture_text_eq(order.stall, "north");
		ck_assert(!order.grill);
		ck_assert_int_eq(order.doneness, DONENESS_BURNT);
		ck_assert_uint_eq(order.n_items, 2);
		fixture_text_eq(order.items[0].ingredient, "bread");
		ck_assert_int_eq(order.items[0].quantity, 2);
		fixture_text_eq(order.items[1].ingredient, "cheese");
		ck_assert_int_eq(order.items[1].quantity, 1);
	}
END_TEST

START_TEST(a_v1_order_without_headers_is_for_the_main_stall_and_nobody)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 1);
		struct order_placed order;

		ck_assert_int_eq(decode(&order, &envelope, V1, NULL), 0);
		fixture_text_eq(order.stall, "main");
		ck_assert_uint_eq(order.customer.n, 0);
		ck_assert(order.grill);
		envelope.grill = TEXT("true");
		ck_assert_int_eq(decode(&order, &envelope, V1, NULL), 0);
		ck_assert(order.grill);
	}
END_TEST

START_TEST(a_v2_order_says_it_all_and_the_headers_nothing)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 2);
		struct order_placed order;

		envelope.customer = TEXT("gwenda");
		envelope.stall = TEXT("south");
		envelope.grill = TEXT("maybe");
		ck_assert_int_eq(
			decode(&order, &envelope,
			       "{" ID ",'stall':'main','customer':'gita',"
			       "'items':[{'ingredient':'ham','quantity':3},"
			       "{'quantity':2147483644,'ingredient':'ham'}],"
			       "'doneness':'medium','grill':false,"
			       "'metadata':{'table':4}}",
			       NULL),
			0);
		ck_assert_int_eq(order.version, 2);
		fixture_text_eq(order.customer, "gita");
		fixture_text_eq(order.stall, "main");
		ck_assert_int_eq(order.doneness, DONENESS_MEDIUM);
		ck_assert(!order.grill);
		ck_assert_uint_eq(order.n_items, 1);
		ck_assert_int_eq(order.items[0].quantity, QUANTITY_MAX);
		ck_assert_uint_eq(order.metadata.n, 8);
		ck_assert_mem_eq(order.metadata.p,
				 "\x81\xa5"
				 "table\x04",
				 8);
	}
END_TEST

START_TEST(what_a_v2_order_leaves_out_has_its_default)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 2);
		struct order_placed order;

		ck_assert_int_eq(decode(&order, &envelope,
					"{" ID
					",'stall':'main','customer':null," ITEMS
					",'doneness':null,'metadata':{}}",
					NULL),
				 0);
		ck_assert_uint_eq(order.customer.n, 0);
		ck_assert_int_eq(order.doneness, DONENESS_LIGHT);
		ck_assert(order.grill);
		ck_assert_uint_eq(order.metadata.n, 0);
	}
END_TEST

#define DONENESS_WRONG "doneness must be light, medium, well-done or burnt"
#define TEXT_RULE " must be a text of 1 to 255 characters"

static const struct {
	int version;
	const char *json, *what;
} refused[] = {
	{ 1, "[]", "the body must be a map" },
	{ 1, "{'ingredients':['a'],'doneness':'light'}",
	  "order_id must be a UUID in text" },
	{ 1, "{" ID ",'doneness':'light'}",
	  "ingredients must be a list of 1 to 256 elements" },
	{ 1, "{" ID ",'ingredients':[],'doneness':'light'}",
	  "ingredients must be a list of 1 to 256 elements" },
	{ 1, "{" ID ",'ingredients':['a',7],'doneness':'light'}",
	  "ingredients[1]" TEXT_RULE },
	{ 1, "{" ID ",'ingredients':['a']}", DONENESS_WRONG },
	{ 1, "{" ID ",'ingredients':['a'],'doneness':'rare'}", DONENESS_WRONG },
	{ 2, "{" ID "," ITEMS "}", "stall" TEXT_RULE },
	{ 2, "{" ID ",'stall':''," ITEMS "}", "stall" TEXT_RULE },
	{ 2, "{'stall':'main'," ITEMS "}", "order_id must be a UUID in text" },
	{ 2, "{" ID ",'stall':'main'}",
	  "items must be a list of 1 to 256 elements" },
	{ 2, "{" ID ",'stall':'main','items':[]}",
	  "items must be a list of 1 to 256 elements" },
	{ 2, "{" ID ",'stall':'main','items':['cheese']}",
	  "items[0] must be a map" },
	{ 2, "{" ID ",'stall':'main','items':[{'quantity':1}]}",
	  "items[0].ingredient" TEXT_RULE },
	{ 2,
	  "{" ID ",'stall':'main','items':[{'ingredient':'a','quantity':1},"
	  "{'ingredient':'b','quantity':0}]}",
	  "items[1].quantity must be an integer from 1 to 2147483647" },
	{ 2,
	  "{" ID ",'stall':'main','items':[{'ingredient':'a','quantity':"
	  "2147483647},{'ingredient':'a','quantity':1}]}",
	  "quantities of one ingredient add up to more than 2147483647" },
	{ 2, "{" ID ",'stall':'main'," ITEMS ",'doneness':''}",
	  DONENESS_WRONG },
	{ 2, "{" ID ",'stall':'main'," ITEMS ",'doneness':7}",
	  "doneness must be a text of at most 255 characters" },
	{ 2, "{" ID ",'stall':'main'," ITEMS ",'grill':1}",
	  "grill must be true or false" },
	{ 2, "{" ID ",'stall':'main'," ITEMS ",'metadata':[]}",
	  "metadata must be a map of at most 4096 bytes" },
	{ 2, "{" ID ",'stall':'main'," ITEMS ",'stall':'main'}",
	  "stall stands there twice" },
	{ 2, "{" ID ",'stall':'main'," ITEMS ",'customer':7}",
	  "customer must be a text of at most 255 characters" },
};

START_TEST(what_breaks_the_contract_is_named_and_changes_nothing)
	{
		struct envelope envelope = fixture_envelope(
			EVENT_ORDER_PLACED, refused[_i].version);
		struct order_placed order = { .n_items = 99 };
		struct schema_fault fault;

		ck_assert_int_eq(
			decode(&order, &envelope, refused[_i].json, &fault),
			SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
		ck_assert_uint_eq(order.n_items, 99);
	}
END_TEST

START_TEST(a_grill_header_beside_v1_is_true_or_false)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 1);
		struct order_placed order;
		struct schema_fault fault;

		envelope.grill = TEXT("no");
		ck_assert_int_eq(decode(&order, &envelope, V1, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what,
				 "header grill must be true or false");
	}
END_TEST

START_TEST(bytes_that_are_no_msgpack_are_malformed)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 2);
		struct order_placed order;
		struct schema_fault fault;

		ck_assert_int_eq(order_placed_decode(&order, items, &envelope,
						     "\xdd\x10\0\0\0", 5,
						     &fault),
				 SCHEMA_E_MALFORMED);
		ck_assert_str_eq(fault.what,
				 "count beyond the bytes left at byte 0");
	}
END_TEST

/* An order of @n items, or names in v1, each another ingredient. */
static void many(char *json, size_t cap, int version, int n)
{
	size_t at = (size_t)snprintf(json, cap,
				     "{" ID ",'stall':'main','doneness':"
				     "'light','%s':[",
				     version == 1 ? "ingredients" : "items");

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(json + at, cap - at,
				       version == 1 ? "'i%d',"
						    : "{'ingredient':'i%d',"
						      "'quantity':1},",
				       i);
	(void)snprintf(json + at, cap - at, "]}");
}

START_TEST(an_order_has_at_most_32_ingredients_in_either_version)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, _i);
		struct order_placed order;
		struct schema_fault fault;
		char json[8192];

		many(json, sizeof(json), _i, ORDER_ITEMS_MAX);
		ck_assert_int_eq(decode(&order, &envelope, json, &fault), 0);
		ck_assert_uint_eq(order.n_items, ORDER_ITEMS_MAX);
		many(json, sizeof(json), _i, ORDER_ITEMS_MAX + 1);
		ck_assert_int_eq(decode(&order, &envelope, json, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what,
				 "an order has at most 32 ingredients");
	}
END_TEST

START_TEST(metadata_is_bounded)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_ORDER_PLACED, 2);
		struct order_placed order;
		char json[8192];
		int n;

		/* A map, a key of one letter and a str16 have six bytes
		 * besides. */
		for (n = METADATA_MAX_BYTES - 6; n <= METADATA_MAX_BYTES - 5;
		     n++) {
			(void)snprintf(json, sizeof(json),
				       "{" ID ",'stall':'main'," ITEMS
				       ",'metadata':{'a':'%0*d'}}",
				       n, 7);
			ck_assert_int_eq(decode(&order, &envelope, json, NULL),
					 n == METADATA_MAX_BYTES - 6
						 ? 0
						 : SCHEMA_E_CONTRACT);
		}
	}
END_TEST

static const struct item toastie[] = { { TEXT_INIT("cheese"), 1 },
				       { TEXT_INIT("vegemite"), 1 },
				       { TEXT_INIT("bread"), 2 } };

static const struct order_placed sample = {
	.order_id = { { 1, 2, 3 } },
	.doneness = DONENESS_WELL_DONE,
	.stall = TEXT_INIT("main"),
	.customer = TEXT_INIT("gita"),
	.items = toastie,
	.n_items = 3,
};

START_TEST(both_versions_of_one_order_decode_to_the_same_content)
	{
		struct order_placed orders[2];
		static struct item rooms[2][ORDER_ITEMS_MAX];
		struct envelope envelope;
		uint8_t bytes[1024];
		struct msgpack_writer writer;

		for (int i = 0; i < 2; i++) {
			writer = (struct msgpack_writer)MSGPACK_WRITER_INIT(
				bytes);
			ck_assert_int_eq(
				order_placed_encode(&sample, i + 1, &writer),
				0);
			envelope = fixture_envelope(EVENT_ORDER_PLACED, i + 1);
			envelope.customer = sample.customer;
			envelope.grill = TEXT("false");
			ck_assert_int_eq(order_placed_decode(&orders[i],
							     rooms[i],
							     &envelope, bytes,
							     writer.n, NULL),
					 0);
			ck_assert_uint_eq(order_placed_hash(&orders[i]),
					  order_placed_hash(&sample));
			ck_assert_int_eq(order_id_compare(&orders[i].order_id,
							  &sample.order_id),
					 0);
		}
	}
END_TEST

START_TEST(v1_refuses_to_write_what_it_cannot_say)
	{
		struct item much = { TEXT("bread"), ORDER_LINES_MAX + 1 };
		struct order_placed order = sample;
		struct msgpack_writer writer = { .p = fixture.bytes,
						 .cap = sizeof(fixture.bytes) };

		order.metadata = TEXT("\x81\xa1"
				      "a\x01");
		ck_assert_int_eq(order_placed_encode(&order, 1, &writer),
				 SCHEMA_E_CONTRACT);
		ck_assert_int_eq(order_placed_encode(&order, 2, &writer), 0);
		order = sample;
		order.items = &much;
		order.n_items = 1;
		ck_assert_int_eq(order_placed_encode(&order, 1, &writer),
				 SCHEMA_E_CONTRACT);
		much.quantity--;
		ck_assert_int_eq(order_placed_encode(&order, 1, &writer), 0);
		ck_assert_int_eq(order_placed_encode(&order, 3, &writer),
				 SCHEMA_E_UNKNOWN_VERSION);
	}
END_TEST

START_TEST(an_order_that_does_not_fit_is_not_written)
	{
		uint8_t bytes[64];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		ck_assert_int_eq(order_placed_encode(&sample, 2, &writer),
				 -ENOBUFS);
		msgpack_writer_reset(&writer);
		ck_assert_int_eq(order_placed_encode(&sample, 1, &writer),
				 -ENOBUFS);
	}
END_TEST

START_TEST(the_hash_is_what_it_always_was)
	{
		ck_assert_uint_eq(order_placed_hash(&sample),
				  UINT64_C(0xdb80b6ae47927550));
	}
END_TEST

START_TEST(the_hash_knows_the_content_and_nothing_else)
	{
		struct item other[] = { toastie[2], toastie[0], toastie[1] };
		struct order_placed order = sample;
		uint64_t hash = order_placed_hash(&sample);

		order.order_id.bytes[0] = 99;
		order.version = 2;
		order.items = other;
		ck_assert_uint_eq(order_placed_hash(&order), hash);
		other[0].quantity++;
		ck_assert_uint_ne(order_placed_hash(&order), hash);
		order = sample;
		order.n_items--;
		ck_assert_uint_ne(order_placed_hash(&order), hash);
		order = sample;
		order.stall = TEXT("mai");
		order.customer = TEXT("ngita");
		ck_assert_uint_ne(order_placed_hash(&order), hash);
		order = sample;
		order.doneness = DONENESS_LIGHT;
		ck_assert_uint_ne(order_placed_hash(&order), hash);
		order = sample;
		order.grill = true;
		ck_assert_uint_ne(order_placed_hash(&order), hash);
		order = sample;
		order.metadata = TEXT("\x81\xa1"
				      "a\x01");
		ck_assert_uint_ne(order_placed_hash(&order), hash);
	}
END_TEST

START_TEST(another_type_is_a_broken_invariant)
	{
		struct envelope envelope = fixture_envelope(EVENT_PICK, 2);
		struct order_placed order;

		(void)decode(&order, &envelope, V2, NULL);
	}
END_TEST

static Suite *order_placed_suite(void)
{
	Suite *suite = suite_create("order_placed");
	TCase *tcase = tcase_create("order_placed");

	tcase_add_test(tcase, a_v1_order_is_lifted_with_what_its_headers_say);
	tcase_add_test(
		tcase,
		a_v1_order_without_headers_is_for_the_main_stall_and_nobody);
	tcase_add_test(tcase, a_v2_order_says_it_all_and_the_headers_nothing);
	tcase_add_test(tcase, what_a_v2_order_leaves_out_has_its_default);
	tcase_add_loop_test(
		tcase, what_breaks_the_contract_is_named_and_changes_nothing, 0,
		CHECK_N(refused));
	tcase_add_test(tcase, a_grill_header_beside_v1_is_true_or_false);
	tcase_add_test(tcase, bytes_that_are_no_msgpack_are_malformed);
	tcase_add_loop_test(
		tcase, an_order_has_at_most_32_ingredients_in_either_version, 1,
		3);
	tcase_add_test(tcase, metadata_is_bounded);
	tcase_add_test(tcase,
		       both_versions_of_one_order_decode_to_the_same_content);
	tcase_add_test(tcase, v1_refuses_to_write_what_it_cannot_say);
	tcase_add_test(tcase, an_order_that_does_not_fit_is_not_written);
	tcase_add_test(tcase, the_hash_is_what_it_always_was);
	tcase_add_test(tcase, the_hash_knows_the_content_and_nothing_else);
	tcase_add_test_raise_signal(tcase, another_type_is_a_broken_invariant,
				    SIGABRT);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return check_run(order_placed_suite());
}
