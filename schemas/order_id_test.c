/* SPDX-License-Identifier: MIT */
/*
 * Order id: order, numbers, what people call an order.
 */
#include "schemas/order_id.h"

#include <errno.h>

#include "schemas/fixture.h"

static int parse(struct order_id *ret, const char *s)
{
	return order_id_parse(ret, s, strlen(s));
}

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

#define NONE INT64_MIN

static const struct {
	int64_t base, offset;
	int32_t partition, partitions;
	int64_t number; /* NONE: it cannot be */
} positions[] = {
	{ 0, 0, 0, 12, 0 },
	{ 0, 10, 3, 12, 123 },
	{ 1000, 10, 3, 12, 1123 },
	{ 0, INT64_MAX, 0, 1, INT64_MAX },
	{ 0, INT64_MAX / 2, 0, 12, NONE },
	{ 0, INT64_MAX, 11, 12, NONE },
	{ INT64_MAX, 1, 0, 1, NONE },
	{ INT64_MAX - 5, 0, 6, 12, NONE },
	{ 0, -1, 0, 12, NONE },
	{ -1, 0, 0, 12, NONE },
	{ 0, 0, -1, 12, NONE },
	{ 0, 0, 12, 12, NONE },
	{ 0, 0, 0, 0, NONE },
};

START_TEST(a_position_has_a_number_or_is_a_fault)
	{
		int64_t number = NONE;

		ck_assert_int_eq(order_number(&number, positions[_i].base,
					      positions[_i].offset,
					      positions[_i].partition,
					      positions[_i].partitions),
				 positions[_i].number == NONE ? -ERANGE : 0);
		ck_assert_int_eq(number, positions[_i].number);
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

	tcase_add_test(tcase, ids_are_ordered_as_their_text_is);
	tcase_add_loop_test(tcase, a_position_has_a_number_or_is_a_fault, 0,
			    CHECK_N(positions));
	tcase_add_loop_test(
		tcase, a_call_code_is_a_letter_and_three_digits_of_the_id_alone,
		0, CHECK_N(codes));
	tcase_add_test(tcase, an_order_is_named_by_its_code_and_its_number);
	tcase_add_test(tcase,
		       call_codes_have_no_letter_that_is_read_as_a_digit);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
