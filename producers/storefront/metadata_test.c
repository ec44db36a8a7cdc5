/* SPDX-License-Identifier: MIT */
/* Metadata: each kind of value in msgpack's shortest form for it. */
#include "producers/storefront/metadata.h"

#include <check.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/text.h"
#include "schemas/guard.h"

#define BYTES(literal) TEXT_INIT(literal)

static const struct {
	const char *json;
	struct text bytes;
} values[] = {
	{ "{}", BYTES("\x80") },
	{ "{\"a\":null}", BYTES("\x81\xa1"
				"a\xc0") },
	{ "{\"a\":true,\"b\":false}", BYTES("\x82\xa1"
					    "a\xc3\xa1"
					    "b\xc2") },
	{ "{\"a\":0}", BYTES("\x81\xa1"
			     "a\x00") },
	{ "{\"a\":127}", BYTES("\x81\xa1"
			       "a\x7f") },
	{ "{\"a\":128}", BYTES("\x81\xa1"
			       "a\xcd\x00\x80") },
	{ "{\"a\":65536}", BYTES("\x81\xa1"
				 "a\xce\x00\x01\x00\x00") },
	{ "{\"a\":4294967296}",
	  BYTES("\x81\xa1"
		"a\xcf\x00\x00\x00\x01\x00\x00\x00\x00") },
	{ "{\"a\":-32}", BYTES("\x81\xa1"
			       "a\xe0") },
	{ "{\"a\":-33}", BYTES("\x81\xa1"
			       "a\xd1\xff\xdf") },
	{ "{\"a\":-32769}", BYTES("\x81\xa1"
				  "a\xd2\xff\xff\x7f\xff") },
	{ "{\"a\":-2147483649}",
	  BYTES("\x81\xa1"
		"a\xd3\xff\xff\xff\xff\x7f\xff\xff\xff") },
	{ "{\"a\":1.5}", BYTES("\x81\xa1"
			       "a\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00") },
	{ "{\"a\":\"\"}", BYTES("\x81\xa1"
				"a\xa0") },
	{ "{\"a\":\"0123456789012345678901234567890\"}",
	  BYTES("\x81\xa1"
		"a\xbf"
		"0123456789012345678901234567890") },
	{ "{\"a\":\"01234567890123456789012345678901\"}",
	  BYTES("\x81\xa1"
		"a\xd9\x20"
		"01234567890123456789012345678901") },
	{ "{\"a\":[1,[]]}", BYTES("\x81\xa1"
				  "a\x92\x01\x90") },
	{ "{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}",
	  BYTES("\x81\xa1"
		"a\xdc\x00\x10\x01\x02\x03\x04\x05\x06\x07\x08\x09"
		"\x0a\x0b\x0c\x0d\x0e\x0f\x10") },
};

START_TEST(a_value_has_msgpacks_shortest_form)
	{
		json_t *json = json_loads(values[_i].json, 0, NULL);
		uint8_t bytes[128];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		ck_assert_ptr_nonnull(json);
		ck_assert_int_eq(metadata_encode(json, &writer), 0);
		ck_assert_uint_eq(writer.n, values[_i].bytes.n);
		ck_assert_mem_eq(writer.p, values[_i].bytes.p, writer.n);
		ck_assert_int_eq(guard_check(writer.p, writer.n, NULL, NULL),
				 0);
		json_decref(json);
	}
END_TEST

START_TEST(the_deepest_that_is_taken_passes_the_guard_inside_an_order)
	{
		json_t *fits = json_loads("{\"a\":[[[[[1]]]]]}", 0, NULL);
		json_t *deep = json_loads("{\"a\":[[[[[[1]]]]]]}", 0, NULL);
		uint8_t bytes[64] =
			"\x81\xa1m"; /* the order's own map about it */
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		writer.n = 3;
		ck_assert_int_eq(metadata_encode(fits, &writer), 0);
		ck_assert_int_eq(guard_check(writer.p, writer.n, NULL, NULL),
				 0);
		msgpack_writer_reset(&writer);
		ck_assert_int_eq(metadata_encode(deep, &writer),
				 METADATA_E_DEEP);
		json_decref(fits);
		json_decref(deep);
	}
END_TEST

START_TEST(what_does_not_fit_is_large)
	{
		json_t *json = json_loads("{\"a\":\"0123456789\"}", 0, NULL);
		uint8_t bytes[8];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		ck_assert_int_eq(metadata_encode(json, &writer),
				 METADATA_E_LARGE);
		json_decref(json);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("metadata");
	TCase *tcase = tcase_create("metadata");

	tcase_add_loop_test(tcase, a_value_has_msgpacks_shortest_form, 0,
			    CHECK_N(values));
	tcase_add_test(
		tcase,
		the_deepest_that_is_taken_passes_the_guard_inside_an_order);
	tcase_add_test(tcase, what_does_not_fit_is_large);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
