/* SPDX-License-Identifier: MIT */
/*
 * Text: clean UTF-8, characters, numbers, order.
 */
#include "schemas/text.h"

#include "schemas/fixture.h"

static const struct {
	struct text text;
	bool is_clean;
} cleans[] = {
	{ TEXT_INIT(""), true },
	{ TEXT_INIT("a"), true },
	{ TEXT_INIT("ab\x7f"), true },
	{ TEXT_INIT("cheese and vegemite, 17 characters or more"), true },
	{ TEXT_INIT("p\xc4\x81ua"), true },
	{ TEXT_INIT("\xe6\xa2\xa8\xf0\x9f\xa7\x80 and more text"), true },
	{ TEXT_INIT("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"), true },
	{ TEXT_INIT("\0"), false },
	{ TEXT_INIT("abc\0"), false },
	{ TEXT_INIT("\0abcd"), false },
	{ TEXT_INIT("12345678\0"), false },
	{ TEXT_INIT("1234\0"
		    "678abcdefgh"),
	  false },
	{ TEXT_INIT("\x80"), false },
	{ TEXT_INIT("12345678\xff"), false },
	{ TEXT_INIT("\xc0\xaf"), false },
	{ TEXT_INIT("\xc1\xbf"), false },
	{ TEXT_INIT("\xe0\x9f\xbf"), false },
	{ TEXT_INIT("\xed\xa0\x80"), false },
	{ TEXT_INIT("\xf0\x8f\xbf\xbf"), false },
	{ TEXT_INIT("\xf4\x90\x80\x80"), false },
	{ TEXT_INIT("\xf5\x80\x80\x80"), false },
	{ TEXT_INIT("\xc4"), false },
	{ TEXT_INIT("\xe6\xa2"), false },
	{ TEXT_INIT("\xf0\x9f\xa7"), false },
	{ TEXT_INIT("\xf0\x9f\xa7z"), false },
	{ TEXT_INIT("\xc4z"), false },
};

START_TEST(clean_is_well_formed_utf8_without_a_nul)
	{
		ck_assert_int_eq(text_is_clean(cleans[_i].text),
				 cleans[_i].is_clean);
	}
END_TEST

START_TEST(a_bad_byte_is_found_at_every_place_of_every_length)
	{
		char bytes[40];

		for (size_t n = 1; n <= sizeof(bytes); n++) {
			for (size_t i = 0; i < n; i++) {
				memset(bytes, 'x', sizeof(bytes));
				ck_assert(text_is_clean(
					(struct text){ bytes, n }));
				bytes[i] = 0;
				ck_assert(!text_is_clean(
					(struct text){ bytes, n }));
				bytes[i] = (char)0xff;
				ck_assert(!text_is_clean(
					(struct text){ bytes, n }));
			}
		}
	}
END_TEST

static const struct {
	struct text text;
	size_t n_chars;
	bool is_longer;
} lengths[] = {
	{ TEXT_INIT(""), 0, false },
	{ TEXT_INIT("abc"), 3, false },
	{ TEXT_INIT("abcd"), 3, true },
	{ TEXT_INIT("ab\xf0\x9f\xa7\x80"), 3, false },
	{ TEXT_INIT("abc\xf0\x9f\xa7\x80"), 3, true },
};

START_TEST(a_text_is_longer_by_its_characters)
	{
		ck_assert_int_eq(
			text_is_longer(lengths[_i].text, lengths[_i].n_chars),
			lengths[_i].is_longer);
	}
END_TEST

START_TEST(characters_are_counted_not_bytes)
	{
		ck_assert_uint_eq(text_n_chars(TEXT("")), 0);
		ck_assert_uint_eq(text_n_chars(TEXT("abc")), 3);
		ck_assert_uint_eq(text_n_chars(TEXT("p\xc4\x81ua")), 4);
		ck_assert_uint_eq(text_n_chars(TEXT("\xf0\x9f\xa7\x80")), 1);
	}
END_TEST

static const struct {
	const char *text;
	int64_t value;
} numbers[] = {
	{ "0", 0 },
	{ "7", 7 },
	{ "007", 7 },
	{ "-1", -1 },
	{ "9223372036854775807", INT64_MAX },
	{ "-9223372036854775808", INT64_MIN },
};

START_TEST(a_whole_text_is_read_as_a_number)
	{
		char out[TEXT_I64_BYTES];
		int64_t value = 99;

		ck_assert_int_eq(text_to_i64(&value, text_of(numbers[_i].text),
					     INT64_MIN, INT64_MAX),
				 0);
		ck_assert_int_eq(value, numbers[_i].value);
		if (numbers[_i].text[1] != '0')
			fixture_text_eq(text_from_i64(out, value),
					numbers[_i].text);
	}
END_TEST

static const char *const no_numbers[] = {
	"",
	"-",
	"+1",
	" 1",
	"1 ",
	"1.0",
	"0x1",
	"--1",
	"one",
	"11",
	"-11",
	"9223372036854775808",
	"-9223372036854775809",
	"99999999999999999999999999",
};

START_TEST(what_is_no_number_of_the_range_leaves_the_result_alone)
	{
		int64_t value = 99;

		ck_assert_int_gt(
			text_to_i64(&value, text_of(no_numbers[_i]), -10, 10),
			0);
		ck_assert_int_eq(value, 99);
	}
END_TEST

START_TEST(texts_are_ordered_by_their_bytes_a_prefix_first)
	{
		ck_assert_int_lt(text_compare(TEXT("a"), TEXT("b")), 0);
		ck_assert_int_gt(text_compare(TEXT("b"), TEXT("ab")), 0);
		ck_assert_int_lt(text_compare(TEXT("a"), TEXT("ab")), 0);
		ck_assert_int_lt(text_compare(TEXT(""), TEXT("a")), 0);
		ck_assert_int_gt(text_compare(TEXT("\xff"), TEXT("a")), 0);
		ck_assert_int_eq(text_compare(TEXT("ab"), TEXT("ab")), 0);
		ck_assert_int_eq(text_compare(text_of(NULL), TEXT("")), 0);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");

	tcase_add_loop_test(tcase, clean_is_well_formed_utf8_without_a_nul, 0,
			    N_OF(cleans));
	tcase_add_test(tcase,
		       a_bad_byte_is_found_at_every_place_of_every_length);
	tcase_add_test(tcase, characters_are_counted_not_bytes);
	tcase_add_loop_test(tcase, a_text_is_longer_by_its_characters, 0,
			    N_OF(lengths));
	tcase_add_loop_test(tcase, a_whole_text_is_read_as_a_number, 0,
			    N_OF(numbers));
	tcase_add_loop_test(
		tcase, what_is_no_number_of_the_range_leaves_the_result_alone,
		0, N_OF(no_numbers));
	tcase_add_test(tcase, texts_are_ordered_by_their_bytes_a_prefix_first);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
