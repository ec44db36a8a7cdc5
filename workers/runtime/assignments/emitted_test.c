/* SPDX-License-Identifier: MIT */
/* Emitted: the lowest record that still waits, whatever the order. */
#include "workers/runtime/assignments/emitted.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/check_fixture.h"

static struct emitted emitted;

static void teardown(void)
{
	emitted_deinit(&emitted);
}

START_TEST(what_was_sent_before_it_was_forgotten_counts_for_nothing)
	{
		uint64_t old = emitted_expect(&emitted, 5, 1), fresh;

		emitted_forget(&emitted);
		fresh = emitted_expect(&emitted, 5, 1);
		ck_assert_uint_ne(old, fresh);
		emitted_acknowledge(&emitted, old);
		ck_assert_int_eq(emitted_offset(&emitted, 9), 5);
		emitted_acknowledge(&emitted, fresh + 1);
		ck_assert_int_eq(emitted_offset(&emitted, 9), 5);
		emitted_acknowledge(&emitted, fresh);
		ck_assert_int_eq(emitted_offset(&emitted, 9), 9);
		emitted_acknowledge(&emitted, fresh);
		ck_assert_int_eq(emitted_offset(&emitted, 9), 9);
	}
END_TEST

START_TEST(a_record_without_facts_is_our_mistake)
	{
		(void)emitted_expect(&emitted, 5, 0);
	}
END_TEST

/* ---- against a plain list ---- */

enum { MODEL_MAX = 20000 };

static struct {
	uint64_t number;
	int64_t offset;
	uint32_t n_waiting;
} model[MODEL_MAX];
static size_t n_model, n_first; /* those before n_first are forgotten */

static int64_t model_offset(int64_t decided)
{
	for (size_t i = n_first; i < n_model; i++)
		if (model[i].n_waiting)
			return model[i].offset;
	return decided;
}

static void step(unsigned int *seed, int64_t *decided)
{
	int what = rand_r(seed) % 100;
	size_t i;

	if (what < 45 && n_model < MODEL_MAX) {
		model[n_model].offset = *decided;
		model[n_model].n_waiting = 1 + (uint32_t)rand_r(seed) % 3;
		model[n_model].number = emitted_expect(&emitted, *decided, 1);
		for (uint32_t k = 1; k < model[n_model].n_waiting; k++)
			emitted_expect_more(&emitted, model[n_model].number);
		n_model++;
		*decided += 1 + rand_r(seed) % 3;
	} else if (what < 99 && n_model) {
		i = (size_t)rand_r(seed) % n_model;
		if (rand_r(seed) % 2 && n_model > n_first)
			i = n_first +
			    (size_t)rand_r(seed) % (n_model - n_first);
		if (i >= n_first && !model[i].n_waiting)
			return;
		emitted_acknowledge(&emitted, model[i].number);
		if (i >= n_first)
			model[i].n_waiting--;
	} else if (rand_r(seed) % 10 == 0) {
		emitted_forget(&emitted);
		n_first = n_model;
	}
}

START_TEST(it_is_always_what_a_plain_list_says)
	{
		unsigned int seed = (unsigned int)_i + 1;
		int64_t decided = 0;

		for (int i = 0; i < 3000; i++) {
			step(&seed, &decided);
			ck_assert_int_eq(emitted_offset(&emitted, decided),
					 model_offset(decided));
		}
		ck_assert_uint_gt(emitted.size, 256); /* the ring has grown */
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("emitted");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, what_was_sent_before_it_was_forgotten_counts_for_nothing);
	tcase_add_test_raise_signal(tcase, a_record_without_facts_is_our_mistake, SIGABRT);
	tcase_add_loop_test(tcase, it_is_always_what_a_plain_list_says, 0, 20);
	return check_run(suite);
}
