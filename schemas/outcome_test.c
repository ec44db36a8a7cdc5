/* SPDX-License-Identifier: MIT */
/*
 * Outcome: names and sentences.
 */
#include "schemas/outcome.h"

#include "schemas/fixture.h"
#include "schemas/messages/choices.h"

START_TEST(each_outcome_has_a_name)
	{
		ck_assert_str_eq(schema_outcome_name(SCHEMA_E_MALFORMED),
				 "malformed");
		ck_assert_str_eq(schema_outcome_name(SCHEMA_E_UNKNOWN_TYPE),
				 "unknown-type");
		ck_assert_str_eq(schema_outcome_name(SCHEMA_E_UNKNOWN_VERSION),
				 "unknown-version");
		ck_assert_str_eq(schema_outcome_name(SCHEMA_E_CONTRACT),
				 "contract");
		ck_assert_str_eq(schema_outcome_name(0), "");
	}
END_TEST

START_TEST(a_sentence_is_printable_and_bounded_whatever_it_quotes)
	{
		struct schema_fault fault;

		ck_assert_int_eq(schema_fail(&fault, SCHEMA_E_CONTRACT,
					     "'%s' %d", "\x01p\xc4\x81\x7f", 7),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, "'?p?"
					     "?"
					     "?' 7");
		(void)schema_fail(&fault, SCHEMA_E_CONTRACT, "%300d", 1);
		ck_assert_uint_eq(strlen(fault.what), sizeof(fault.what) - 1);
		ck_assert_int_eq(schema_fail(NULL, SCHEMA_E_MALFORMED, "x"),
				 SCHEMA_E_MALFORMED);
	}
END_TEST

/* The names themselves: golden/. */
START_TEST(a_choice_is_exactly_one_of_the_names_and_never_none)
	{
		enum doneness doneness = DONENESS_BURNT;
		enum verdict verdict = VERDICT_KEPT;

		ck_assert_int_gt(doneness_parse(&doneness, TEXT("")), 0);
		ck_assert_int_gt(doneness_parse(&doneness, TEXT("Light")), 0);
		ck_assert_int_eq(doneness, DONENESS_BURNT);
		ck_assert_int_gt(verdict_parse(&verdict, TEXT("")), 0);
		ck_assert_int_eq(verdict, VERDICT_KEPT);
		ck_assert_str_eq(verdict_name(VERDICT_NONE), "");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outcome");
	TCase *tcase = tcase_create("outcome");

	tcase_add_test(tcase, each_outcome_has_a_name);
	tcase_add_test(tcase,
		       a_sentence_is_printable_and_bounded_whatever_it_quotes);
	tcase_add_test(tcase,
		       a_choice_is_exactly_one_of_the_names_and_never_none);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
