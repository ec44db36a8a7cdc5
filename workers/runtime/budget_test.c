/* SPDX-License-Identifier: MIT */
/* Budget: what fits in 24 MiB, and what follows from more and from less. */
#include "workers/runtime/budget.h"

#include "infra/lib/check_fixture.h"

static const struct {
	int64_t mib, wanted, fetched_max, fetch_bytes;
	size_t batch_max, facts_max;
} budgets[] = {
	{ 16, 0, 538, 11027, 384, 692 },
	{ 24, 0, 1400, 28672, 1000, 1800 },
	{ 24, 8, 1400, 28672, 8, 1800 },
	{ 32, 0, 1400, 28672, 3080, 1800 },
	{ 39, 0, 1400, 28672, 4900, 1800 },
	{ 40, 0, 1400, 65536, 5000, 1800 },
	{ 4096, 0, 1400, 65536, 5000, 1800 },
};

START_TEST(what_grows_with_records_is_sized_from_one_number)
	{
		struct budget budget =
			budget_of(budgets[_i].mib, budgets[_i].wanted);

		ck_assert_int_eq(budget.fetched_max, budgets[_i].fetched_max);
		ck_assert_int_eq(budget.fetch_bytes, budgets[_i].fetch_bytes);
		ck_assert_uint_eq(budget.batch_max, budgets[_i].batch_max);
		ck_assert_uint_eq(budget.facts_max, budgets[_i].facts_max);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("budget");
	TCase *tcase = check_case(suite, 20);

	tcase_add_loop_test(tcase, what_grows_with_records_is_sized_from_one_number, 0, CHECK_N(budgets));
	return check_run(suite);
}
