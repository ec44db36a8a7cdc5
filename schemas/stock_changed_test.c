/* SPDX-License-Identifier: MIT */
/*
 * Stock changed: deltas of three kinds.
 */
#include "schemas/stock_changed.h"

#include <errno.h>

#include "schemas/fixture.h"

static struct fixture fixture;

static const struct stock_changed changes[] = {
	{ TEXT_INIT("main"),
	  TEXT_INIT("cheese"),
	  10,
	  STOCK_CHANGE_ADDED,
	  { { 0 } } },
	{ TEXT_INIT("main"),
	  TEXT_INIT("cheese"),
	  INT64_MIN,
	  STOCK_CHANGE_COUNTED,
	  { { 0 } } },
	{ TEXT_INIT("main"),
	  TEXT_INIT("cheese"),
	  INT64_MAX,
	  STOCK_CHANGE_RETURNED,
	  { { 7, 8, 9 } } },
};

START_TEST(what_is_written_is_read)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_STOCK_CHANGED, 1);
		struct stock_changed read;
		uint8_t bytes[128];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		ck_assert_int_eq(stock_changed_encode(&changes[_i], &writer),
				 0);
		ck_assert_int_eq(stock_changed_decode(&read, &envelope, bytes,
						      writer.n, NULL),
				 0);
		ck_assert(text_equal(read.stall, changes[_i].stall));
		ck_assert(text_equal(read.ingredient, changes[_i].ingredient));
		ck_assert_int_eq(read.delta, changes[_i].delta);
		ck_assert_int_eq(read.kind, changes[_i].kind);
		ck_assert_int_eq(
			order_id_compare(&read.order_id, &changes[_i].order_id),
			0);
		writer = (struct msgpack_writer){ .p = bytes, .cap = 10 };
		ck_assert_int_eq(stock_changed_encode(&changes[_i], &writer),
				 -ENOBUFS);
	}
END_TEST

START_TEST(kinds_have_names)
	{
		static const char *const names[] = { "added", "counted",
						     "returned" };
		enum stock_change kind;

		for (size_t i = 0; i < N_STOCK_CHANGES; i++) {
			ck_assert_int_eq(
				stock_change_parse(&kind, text_of(names[i])),
				0);
			ck_assert_uint_eq(kind, i);
			ck_assert_str_eq(stock_change_name(kind), names[i]);
		}
		ck_assert_int_gt(stock_change_parse(&kind, TEXT("eaten")), 0);
	}
END_TEST

#define CHEESE "'stall':'main','ingredient':'cheese'"

static const struct {
	const char *json, *what;
} refused[] = {
	{ "[]", "the body must be a map" },
	{ "{}", "stall must be a text of 1 to 255 characters" },
	{ "{'stall':'main'}",
	  "ingredient must be a text of 1 to 255 characters" },
	{ "{" CHEESE ",'kind':'added'}",
	  "delta must be an integer from -9223372036854775808 to "
	  "9223372036854775807" },
	{ "{" CHEESE ",'delta':1}",
	  "kind must be a text of 1 to 255 characters" },
	{ "{" CHEESE ",'delta':1,'kind':'eaten'}",
	  "kind must be added, counted or returned" },
	{ "{" CHEESE ",'delta':1,'kind':'returned'}",
	  "order_id must be a UUID in text" },
};

START_TEST(what_breaks_the_contract_is_named)
	{
		struct envelope envelope =
			fixture_envelope(EVENT_STOCK_CHANGED, 1);
		struct stock_changed changed;
		struct schema_fault fault;

		fixture_body(&fixture, refused[_i].json);
		ck_assert_int_eq(stock_changed_decode(&changed, &envelope,
						      fixture.bytes,
						      fixture.writer.n, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, refused[_i].what);
		ck_assert_int_eq(stock_changed_decode(&changed, &envelope, "",
						      0, &fault),
				 SCHEMA_E_MALFORMED);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stock_changed");
	TCase *tcase = tcase_create("stock_changed");

	tcase_add_loop_test(tcase, what_is_written_is_read, 0,
			    CHECK_N(changes));
	tcase_add_test(tcase, kinds_have_names);
	tcase_add_loop_test(tcase, what_breaks_the_contract_is_named, 0,
			    CHECK_N(refused));
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
