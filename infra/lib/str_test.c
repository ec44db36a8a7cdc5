/* SPDX-License-Identifier: MIT */
/* Str: numbers from text, copies that are cut, and the growing buffer. */
#include "infra/lib/str.h"

#include <signal.h>
#include <string.h>

#include "infra/lib/check_fixture.h"

static const struct {
	const char *text;
	int64_t min, max;
	int64_t expected;
} good[] = {
	{ "0", 0, 0, 0 },
	{ "-0", 0, 0, 0 },
	{ "007", 0, 10, 7 },
	{ "-12", -12, -12, -12 },
	{ "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX },
	{ "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN },
};

START_TEST(a_whole_number_within_its_bounds_is_taken)
	{
		int64_t value = 99;

		ck_assert_int_eq(str_to_i64(&value, good[_i].text, good[_i].min,
					    good[_i].max),
				 0);
		ck_assert_int_eq(value, good[_i].expected);
	}
END_TEST

static const struct {
	const char *text;
	int64_t min, max;
} bad[] = {
	{ "", INT64_MIN, INT64_MAX },
	{ "-", INT64_MIN, INT64_MAX },
	{ "+1", INT64_MIN, INT64_MAX },
	{ "--1", INT64_MIN, INT64_MAX },
	{ " 1", INT64_MIN, INT64_MAX },
	{ "1 ", INT64_MIN, INT64_MAX },
	{ "1\n", INT64_MIN, INT64_MAX },
	{ "0x10", INT64_MIN, INT64_MAX },
	{ "1e3", INT64_MIN, INT64_MAX },
	{ "1.0", INT64_MIN, INT64_MAX },
	{ "\xd9\xa1", INT64_MIN, INT64_MAX }, /* an Arabic digit */
	{ "9223372036854775808", INT64_MIN, INT64_MAX },
	{ "-9223372036854775809", INT64_MIN, INT64_MAX },
	{ "99999999999999999999999999", INT64_MIN, INT64_MAX },
	{ "11", 0, 10 },
	{ "-1", 0, 10 },
};

START_TEST(nonsense_and_what_is_out_of_bounds_leave_the_result_alone)
	{
		int64_t value = 99;

		ck_assert_int_eq(str_to_i64(&value, bad[_i].text, bad[_i].min,
					    bad[_i].max),
				 STR_E_NUMBER);
		ck_assert_int_eq(value, 99);
	}
END_TEST

START_TEST(a_number_ends_where_its_length_says)
	{
		int64_t value = 0;

		ck_assert_int_eq(str_n_to_i64(&value, "1234", 2, 0, 100), 0);
		ck_assert_int_eq(value, 12);
		ck_assert_int_eq(str_n_to_i64(&value, "1\0002", 3, 0, 100),
				 STR_E_NUMBER);
	}
END_TEST

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

START_TEST(one_large_piece_fits_at_once)
	{
		struct buf buf = { 0 };
		char *room = buf_room(&buf, 100000);

		memset(room, 'x', 100000);
		buf.n += 100000;
		buf_text(&buf, "y");
		ck_assert_uint_eq(buf.n, 100001);
		ck_assert_int_eq(buf.p[99999], 'x');
		ck_assert_int_eq(buf.p[100000], 'y');
		buf_deinit(&buf);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("str");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase, a_whole_number_within_its_bounds_is_taken, 0,
			    CHECK_N(good));
	tcase_add_loop_test(
		tcase,
		nonsense_and_what_is_out_of_bounds_leave_the_result_alone, 0,
		CHECK_N(bad));
	tcase_add_test(tcase, a_number_ends_where_its_length_says);
	tcase_add_loop_test(tcase, a_copy_that_is_too_long_is_cut_and_says_so,
			    0, CHECK_N(copies));
	tcase_add_test_raise_signal(tcase, a_copy_into_nothing_is_our_mistake,
				    SIGABRT);
	tcase_add_test(tcase, a_buffer_grows_and_keeps_what_it_has);
	tcase_add_test(tcase,
		       a_buffer_that_is_reset_is_empty_and_keeps_its_memory);
	tcase_add_test(tcase, one_large_piece_fits_at_once);
	return check_run(suite);
}
