/* SPDX-License-Identifier: MIT */
/* What text is a job, and what is not. */
#include <check.h>
#include <string.h>

#include "infra/grillsim/job.h"

#define JOB_TEXT "01234567-89ab-cdef-0123-456789abcdef"

START_TEST(a_job_comes_back_from_its_text)
	{
		char text[JOB_TEXT_MAX];
		struct job job;

		ck_assert_int_eq(job_parse(&job, JOB_TEXT), 0);
		ck_assert_uint_eq(job.bytes[0], 0x01);
		ck_assert_uint_eq(job.bytes[15], 0xef);
		ck_assert(!job_is_none(&job));
		job_format(&job, text);
		ck_assert_str_eq(text, JOB_TEXT);
	}
END_TEST

static const char *const wrong[] = {
	"",
	"0",
	"01234567-89ab-cdef-0123-456789abcde",
	"01234567-89ab-cdef-0123-456789abcdef0",
	"01234567089ab-cdef-0123-456789abcdef",
	"0123456789abcdef0123456789abcdef",
	"01234567-89AB-cdef-0123-456789abcdef",
	"g1234567-89ab-cdef-0123-456789abcdef",
};

START_TEST(what_is_no_uuid_is_refused_and_leaves_the_job_alone)
	{
		struct job job = { .bytes = { 7 } };

		ck_assert_int_eq(job_parse(&job, wrong[_i]), JOB_E_TEXT);
		ck_assert_uint_eq(job.bytes[0], 7);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job");
	TCase *text = tcase_create("text");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(text, a_job_comes_back_from_its_text);
	tcase_add_loop_test(text,
			    what_is_no_uuid_is_refused_and_leaves_the_job_alone,
			    0, (int)(sizeof(wrong) / sizeof(*wrong)));
	suite_add_tcase(suite, text);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
