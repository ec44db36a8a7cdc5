/* SPDX-License-Identifier: MIT */
/* Which words the grill understands, and what they make of requests. */
#include <check.h>
#include <string.h>

#include "infra/grillsim/faults.h"

#define N_PLATES 8

static int parse(struct order *ret, const char *line)
{
	return order_parse(ret, line, strlen(line), N_PLATES);
}

static struct order parsed(const char *line)
{
	struct order order = { 0 };

	ck_assert_int_eq(parse(&order, line), 0);
	return order;
}

static const struct {
	const char *line;
	struct order order;
} understood[] = {
	{ "plate 3 slow 500", { ORDER_SLOW, 3, 500 } },
	{ "slow 3 500", { ORDER_SLOW, 3, 500 } },
	{ " slow\t3  500ms\r", { ORDER_SLOW, 3, 500 } },
	{ "slow 3 2s", { ORDER_SLOW, 3, 2000 } },
	{ "plate all long 1s", { ORDER_LONG, ORDER_ALL_PLATES, 1000 } },
	{ "plate 2 silent-after-start", { ORDER_SILENT_AFTER_START, 2, 0 } },
	{ "silent-before-start 2 4", { ORDER_SILENT_BEFORE_START, 2, 4 } },
	{ "plate 7 silent", { ORDER_SILENT, 7, 0 } },
	{ "plate 1 exception", { ORDER_EXCEPTION, 1, 6 } },
	{ "plate 1 exception 4", { ORDER_EXCEPTION, 1, 4 } },
	{ "no-fence 2", { ORDER_NO_FENCE, 2, 0 } },
	{ "broken 0", { ORDER_BROKEN, 0, 0 } },
	{ "reset 4", { ORDER_RESET, 4, 0 } },
	{ "ok 3", { ORDER_OK, 3, 0 } },
	{ "ok all", { ORDER_OK, ORDER_ALL_PLATES, 0 } },
	{ "show 1", { ORDER_SHOW, 1, 0 } },
	{ "power-cut", { ORDER_POWER_CUT, ORDER_ALL_PLATES, 0 } },
	{ "down 1s", { ORDER_DOWN, ORDER_ALL_PLATES, 1000 } },
};

START_TEST(a_line_becomes_an_order)
	{
		struct order order = parsed(understood[_i].line);

		ck_assert_int_eq(order.verb, understood[_i].order.verb);
		ck_assert_int_eq(order.plate, understood[_i].order.plate);
		ck_assert_int_eq(order.number, understood[_i].order.number);
	}
END_TEST

static const struct {
	const char *line;
	int outcome;
} wrong[] = {
	{ "", FAULTS_E_VERB },
	{ "   ", FAULTS_E_VERB },
	{ "toast 3", FAULTS_E_VERB },
	{ "plate 3", FAULTS_E_VERB },
	{ "slow", FAULTS_E_PLATE },
	{ "slow 8 500", FAULTS_E_PLATE },
	{ "slow -1 500", FAULTS_E_PLATE },
	{ "slow 3", FAULTS_E_NUMBER },
	{ "slow 3 -5", FAULTS_E_NUMBER },
	{ "slow 3 s", FAULTS_E_NUMBER },
	{ "slow 3 700000", FAULTS_E_NUMBER },
	{ "slow 3 600001ms", FAULTS_E_NUMBER },
	{ "slow 3 99999999999999999999s", FAULTS_E_NUMBER },
	{ "exception 1 0", FAULTS_E_NUMBER },
	{ "exception 1 12", FAULTS_E_NUMBER },
	{ "down", FAULTS_E_NUMBER },
	{ "down 0", FAULTS_E_NUMBER },
	{ "reset 4 5", FAULTS_E_MORE },
	{ "power-cut 3", FAULTS_E_MORE },
	{ "a b c d e", FAULTS_E_MORE },
};

START_TEST(a_line_that_makes_no_sense_is_named_as_such)
	{
		struct order order = { .plate = 42 };

		ck_assert_int_eq(parse(&order, wrong[_i].line),
				 wrong[_i].outcome);
		ck_assert_int_eq(order.plate, 42);
		ck_assert_str_ne(order_complaint(wrong[_i].outcome), "");
	}
END_TEST

static struct fault fault_of(const char *line)
{
	struct fault fault = { 0 };
	struct order order = parsed(line);

	fault_set(&fault, &order);
	return fault;
}

START_TEST(silent_after_start_acts_on_a_start_and_does_not_answer_it)
	{
		struct fault fault = fault_of("silent-after-start 1");
		struct fate fate = fault_write(&fault, true);

		ck_assert(fate.acts && !fate.answers);
		fate = fault_write(&fault, false);
		ck_assert(fate.acts && fate.answers);
		fate = fault_read(&fault);
		ck_assert(fate.acts && fate.answers);
	}
END_TEST

START_TEST(silent_before_start_loses_the_start)
	{
		struct fault fault = fault_of("silent-before-start 1");
		struct fate fate = fault_write(&fault, true);

		ck_assert(!fate.acts && !fate.answers);
		fate = fault_write(&fault, false);
		ck_assert(fate.acts && fate.answers);
	}
END_TEST

START_TEST(silent_answers_nothing_at_all)
	{
		struct fault fault = fault_of("silent 1");
		struct fate fate = fault_write(&fault, false);

		ck_assert(!fate.acts && !fate.answers);
		ck_assert(!fault_read(&fault).answers);
	}
END_TEST

START_TEST(a_fault_with_a_number_of_times_wears_off)
	{
		struct fault fault = fault_of("silent-after-start 1 2");

		ck_assert(!fault_write(&fault, true).answers);
		ck_assert(fault_write(&fault, false).answers);
		ck_assert(!fault_write(&fault, true).answers);
		ck_assert(fault_write(&fault, true).answers);
	}
END_TEST

START_TEST(an_exception_stands_before_the_effect_and_spares_reads)
	{
		struct fault fault = fault_of("exception 1 4");
		struct fate fate = fault_write(&fault, true);

		ck_assert(!fate.acts && fate.answers);
		ck_assert_int_eq(fate.exception, 4);
		ck_assert_int_eq(fault_read(&fault).exception, 0);
	}
END_TEST

START_TEST(slow_delays_reads_and_writes)
	{
		struct fault fault = fault_of("slow 1 300");

		ck_assert_int_eq(fault_write(&fault, true).slow_ms, 300);
		ck_assert_int_eq(fault_write(&fault, false).slow_ms, 300);
		ck_assert_int_eq(fault_read(&fault).slow_ms, 300);
	}
END_TEST

START_TEST(ok_ends_every_fault)
	{
		struct fault fault = fault_of("silent 1");
		struct order order = parsed("slow 1 300");

		fault_set(&fault, &order);
		order = parsed("exception 1");
		fault_set(&fault, &order);
		order = parsed("ok 1");
		fault_set(&fault, &order);
		ck_assert(fault_write(&fault, true).acts);
		ck_assert(fault_write(&fault, true).answers);
		ck_assert_int_eq(fault_write(&fault, true).slow_ms, 0);
		ck_assert_int_eq(fault_write(&fault, true).exception, 0);
	}
END_TEST

static TCase *orders(void)
{
	TCase *orders = tcase_create("orders");

	tcase_add_loop_test(orders, a_line_becomes_an_order, 0,
			    (int)(sizeof(understood) / sizeof(*understood)));
	tcase_add_loop_test(orders, a_line_that_makes_no_sense_is_named_as_such,
			    0, (int)(sizeof(wrong) / sizeof(*wrong)));
	return orders;
}

static TCase *fates(void)
{
	TCase *fates = tcase_create("fates");

	tcase_add_test(
		fates,
		silent_after_start_acts_on_a_start_and_does_not_answer_it);
	tcase_add_test(fates, silent_before_start_loses_the_start);
	tcase_add_test(fates, silent_answers_nothing_at_all);
	tcase_add_test(fates, a_fault_with_a_number_of_times_wears_off);
	tcase_add_test(fates,
		       an_exception_stands_before_the_effect_and_spares_reads);
	tcase_add_test(fates, slow_delays_reads_and_writes);
	tcase_add_test(fates, ok_ends_every_fault);
	return fates;
}

int main(void)
{
	Suite *suite = suite_create("faults");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	suite_add_tcase(suite, orders());
	suite_add_tcase(suite, fates());
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? 1 : 0;
}
