/* SPDX-License-Identifier: MIT */
/* Hex: digits of either case, both ways, and UUIDs. */
#include "infra/lib/hex.h"

#include <stdbool.h>

#include "infra/lib/check_fixture.h"

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
				 HEX_E_INVALID);
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
	Suite *suite = suite_create("hex");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, every_byte_is_two_digits_of_either_case);
	tcase_add_test(tcase, what_is_no_digit_makes_no_byte_wherever_it_stands);
	tcase_add_loop_test(tcase, a_uuid_of_either_case_is_written_in_lower_case, 0, CHECK_N(uuids));
	tcase_add_test(tcase, version_7_has_the_time_first_and_its_marks);
	return check_run(suite);
}
