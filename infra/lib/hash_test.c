/* SPDX-License-Identifier: MIT */
/* Hash: values that are stored or agreed on stay what they are. */
#include "infra/lib/hash.h"

#include "infra/lib/check_fixture.h"

static uint64_t sip(const char *p, size_t cut, size_t n)
{
	struct hash_sip hash;

	hash_sip_begin(&hash);
	hash_sip_add(&hash, p, cut);
	hash_sip_add(&hash, p + cut, n - cut);
	return hash_sip_end(&hash);
}

START_TEST(siphash_is_the_same_for_ever_whatever_the_pieces_are)
	{
		static const char bytes[] = "one toastie with cheese";

		for (size_t cut = 0; cut < sizeof(bytes); cut++)
			ck_assert_uint_eq(sip(bytes, cut, sizeof(bytes) - 1),
					  UINT64_C(0x6aab851c68943f00));
		ck_assert_uint_eq(sip("", 0, 0), UINT64_C(0x1e924b9d737700d7));
	}
END_TEST

START_TEST(xxh3_is_the_same_for_ever)
	{
		ck_assert_uint_eq(hash_bytes("", 0),
				  UINT64_C(0x2d06800538d394c2));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hash");
	TCase *tcase = check_case(suite, 10);

	tcase_add_test(tcase,
		       siphash_is_the_same_for_ever_whatever_the_pieces_are);
	tcase_add_test(tcase, xxh3_is_the_same_for_ever);
	return check_run(suite);
}
