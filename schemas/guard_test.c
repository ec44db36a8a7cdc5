/* SPDX-License-Identifier: MIT */
/*
 * Guard: what it takes, what it refuses, and that msgpack-c agrees.
 */
#include "schemas/guard.h"

#include "schemas/fixture.h"
#include "schemas/limits.h"
#include "schemas/oracle.h"

static int guard(struct text bytes, struct schema_fault *fault)
{
	return guard_check(bytes.p, bytes.n, NULL, fault);
}

static const struct text whole[] = {
	TEXT_INIT("\xc0"),
	TEXT_INIT("\x80"),
	TEXT_INIT("\x90"),
	TEXT_INIT("\xa0"),
	TEXT_INIT("\xd9\x01"
		  "a"),
	TEXT_INIT("\xda\x00\x01"
		  "a"),
	TEXT_INIT("\xdb\x00\x00\x00\x01"
		  "a"),
	TEXT_INIT("\xc4\x01\x00"),
	TEXT_INIT("\xc5\x00\x01\xff"),
	TEXT_INIT("\xc6\x00\x00\x00\x01\xff"),
	TEXT_INIT("\xca\x7f\xc0\x00\x00"),
	TEXT_INIT("\xcb\x00\x00\x00\x00\x00\x00\x00\x00"),
	TEXT_INIT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
	TEXT_INIT("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
	TEXT_INIT("\xdc\x00\x01\xc0"),
	TEXT_INIT("\xdd\x00\x00\x00\x01\xc0"),
	TEXT_INIT("\xde\x00\x01\xa1"
		  "a\xc0"),
	TEXT_INIT("\xdf\x00\x00\x00\x01\xa1"
		  "a\xc0"),
	TEXT_INIT("\x91\x91\x91\x91\x91\x91\x91\x91\x01"),
	TEXT_INIT("\x93\x90\x80\x91\x81\xa0\x90"),
};

START_TEST(a_whole_value_within_the_bounds_is_taken)
	{
		struct schema_fault fault = { "" };

		ck_assert_int_eq(guard(whole[_i], &fault), 0);
		ck_assert_str_eq(fault.what, "");
	}
END_TEST

START_TEST(no_beginning_of_a_value_is_taken)
	{
		struct text bytes = whole[_i];

		while (bytes.n-- > 0)
			ck_assert_int_eq(guard(bytes, NULL),
					 SCHEMA_E_MALFORMED);
	}
END_TEST

static const struct {
	struct text bytes;
	const char *what;
} refused[] = {
	{ TEXT_INIT(""), "no value that is taken whole at byte 0" },
	{ { NULL, 0 }, "no value that is taken whole at byte 0" },
	{ TEXT_INIT("\xdd\x10\x00\x00\x00"),
	  "count beyond the bytes left at byte 0" },
	{ TEXT_INIT("\xdf\xff\xff\xff\xff"
		    "aaaa"),
	  "count beyond the bytes left at byte 0" },
	{ TEXT_INIT("\x92\x92\x01\x02"),
	  "count beyond the bytes left at byte 1" },
	{ TEXT_INIT("\xc0\xc0"), "more behind the value at byte 1" },
	{ TEXT_INIT("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01"),
	  "too deep at byte 8" },
	{ TEXT_INIT("\x81\x01\x02"), "key that is no text at byte 1" },
	{ TEXT_INIT("\x82\xa1"
		    "a\x80\xc0\x01"),
	  "key that is no text at byte 4" },
	{ TEXT_INIT("\x81\x81\xa1"
		    "a\x01\x02"),
	  "key that is no text at byte 1" },
	{ TEXT_INIT("\xa1\xff"),
	  "text that is not UTF-8 or has a NUL at byte 0" },
	{ TEXT_INIT("\x91\xa2"
		    "a\0"),
	  "text that is not UTF-8 or has a NUL at byte 1" },
	{ TEXT_INIT("\xc1"), "no value that is taken whole at byte 0" },
	{ TEXT_INIT("\xd4\x01\x00"), "no value that is taken whole at byte 0" },
	{ TEXT_INIT("\xc7\x01\x01\x00"),
	  "no value that is taken whole at byte 0" },
	{ TEXT_INIT("\x91\xd6\xff\x00\x00\x00\x00"),
	  "no value that is taken whole at byte 1" },
	{ TEXT_INIT("\xdb\xff\xff\xff\xff"
		    "a"),
	  "no value that is taken whole at byte 0" },
};

START_TEST(what_is_refused_is_named_with_its_place)
	{
		struct schema_fault fault;

		ck_assert_int_eq(guard(refused[_i].bytes, &fault),
				 SCHEMA_E_MALFORMED);
		ck_assert_str_eq(fault.what, refused[_i].what);
	}
END_TEST

START_TEST(a_body_is_bounded)
	{
		static uint8_t bytes[BODY_MAX_BYTES + 1];
		struct schema_fault fault;
		size_t n_values;

		memset(bytes, 1, sizeof(bytes));
		bytes[0] = 0xdc;
		bytes[1] = bytes[2] = 0xff;
		bytes[1] = (BODY_MAX_BYTES - 3) >> 8;
		bytes[2] = (BODY_MAX_BYTES - 3) & 0xff;
		ck_assert_int_eq(
			guard_check(bytes, BODY_MAX_BYTES, &n_values, &fault),
			0);
		ck_assert_uint_eq(n_values, BODY_MAX_BYTES - 2);
		ck_assert_int_eq(
			guard_check(bytes, sizeof(bytes), NULL, &fault),
			SCHEMA_E_MALFORMED);
		ck_assert_str_eq(
			fault.what,
			"body of 65537 bytes, at most 65536 are taken");
	}
END_TEST

START_TEST(msgpack_c_parses_what_the_guard_takes_to_the_same_values)
	{
		uint64_t state = 42;
		uint8_t bytes[24];
		size_t n;

		for (int i = 0; i < 300000; i++) {
			n = (size_t)i % sizeof(bytes) + 1;
			for (size_t k = 0; k < n; k++) {
				/* Knuth's MMIX generator, biased to heads. */
				state = state * UINT64_C(6364136223846793005) +
					UINT64_C(1442695040888963407);
				bytes[k] = (uint8_t)(state >> 56);
				if (state >> 40 & 1)
					bytes[k] = (uint8_t)(0x80 |
							     (bytes[k] & 0x2f));
			}
			ck_assert(oracle_agrees(bytes, n));
		}
		for (int i = 0; i < CHECK_N(whole); i++)
			ck_assert(oracle_agrees((const uint8_t *)whole[i].p,
						whole[i].n));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guard");
	TCase *tcase = tcase_create("guard");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_whole_value_within_the_bounds_is_taken, 0,
			    CHECK_N(whole));
	tcase_add_loop_test(tcase, no_beginning_of_a_value_is_taken, 0,
			    CHECK_N(whole));
	tcase_add_loop_test(tcase, what_is_refused_is_named_with_its_place, 0,
			    CHECK_N(refused));
	tcase_add_test(tcase, a_body_is_bounded);
	tcase_add_test(
		tcase,
		msgpack_c_parses_what_the_guard_takes_to_the_same_values);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
