/* SPDX-License-Identifier: MIT */
/*
 * SipHash: the paper's own vector, and that pieces do not matter.
 */
#include "schemas/siphash.h"

#include "schemas/fixture.h"

START_TEST(the_vector_of_the_paper_comes_out_whatever_the_pieces_are)
	{
		struct siphash hash;
		uint8_t bytes[15];

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)i;
		for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
			siphash_init(&hash, UINT64_C(0x0706050403020100),
				     UINT64_C(0x0f0e0d0c0b0a0908));
			siphash_update(&hash, bytes, cut);
			siphash_update(&hash, bytes + cut, sizeof(bytes) - cut);
			ck_assert_uint_eq(siphash_final(&hash),
					  UINT64_C(0xa129ca6149be45e5));
		}
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("siphash");
	TCase *tcase = tcase_create("siphash");

	tcase_add_test(
		tcase,
		the_vector_of_the_paper_comes_out_whatever_the_pieces_are);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
