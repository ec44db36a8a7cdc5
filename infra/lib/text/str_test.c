/* SPDX-License-Identifier: MIT */
/* Str: copies that are cut, text in fixed storage, the buffer, JSON. */
#include "infra/lib/text/str.h"

#include <signal.h>
#include <string.h>

#include "infra/lib/check_fixture.h"

static const struct {
	const char *text, *expected;
	bool fits;
} copies[] = {
	{ "", "", true },
	{ "abc", "abc", true },
	{ "abcd", "abc", false },
	{ "abcdefgh", "abc", false },
};

START_TEST(a_copy_that_is_too_long_is_cut_and_says_so)
	{
		char ret[4] = "xyz";

		ck_assert(str_copy(ret, sizeof(ret), copies[_i].text) ==
			  copies[_i].fits);
		ck_assert_str_eq(ret, copies[_i].expected);
	}
END_TEST

START_TEST(a_copy_into_nothing_is_our_mistake)
	{
		char ret[1];

		(void)str_copy(ret, 0, "abc");
	}
END_TEST

START_TEST(a_buffer_grows_and_keeps_what_it_has)
	{
		struct buf buf = { 0 };

		for (int i = 0; i < 1000; i++)
			buf_printf(&buf, "%03d,", i);
		ck_assert_uint_eq(buf.n, 4000);
		ck_assert_int_eq(memcmp(buf.p, "000,001,", 8), 0);
		ck_assert_int_eq(memcmp(buf.p + 3992, "998,999,", 8), 0);
		memset(buf_reserve(&buf, 100000), 'x', 100000);
		buf.n += 100000;
		buf_text(&buf, "y");
		ck_assert_uint_eq(buf.n, 104001);
		ck_assert_int_eq(memcmp(buf.p + 3996, "999,x", 5), 0);
		ck_assert_int_eq(memcmp(buf.p + 103999, "xy", 2), 0);
		buf_deinit(&buf);
		ck_assert_ptr_null(buf.p);
	}
END_TEST

START_TEST(a_buffer_that_is_reset_is_empty_and_keeps_its_memory)
	{
		struct buf buf = { 0 };
		size_t cap;

		buf_text(&buf, "toastie");
		cap = buf.cap;
		buf_reset(&buf);
		ck_assert_uint_eq(buf.n, 0);
		ck_assert_uint_eq(buf.cap, cap);
		buf_add(&buf, NULL, 0);
		buf_add(&buf, "a\0b", 3);
		ck_assert_uint_eq(buf.n, 3);
		ck_assert_int_eq(memcmp(buf.p, "a\0b", 3), 0);
		buf_deinit(&buf);
		buf_deinit(&buf);
	}
END_TEST

START_TEST(text_in_fixed_storage_is_cut_where_it_ends)
	{
		char small[8], large[80];
		struct str cut = STR_INIT(small), str = STR_INIT(large);

		str_add_text(&cut, "toast");
		str_add_text(&cut, "ie!");
		ck_assert_str_eq(small, "toastie");
		str_add_hex(&str, UINT64_C(0x0123456789abcdef));
		str_add_text(&str, " ");
		str_add_i64(&str, INT64_MIN);
		str_add_text(&str, " ");
		str_add_position(&str, TEXT("orders"), 3, 1234);
		ck_assert_str_eq(large, "0123456789abcdef -9223372036854775808 "
					"orders/3@1234");
		ck_assert(text_equal(str_text(&str), text_of(large)));
	}
END_TEST

static const struct {
	struct text text;
	const char *json;
} texts[] = {
	{ TEXT_INIT(""), "\"\"" },
	{ TEXT_INIT("cheese"), "\"cheese\"" },
	{ TEXT_INIT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
	{ TEXT_INIT("\n\t\x01"), "\"\\u000a\\u0009\\u0001\"" },
	{ TEXT_INIT("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"" },
};

START_TEST(json_text_is_quoted_and_escaped)
	{
		struct buf json = { 0 };

		buf_json_text(&json, texts[_i].text.p, texts[_i].text.n);
		CHECK_BYTES(json.p, json.n, texts[_i].json);
		buf_deinit(&json);
	}
END_TEST

START_TEST(pairs_of_a_json_object_have_commas_between_them)
	{
		struct buf json = { 0 };

		buf_text(&json, "{");
		buf_json_pair(&json, "a", TEXT("x"));
		buf_json_pair(&json, "b", (struct text){ NULL, 0 });
		buf_json_pair_i64(&json, "c", -7);
		buf_json_key(&json, "d");
		buf_text(&json, "{");
		buf_json_pair_i64(&json, "e", 1);
		buf_text(&json, "}}");
		CHECK_BYTES(json.p, json.n,
			    "{\"a\":\"x\",\"b\":null,\"c\":-7,"
			    "\"d\":{\"e\":1}}");
		buf_deinit(&json);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("str");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase, a_copy_that_is_too_long_is_cut_and_says_so, 0, CHECK_N(copies));
	tcase_add_test_raise_signal(tcase, a_copy_into_nothing_is_our_mistake, SIGABRT);
	tcase_add_test(tcase, a_buffer_grows_and_keeps_what_it_has);
	tcase_add_test(tcase, a_buffer_that_is_reset_is_empty_and_keeps_its_memory);
	tcase_add_test(tcase, text_in_fixed_storage_is_cut_where_it_ends);
	tcase_add_loop_test(tcase, json_text_is_quoted_and_escaped, 0, CHECK_N(texts));
	tcase_add_test(tcase, pairs_of_a_json_object_have_commas_between_them);
	return check_run(suite);
}
