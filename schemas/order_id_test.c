/* SPDX-License-Identifier: MIT */
/*
 * Order id: parsing, formatting, version 7, the number people can say.
 */
#include "schemas/order_id.h"

#include <errno.h>

#include "schemas/fixture.h"

static const char id_text[] = "018f3a1e-7c2b-7abc-8def-0123456789ab";

static int parse(struct order_id *ret, const char *s)
{
	return order_id_parse(ret, s, strlen(s));
}

START_TEST(an_id_of_either_case_is_written_in_lower_case)
	{
		char out[ORDER_ID_CHARS + 1];
		struct order_id id;

		ck_assert_int_eq(parse(&id, id_text), 0);
		ck_assert_str_eq(order_id_format(&id, out), id_text);
		ck_assert_int_eq(
			parse(&id, "018F3A1E-7C2B-7ABC-8DEF-0123456789AB"), 0);
		ck_assert_str_eq(order_id_format(&id, out), id_text);
	}
END_TEST

static const char *const no_ids[] = {
	"",
	"018f3a1e-7c2b-7abc-8def-0123456789a",
	"018f3a1e-7c2b-7abc-8def-0123456789abc",
	"018f3a1e7c2b7abc8def0123456789ab",
	"018f3a1e-7c2b-7abc-8def-0123456789ag",
	"018f3a1e-7c2b-7abc-8def_0123456789ab",
	"-18f3a1e-7c2b-7abc-8def-0123456789ab",
	"018f3a1e 7c2b 7abc 8def 0123456789ab",
	"{18f3a1e-7c2b-7abc-8def-0123456789a}",
	"018f3a1e-7c2b-7abc-8def-0123456789\xc3\xa9",
};

START_TEST(what_is_no_uuid_leaves_the_id_alone)
	{
		struct order_id id = { { 1, 2, 3 } }, before = id;

		ck_assert_int_gt(parse(&id, no_ids[_i]), 0);
		ck_assert_int_eq(order_id_compare(&id, &before), 0);
	}
END_TEST

START_TEST(ids_are_ordered_as_their_text_is)
	{
		struct order_id a, b;

		ck_assert_int_eq(
			parse(&a, "01000000-0000-0000-0000-0000000000ff"), 0);
		ck_assert_int_eq(
			parse(&b, "02000000-0000-0000-0000-000000000000"), 0);
		ck_assert_int_lt(order_id_compare(&a, &b), 0);
		ck_assert_int_gt(order_id_compare(&b, &a), 0);
	}
END_TEST

START_TEST(version_7_has_the_time_first_and_its_marks)
	{
		static const uint8_t random[10] = { 0xff, 0xff, 0xff, 0xff,
						    0xff, 0xff, 0xff, 0xff,
						    0xff, 0xff };
		struct order_id id = order_id_v7(0x018f3a1e7c2b, random);
		char out[ORDER_ID_CHARS + 1];

		ck_assert_str_eq(order_id_format(&id, out),
				 "018f3a1e-7c2b-7fff-bfff-ffffffffffff");
	}
END_TEST

START_TEST(numbers_of_different_positions_are_different)
	{
		int64_t number;

		ck_assert_int_eq(order_number(&number, 0, 0, 0, 12), 0);
		ck_assert_int_eq(number, 0);
		ck_assert_int_eq(order_number(&number, 0, 10, 3, 12), 0);
		ck_assert_int_eq(number, 123);
		ck_assert_int_eq(order_number(&number, 1000, 10, 3, 12), 0);
		ck_assert_int_eq(number, 1123);
		ck_assert_int_eq(order_number(&number, 0, INT64_MAX, 0, 1), 0);
		ck_assert_int_eq(number, INT64_MAX);
	}
END_TEST

static const struct {
	int64_t base, offset;
	int32_t partition, partitions;
} beyond[] = {
	{ 0, INT64_MAX / 2, 0, 12 },
	{ 0, INT64_MAX, 11, 12 },
	{ INT64_MAX, 1, 0, 1 },
	{ INT64_MAX - 5, 0, 6, 12 },
	{ 0, -1, 0, 12 },
	{ -1, 0, 0, 12 },
	{ 0, 0, -1, 12 },
	{ 0, 0, 12, 12 },
	{ 0, 0, 0, 0 },
};

START_TEST(a_number_that_cannot_be_is_a_fault)
	{
		int64_t number = 99;

		ck_assert_int_eq(order_number(&number, beyond[_i].base,
					      beyond[_i].offset,
					      beyond[_i].partition,
					      beyond[_i].partitions),
				 -ERANGE);
		ck_assert_int_eq(number, 99);
	}
END_TEST

/* Fixed for ever: a code that changes is another order's. */
static const struct {
	const char *id, *code;
} codes[] = {
	{ "00000000-0000-0000-0000-000000000001", "F947" },
	{ "01a1fd85-7555-7aa0-9737-a40f1fcc4939", "D652" },
	{ "01a1fd85-7555-7aa0-9737-a40f1fcc493a", "L467" },
};

START_TEST(a_call_code_is_a_letter_and_three_digits_of_the_id_alone)
	{
		char code[CALL_CODE_CHARS + 1];
		struct order_id id;

		ck_assert_int_eq(
			order_id_parse(&id, codes[_i].id, ORDER_ID_CHARS), 0);
		ck_assert_str_eq(order_call_code(&id, code), codes[_i].code);
	}
END_TEST

START_TEST(an_order_is_named_by_its_code_and_its_number)
	{
		const struct order_id id = { { [15] = 1 } };
		char name[ORDER_NAME_BYTES];

		ck_assert_str_eq(order_name(&id, 6, name),
				 "order F947, number 6");
		ck_assert_str_eq(order_name(&id, INT64_MAX, name),
				 "order F947, number 9223372036854775807");
		ck_assert_str_eq(order_name(&id, -1, name), "order F947");
	}
END_TEST

START_TEST(call_codes_have_no_letter_that_is_read_as_a_digit)
	{
		char code[CALL_CODE_CHARS + 1];
		struct order_id id = { { 0 } };
		bool seen[256] = { false };
		int n = 0;

		for (int i = 0; i < 10000; i++) {
			id.bytes[0] = (uint8_t)i;
			id.bytes[15] = (uint8_t)(i >> 8);
			(void)order_call_code(&id, code);
			seen[(unsigned char)code[0]] = true;
		}
		for (int letter = 'A'; letter <= 'Z'; letter++)
			n += seen[letter];
		ck_assert_int_eq(n, 24);
		ck_assert(!seen['I'] && !seen['O']);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("order_id");
	TCase *tcase = tcase_create("order_id");

	tcase_add_test(tcase, an_id_of_either_case_is_written_in_lower_case);
	tcase_add_loop_test(tcase, what_is_no_uuid_leaves_the_id_alone, 0,
			    N_OF(no_ids));
	tcase_add_test(tcase, ids_are_ordered_as_their_text_is);
	tcase_add_test(tcase, version_7_has_the_time_first_and_its_marks);
	tcase_add_test(tcase, numbers_of_different_positions_are_different);
	tcase_add_loop_test(tcase, a_number_that_cannot_be_is_a_fault, 0,
			    N_OF(beyond));
	tcase_add_loop_test(
		tcase, a_call_code_is_a_letter_and_three_digits_of_the_id_alone,
		0, N_OF(codes));
	tcase_add_test(tcase, an_order_is_named_by_its_code_and_its_number);
	tcase_add_test(tcase,
		       call_codes_have_no_letter_that_is_read_as_a_digit);
	suite_add_tcase(suite, tcase);
	return fixture_run(suite);
}
