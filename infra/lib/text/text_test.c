/* SPDX-License-Identifier: MIT */
/*
 * Text: clean UTF-8, characters, numbers, order, addresses, escapes, hex
 * digits, UUIDs.
 */
#include "infra/lib/text/text.h"

#include "infra/lib/check_fixture.h"

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
} lengths[] = {
	{ TEXT_INIT(""), 0 },
	{ TEXT_INIT("abc"), 3 },
	{ TEXT_INIT("p\xc4\x81ua"), 4 },
	{ TEXT_INIT("\xf0\x9f\xa7\x80"), 1 },
	{ TEXT_INIT("ab\xf0\x9f\xa7\x80"), 3 },
};

START_TEST(characters_are_counted_not_bytes)
	{
		size_t n = lengths[_i].n_chars;

		ck_assert_uint_eq(text_n_chars(lengths[_i].text), n);
		ck_assert(!text_is_longer(lengths[_i].text, n));
		ck_assert(!n || text_is_longer(lengths[_i].text, n - 1));
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
	{ "-0", 0 },
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
		if (strcmp(numbers[_i].text, "007") &&
		    strcmp(numbers[_i].text, "-0"))
			ck_assert(text_equal(text_from_i64(out, value),
					     text_of(numbers[_i].text)));
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
	"1\n",
	"1e3",
	"\xd9\xa1", /* an Arabic digit */
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

static const struct {
	const char *address, *host;
	int port; /* -1: no address */
} addresses[] = {
	{ "127.0.0.1:9100", "127.0.0.1", 9100 },
	{ ":9100", "127.0.0.1", 9100 },
	{ "localhost:0", "localhost", 0 },
	{ "9100", NULL, -1 },
	{ "host:", NULL, -1 },
	{ "host:65536", NULL, -1 },
	{ "host:-1", NULL, -1 },
	{ "host:http", NULL, -1 },
	{ "", NULL, -1 },
	{ "a-name-that-is-longer-than-sixty-three-bytes-is-not-a-host-of-ours:"
	  "1",
	  NULL, -1 },
};

START_TEST(an_address_is_a_host_and_a_port)
	{
		char host[64] = "";
		uint16_t number = 1;
		int r = text_host_port(addresses[_i].address, host, &number);

		if (addresses[_i].port < 0) {
			ck_assert_int_eq(r, TEXT_E_INVALID);
			ck_assert_uint_eq(number, 1);
			return;
		}
		ck_assert_int_eq(r, 0);
		ck_assert_str_eq(host, addresses[_i].host);
		ck_assert_int_eq(number, addresses[_i].port);
	}
END_TEST

static const struct {
	const char *text, *expected; /* NULL: invalid */
} escapes[] = {
	{ "", "" },
	{ "cheese", "cheese" },
	{ "a%20b%2Fc%2f", "a b/c/" },
	{ "a+b", "a b" },
	{ "a%2Bb", "a+b" },
	{ "12345678", "12345678" },
	{ "123456789", NULL },
	{ "%", NULL },
	{ "%2", NULL },
	{ "%2x", NULL },
	{ "%x2", NULL },
};

START_TEST(escapes_become_their_bytes_or_the_text_is_invalid)
	{
		struct text ret = { NULL, 7 };
		char out[8];
		int r = text_unescape(&ret, out, sizeof(out),
				      text_of(escapes[_i].text), ' ');

		if (escapes[_i].expected) {
			ck_assert_int_eq(r, 0);
			ck_assert(
				text_equal(ret, text_of(escapes[_i].expected)));
		} else {
			ck_assert_int_eq(r, TEXT_E_INVALID);
			ck_assert_uint_eq(ret.n, 7);
		}
	}
END_TEST

START_TEST(a_text_is_cut_at_the_first_of_a_character)
	{
		struct text rest = TEXT("a;b;;c");
		static const char *const parts[] = { "a", "b", "", "c", "" };

		for (size_t i = 0; i < 5; i++)
			ck_assert(text_equal(text_cut(&rest, ';'),
					     text_of(parts[i])));
	}
END_TEST

/* The first one is below the second, unless they are equal. */
static const struct {
	struct text a, b;
	bool equal;
} orders[] = {
	{ TEXT_INIT("a"), TEXT_INIT("b"), false },
	{ TEXT_INIT("ab"), TEXT_INIT("b"), false },
	{ TEXT_INIT("a"), TEXT_INIT("ab"), false },
	{ TEXT_INIT(""), TEXT_INIT("a"), false },
	{ TEXT_INIT("a"), TEXT_INIT("\xff"), false },
	{ TEXT_INIT("ab"), TEXT_INIT("ab"), true },
	{ { NULL, 0 }, TEXT_INIT(""), true },
};

START_TEST(texts_are_ordered_by_their_bytes_a_prefix_first)
	{
		int r = text_compare(orders[_i].a, orders[_i].b);

		ck_assert(orders[_i].equal ? r == 0 : r < 0);
		r = text_compare(orders[_i].b, orders[_i].a);
		ck_assert(orders[_i].equal ? r == 0 : r > 0);
	}
END_TEST

START_TEST(every_byte_is_two_digits_of_either_case)
	{
		char digits[3], capitals[3];

		for (unsigned int byte = 0; byte <= UINT8_MAX; byte++) {
			(void)snprintf(digits, sizeof(digits), "%02x", byte);
			(void)snprintf(capitals, sizeof(capitals), "%02X",
				       byte);
			ck_assert_uint_eq(hex_byte(digits), byte);
			ck_assert_uint_eq(hex_byte(capitals), byte);
			hex_put(capitals, (uint8_t)byte);
			ck_assert_str_eq(capitals, digits);
		}
	}
END_TEST

START_TEST(what_is_no_digit_makes_no_byte_wherever_it_stands)
	{
		static const char all[] = "0123456789abcdefABCDEF";
		char first[2] = "0f", second[2] = "0f";

		for (int c = 0; c <= UINT8_MAX; c++) {
			if (c != 0 && strchr(all, c))
				continue;
			first[0] = second[1] = (char)c;
			ck_assert_uint_eq(hex_digit((char)c), HEX_NONE);
			ck_assert_uint_gt(hex_byte(first), UINT8_MAX);
			ck_assert_uint_gt(hex_byte(second), UINT8_MAX);
		}
	}
END_TEST

#define UUID "018f3a1e-7c2b-7abc-8def-0123456789ab"

static const struct {
	const char *text;
	bool is_uuid;
} uuids[] = {
	{ UUID, true },
	{ "018F3A1E-7C2B-7ABC-8DEF-0123456789AB", true },
	{ "", false },
	{ "018f3a1e-7c2b-7abc-8def-0123456789a", false },
	{ "018f3a1e-7c2b-7abc-8def-0123456789abc", false },
	{ "018f3a1e7c2b7abc8def0123456789ab", false },
	{ "018f3a1e-7c2b-7abc-8def-0123456789ag", false },
	{ "018f3a1e-7c2b-7abc-8def_0123456789ab", false },
	{ "-18f3a1e-7c2b-7abc-8def-0123456789ab", false },
	{ "018f3a1e 7c2b 7abc 8def 0123456789ab", false },
	{ "{18f3a1e-7c2b-7abc-8def-0123456789a}", false },
	{ "018f3a1e-7c2b-7abc-8def-0123456789\xc3\xa9", false },
};

START_TEST(a_uuid_of_either_case_is_written_in_lower_case)
	{
		uint8_t uuid[UUID_BYTES] = { 1, 2, 3 }, before[UUID_BYTES];
		const char *text = uuids[_i].text;
		char out[UUID_CHARS + 1];

		memcpy(before, uuid, sizeof(uuid));
		if (uuids[_i].is_uuid) {
			ck_assert(!uuid_parse(uuid, text, strlen(text)));
			ck_assert_str_eq(uuid_format(uuid, out), UUID);
			return;
		}
		ck_assert_int_eq(uuid_parse(uuid, text, strlen(text)),
				 TEXT_E_INVALID);
		ck_assert_mem_eq(uuid, before, sizeof(uuid));
	}
END_TEST

START_TEST(version_7_has_the_time_first_and_its_marks)
	{
		uint8_t random[10], uuid[UUID_BYTES];
		char out[UUID_CHARS + 1];

		memset(random, 0xff, sizeof(random));
		uuid_v7(uuid, 0x018f3a1e7c2b, random);
		ck_assert_str_eq(uuid_format(uuid, out),
				 "018f3a1e-7c2b-7fff-bfff-ffffffffffff");
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase, clean_is_well_formed_utf8_without_a_nul, 0, CHECK_N(cleans));
	tcase_add_test(tcase, a_bad_byte_is_found_at_every_place_of_every_length);
	tcase_add_loop_test(tcase, characters_are_counted_not_bytes, 0, CHECK_N(lengths));
	tcase_add_loop_test(tcase, a_whole_text_is_read_as_a_number, 0, CHECK_N(numbers));
	tcase_add_loop_test(tcase, what_is_no_number_of_the_range_leaves_the_result_alone, 0, CHECK_N(no_numbers));
	tcase_add_loop_test(tcase, texts_are_ordered_by_their_bytes_a_prefix_first, 0, CHECK_N(orders));
	tcase_add_loop_test(tcase, an_address_is_a_host_and_a_port, 0, CHECK_N(addresses));
	tcase_add_loop_test(tcase, escapes_become_their_bytes_or_the_text_is_invalid, 0, CHECK_N(escapes));
	tcase_add_test(tcase, a_text_is_cut_at_the_first_of_a_character);
	tcase_add_test(tcase, every_byte_is_two_digits_of_either_case);
	tcase_add_test(tcase, what_is_no_digit_makes_no_byte_wherever_it_stands);
	tcase_add_loop_test(tcase, a_uuid_of_either_case_is_written_in_lower_case, 0, CHECK_N(uuids));
	tcase_add_test(tcase, version_7_has_the_time_first_and_its_marks);
	return check_run(suite);
}
