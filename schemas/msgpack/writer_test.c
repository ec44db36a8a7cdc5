/* SPDX-License-Identifier: MIT */
/*
 * Writer: what does not fit is left out whole, and said.
 */
#include "schemas/msgpack/writer.h"

#include <errno.h>

#include "schemas/fixture.h"

START_TEST(what_fits_to_the_last_byte_is_taken)
	{
		uint8_t bytes[4];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		msgpack_put_text(&writer, TEXT("abc"));
		ck_assert_int_eq(msgpack_writer_result(&writer), 0);
		ck_assert_uint_eq(writer.n, 4);
		ck_assert_mem_eq(bytes,
				 "\xa3"
				 "abc",
				 4);
	}
END_TEST

START_TEST(what_does_not_fit_is_said_until_the_reset)
	{
		uint8_t bytes[4];
		struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);

		msgpack_put_text(&writer, TEXT("abcd"));
		ck_assert_int_eq(msgpack_writer_result(&writer), -ENOBUFS);
		ck_assert_int_eq(msgpack_writer_write(&writer, "", 0), -1);
		msgpack_put_nil(&writer);
		ck_assert_int_eq(msgpack_writer_result(&writer), -ENOBUFS);
		msgpack_writer_reset(&writer);
		ck_assert_int_eq(msgpack_writer_result(&writer), 0);
		ck_assert_uint_eq(writer.n, 0);
	}
END_TEST

START_TEST(values_have_their_shortest_form)
	{
		struct fixture fixture;

		fixture_body(&fixture,
			     "[{'a':1},true,false,null,-1,128,-200,70000]");
		ck_assert_uint_eq(fixture.writer.n, 19);
		ck_assert_mem_eq(fixture.bytes,
				 "\x98\x81\xa1"
				 "a\x01\xc3\xc2\xc0\xff\xcc\x80"
				 "\xd1\xff\x38\xce\x00\x01\x11\x70",
				 19);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("writer");
	TCase *tcase = tcase_create("writer");

	tcase_add_test(tcase, what_fits_to_the_last_byte_is_taken);
	tcase_add_test(tcase, what_does_not_fit_is_said_until_the_reset);
	tcase_add_test(tcase, values_have_their_shortest_form);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
