/* SPDX-License-Identifier: MIT */
/* Clock: instants as text, and what is left of a deadline. */
#include "infra/lib/clock.h"

#include <limits.h>
#include <string.h>

#include "infra/lib/check_fixture.h"

static const struct {
	int64_t wall_ms;
	const char *text;
} instants[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ 1, "1970-01-01T00:00:00.001Z" },
	{ 951782400999, "2000-02-29T00:00:00.999Z" },
	{ 1767225599050, "2025-12-31T23:59:59.050Z" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ -1000, "1969-12-31T23:59:59.000Z" },
};

START_TEST(an_instant_is_written_with_its_milliseconds_and_read_again)
	{
		char text[CLOCK_RFC3339_MAX];
		int64_t wall_ms = 7;

		clock_rfc3339(instants[_i].wall_ms, text);
		ck_assert_str_eq(text, instants[_i].text);
		ck_assert_int_eq(
			clock_from_rfc3339(&wall_ms, text, strlen(text)), 0);
		ck_assert_int_eq(wall_ms, instants[_i].wall_ms);
	}
END_TEST

static const struct {
	const char *text;
	int64_t wall_ms; /* -1: it is none */
} texts[] = {
	{ "1970-01-01T00:00:01Z", 1000 },
	{ "1970-01-01T00:00:01.5Z", 1500 },
	{ "1970-01-01T00:00:01.123456789Z", 1123 },
	{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
	{ "2024-02-29T00:00:00Z", INT64_C(1709164800000) },
	{ "2023-02-29T00:00:00Z", -1 },
	{ "2024-02-30T00:00:00Z", -1 },
	{ "2024-13-01T00:00:00Z", -1 },
	{ "2024-00-01T00:00:00Z", -1 },
	{ "2024-01-00T00:00:00Z", -1 },
	{ "2024-01-01T24:00:00Z", -1 },
	{ "2024-01-01T00:60:00Z", -1 },
	{ "2024-01-01T00:00:61Z", -1 },
	{ "2024-01-01T00:00:00", -1 },
	{ "2024-01-01T00:00:00.Z", -1 },
	{ "2024-01-01T00:00:00.1xZ", -1 },
	{ "2024-01-01T00:00:00+01:00", -1 },
	{ "2024-01-01T00:00:00,5Z", -1 },
	{ "2024-01-01 00:00:00Z", -1 },
	{ "+024-01-01T00:00:00Z", -1 },
	{ "yesterday at nine or so", -1 },
	{ "Z", -1 },
	{ "", -1 },
};

START_TEST(a_text_that_is_no_instant_leaves_the_result_alone)
	{
		int64_t wall_ms = 7;
		int r = clock_from_rfc3339(&wall_ms, texts[_i].text,
					   strlen(texts[_i].text));

		ck_assert_int_eq(r, texts[_i].wall_ms < 0 ? CLOCK_E_TEXT : 0);
		ck_assert_int_eq(wall_ms, r ? 7 : texts[_i].wall_ms);
	}
END_TEST

START_TEST(what_is_left_of_a_deadline_fits_an_int)
	{
		int left_ms = clock_left_ms(clock_now_ms() + 60000);

		ck_assert_int_gt(left_ms, 50000);
		ck_assert_int_le(left_ms, 60000);
		ck_assert_int_eq(clock_left_ms(INT64_MAX), INT_MAX);
		ck_assert_int_eq(clock_left_ms(clock_now_ms() - 1), 0);
		ck_assert_int_eq(clock_left_ms(0), 0);
	}
END_TEST

START_TEST(the_monotonic_clock_does_not_go_back)
	{
		int64_t last_us = clock_now_us();

		for (int i = 0; i < 10000; i++) {
			int64_t now_us = clock_now_us();

			ck_assert_int_ge(now_us, last_us);
			last_us = now_us;
		}
		ck_assert_int_gt(clock_wall_ms(), INT64_C(1700000000000));
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase, an_instant_is_written_with_its_milliseconds_and_read_again, 0, CHECK_N(instants));
	tcase_add_loop_test(tcase, a_text_that_is_no_instant_leaves_the_result_alone, 0, CHECK_N(texts));
	tcase_add_test(tcase, what_is_left_of_a_deadline_fits_an_int);
	tcase_add_test(tcase, the_monotonic_clock_does_not_go_back);
	return check_run(suite);
}
