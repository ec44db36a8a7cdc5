/* SPDX-License-Identifier: MIT */
/* Hash: values that are stored or agreed on stay what they are. */
#include "infra/lib/hash.h"

#include "infra/lib/check_fixture.h"

START_TEST(xxh3_is_the_same_for_ever)
	{
		ck_assert_uint_eq(hash_bytes("", 0),
				  UINT64_C(0x2d06800538d394c2));
	}
END_TEST

START_TEST(pieces_have_the_hash_of_the_whole)
	{
		static char bytes[1000];
		struct hash hash;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)(i * 7);
		for (size_t cut = 0; cut < sizeof(bytes); cut++) {
			hash_begin(&hash);
			hash_add(&hash, bytes, cut);
			hash_add(&hash, bytes + cut, sizeof(bytes) - cut);
			ck_assert_uint_eq(hash_end(&hash),
					  hash_bytes(bytes, sizeof(bytes)));
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hash");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase, xxh3_is_the_same_for_ever);
	tcase_add_test(tcase, pieces_have_the_hash_of_the_whole);
	return check_run(suite);
}
