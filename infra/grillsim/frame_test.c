/* SPDX-License-Identifier: MIT */
/* Which bytes are a request of ours. */
#include <check.h>
#include <modbus.h>
#include <string.h>

#include "infra/grillsim/frame.h"

#define HEAD(length) 0x12, 0x34, 0, 0, 0, (length), 1

static const uint8_t read_bytes[] = { HEAD(6), 3, 0x20, 0x00, 0, 3 };
static const uint8_t write_bytes[] = { HEAD(11), 16,   0x10, 0x10, 0,   2,
				       4,        0xab, 0xcd, 0x01, 0x02 };

START_TEST(a_read_is_understood)
	{
		struct frame frame;

		ck_assert_int_eq(
			frame_parse(&frame, read_bytes, sizeof(read_bytes)), 0);
		ck_assert_int_eq(frame.kind, FRAME_READ);
		ck_assert_uint_eq(frame.n_bytes, sizeof(read_bytes));
		ck_assert_int_eq(frame.unit, 1);
		ck_assert_int_eq(frame.address, 0x2000);
		ck_assert_int_eq(frame.n_registers, 3);
	}
END_TEST

START_TEST(a_write_is_understood)
	{
		struct frame frame;

		ck_assert_int_eq(
			frame_parse(&frame, write_bytes, sizeof(write_bytes)),
			0);
		ck_assert_int_eq(frame.kind, FRAME_WRITE);
		ck_assert_int_eq(frame.address, 0x1010);
		ck_assert_int_eq(frame.n_registers, 2);
		ck_assert_uint_eq(frame.registers[0], 0xabcd);
		ck_assert_uint_eq(frame.registers[1], 0x0102);
	}
END_TEST

START_TEST(a_frame_is_waited_for_until_it_is_whole)
	{
		struct frame frame;

		for (size_t n = 0; n < sizeof(write_bytes); n++)
			ck_assert_int_eq(frame_parse(&frame, write_bytes, n),
					 FRAME_E_MORE);
	}
END_TEST

START_TEST(what_stands_behind_a_frame_is_left)
	{
		uint8_t two[2 * sizeof(read_bytes)];
		struct frame frame;

		memcpy(two, read_bytes, sizeof(read_bytes));
		memcpy(two + sizeof(read_bytes), read_bytes,
		       sizeof(read_bytes));
		ck_assert_int_eq(frame_parse(&frame, two, sizeof(two)), 0);
		ck_assert_uint_eq(frame.n_bytes, sizeof(read_bytes));
	}
END_TEST

static const struct {
	size_t n;
	int exception;
	uint8_t p[20];
} refused[] = {
	{ 12, MODBUS_EXCEPTION_ILLEGAL_FUNCTION, { HEAD(6), 6, 0, 0, 0, 1 } },
	{ 8, MODBUS_EXCEPTION_ILLEGAL_FUNCTION, { HEAD(2), 17 } },
	{ 12, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE, { HEAD(6), 3, 0, 0, 0, 0 } },
	{ 12,
	  MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE,
	  { HEAD(6), 3, 0, 0, 0, 126 } },
	{ 10, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE, { HEAD(4), 3, 0, 0, 0 } },
	{ 13,
	  MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE,
	  { HEAD(7), 3, 0, 0, 0, 1, 0 } },
	{ 12,
	  MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE,
	  { HEAD(6), 16, 0x10, 0, 0, 1 } },
	{ 13,
	  MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE,
	  { HEAD(7), 16, 0x10, 0, 0, 1, 2 } },
	{ 15,
	  MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE,
	  { HEAD(9), 16, 0x10, 0, 0, 1, 4, 0, 1 } },
	{ 13,
	  MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE,
	  { HEAD(7), 16, 0x10, 0, 0, 0, 0 } },
	{ 15,
	  MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE,
	  { HEAD(9), 16, 0x10, 0, 0, 200, 2, 0, 1 } },
};

START_TEST(a_request_whose_lengths_disagree_is_refused)
	{
		struct frame frame;

		ck_assert_int_eq(
			frame_parse(&frame, refused[_i].p, refused[_i].n), 0);
		ck_assert_int_eq(frame.kind, FRAME_REFUSED);
		ck_assert_int_eq(frame.exception, refused[_i].exception);
		ck_assert_uint_eq(frame.n_bytes, refused[_i].n);
	}
END_TEST

static const uint8_t broken[][8] = {
	{ 0, 1, 0, 1, 0, 6, 1, 3 },   /* another protocol */
	{ 0, 1, 0, 0, 0, 1, 1, 3 },   /* no room for a function */
	{ 0, 1, 0, 0, 0, 0, 1, 3 },   /* no room for anything */
	{ 0, 1, 0, 0, 0, 255, 1, 3 }, /* longer than frames are */
	{ 'G', 'E', 'T', ' ', '/', ' ', 'H', 'T' },
};

START_TEST(what_is_not_modbus_ends_the_connection)
	{
		struct frame frame;

		ck_assert_int_eq(
			frame_parse(&frame, broken[_i], sizeof(broken[_i])),
			FRAME_E_BROKEN);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("frame");
	TCase *bytes = tcase_create("bytes");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(bytes, a_read_is_understood);
	tcase_add_test(bytes, a_write_is_understood);
	tcase_add_test(bytes, a_frame_is_waited_for_until_it_is_whole);
	tcase_add_test(bytes, what_stands_behind_a_frame_is_left);
	tcase_add_loop_test(bytes, a_request_whose_lengths_disagree_is_refused,
			    0, (int)(sizeof(refused) / sizeof(*refused)));
	tcase_add_loop_test(bytes, what_is_not_modbus_ends_the_connection, 0,
			    (int)(sizeof(broken) / sizeof(*broken)));
	suite_add_tcase(suite, bytes);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
