/* SPDX-License-Identifier: MIT */
/* Trace: what is begun here is a valid traceparent. */
#include "schemas/trace.h"

#include <check.h>
#include <stdlib.h>

START_TEST(a_trace_begins_with_the_digits_of_its_id)
	{
		char room[TRACE_BYTES];
		struct order_id id;
		struct text trace;

		ck_assert_int_eq(
			order_id_parse(&id,
				       "01a1fd85-7555-7aa0-9737-a40f1fcc4939",
				       36),
			0);
		trace = trace_begin(room, &id);
		ck_assert_str_eq(room, "00-01a1fd8575557aa09737a40f1fcc4939-"
				       "9737a40f1fcc4939-01");
		ck_assert_uint_eq(trace.n, TRACE_BYTES - 1);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tcase = tcase_create("trace");
	SRunner *runner;
	int n_failed;

	tcase_add_test(tcase, a_trace_begins_with_the_digits_of_its_id);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
