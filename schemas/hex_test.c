/* SPDX-License-Identifier: MIT */
/*
 * Hex: digits of either case, both ways.
 */
#include "schemas/hex.h"

#include "schemas/fixture.h"

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

int main(void)
{
	Suite *suite = suite_create("hex");
	TCase *tcase = tcase_create("hex");

	tcase_add_test(tcase, every_byte_is_two_digits_of_either_case);
	tcase_add_test(tcase,
		       what_is_no_digit_makes_no_byte_wherever_it_stands);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
