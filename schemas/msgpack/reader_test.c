/* SPDX-License-Identifier: MIT */
/*
 * Msgpack reader: what the check lets through, and that msgpack-c agrees.
 */
#include "schemas/msgpack/reader.h"

#include "schemas/fixture.h"
#include "schemas/limits.h"
#include "schemas/oracle.h"

static int check(struct text bytes, struct schema_fault *fault)
{
	return msgpack_check(bytes.p, bytes.n, BODY_MAX_BYTES, NULL, fault);
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

		ck_assert_int_eq(check(whole[_i], &fault), 0);
		ck_assert_str_eq(fault.what, "");
	}
END_TEST

START_TEST(no_beginning_of_a_value_is_taken)
	{
		struct text bytes = whole[_i];

		while (bytes.n-- > 0)
			ck_assert_int_eq(check(bytes, NULL),
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

		ck_assert_int_eq(check(refused[_i].bytes, &fault),
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
		bytes[1] = (BODY_MAX_BYTES - 3) >> 8;
		bytes[2] = (BODY_MAX_BYTES - 3) & 0xff;
		ck_assert_int_eq(msgpack_check(bytes, BODY_MAX_BYTES,
					       BODY_MAX_BYTES, &n_values,
					       &fault),
				 0);
		ck_assert_uint_eq(n_values, BODY_MAX_BYTES - 2);
		ck_assert_int_eq(msgpack_check(bytes, sizeof(bytes),
					       BODY_MAX_BYTES, NULL, &fault),
				 SCHEMA_E_MALFORMED);
		ck_assert_str_eq(
			fault.what,
			"body of 65537 bytes, at most 65536 are taken");
	}
END_TEST

START_TEST(msgpack_c_parses_what_the_check_lets_through_to_the_same_values)
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

/* One number, by msgpack_read() and by msgpack-c. */
static void same_number(const uint8_t *bytes, size_t n)
{
	struct msgpack_value value;
	msgpack_unpacked unpacked;
	msgpack_object *object = &unpacked.data;
	size_t off = 0;

	ck_assert_ptr_eq(msgpack_read(&value, bytes, bytes + n), bytes + n);
	msgpack_unpacked_init(&unpacked);
	ck_assert_int_eq(
		msgpack_unpack_next(&unpacked, (const char *)bytes, n, &off),
		MSGPACK_UNPACK_SUCCESS);
	if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER ||
	    object->via.u64 <= INT64_MAX) {
		ck_assert_int_eq(value.kind, MSGPACK_KIND_I64);
		ck_assert_int_eq(value.i64, object->via.i64);
	} else {
		ck_assert_int_eq(value.kind, MSGPACK_KIND_HUGE);
	}
	msgpack_unpacked_destroy(&unpacked);
}

START_TEST(a_number_of_any_form_is_the_one_that_msgpack_c_reads)
	{
		static const uint8_t fill[] = { 0, 1, 0x7f, 0x80, 0xfe, 0xff };
		uint8_t bytes[9];

		for (unsigned int head = 0; head < 256; head++) {
			bytes[0] = (uint8_t)head;
			if (head < 0x80 || head >= 0xe0) {
				same_number(bytes, 1);
				continue;
			}
			if (head < 0xcc || head > 0xd3)
				continue;
			for (size_t i = 0; i < sizeof(fill); i++) {
				for (size_t k = 0; k < sizeof(fill); k++) {
					memset(bytes + 1, fill[i], 8);
					bytes[1] = fill[k];
					same_number(bytes,
						    1 + (1u << (head & 3)));
				}
			}
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reader");
	TCase *tcase = tcase_create("reader");

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
		msgpack_c_parses_what_the_check_lets_through_to_the_same_values);
	tcase_add_test(tcase,
		       a_number_of_any_form_is_the_one_that_msgpack_c_reads);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
