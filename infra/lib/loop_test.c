/* SPDX-License-Identifier: MIT */
/* Loop: timers, descriptors, signals, and the wake from another thread. */
#include "infra/lib/loop.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"

#define DEADLINE_MS 5000

static struct loop *loop;
static int n_fired;

static void setup(void)
{
	n_fired = 0;
	ck_assert_int_eq(loop_new(&loop), 0);
}

static void teardown(void)
{
	loop = loop_free(loop);
	ck_assert_ptr_null(loop_free(loop));
	ck_assert_ptr_null(loop_source_free(NULL));
}

static void fire(void *arg)
{
	(void)arg;
	n_fired++;
}

static void *wake(void *arg)
{
	(void)arg;
	loop_wake(loop);
	return NULL;
}

/* Before the wait, or while it lasts, from another thread. */
START_TEST(a_wake_ends_the_wait)
	{
		int64_t began_ms = clock_now_ms();
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, wake, NULL), 0);
		if (_i)
			ck_assert_int_eq(pthread_join(thread, NULL), 0);
		loop_wait(loop, 60000);
		ck_assert_int_lt(clock_now_ms() - began_ms, DEADLINE_MS);
		if (!_i)
			ck_assert_int_eq(pthread_join(thread, NULL), 0);
	}
END_TEST

START_TEST(a_wait_with_nothing_to_do_ends_at_its_deadline)
	{
		int64_t began_ms = clock_now_ms();

		loop_wait(loop, 30);
		ck_assert_int_ge(clock_now_ms() - began_ms, 25);
		loop_wait(loop, 0);
		ck_assert_int_lt(clock_now_ms() - began_ms, DEADLINE_MS);
	}
END_TEST

START_TEST(a_timer_fires_again_and_again_until_it_is_freed)
	{
		struct loop_source *timer = loop_timer(loop, 5, fire, NULL);
		int n_before;

		CHECK_WITHIN(DEADLINE_MS, n_fired >= 3, loop_wait(loop, 100));
		ck_assert_ptr_null(loop_source_free(timer));
		n_before = n_fired;
		loop_wait(loop, 30);
		ck_assert_int_eq(n_fired, n_before);
	}
END_TEST

START_TEST(a_readable_descriptor_is_reported)
	{
		struct loop_source *source;
		int fds[2];

		ck_assert_int_eq(pipe(fds), 0);
		source = loop_readable(loop, fds[0], fire, NULL);
		loop_wait(loop, 0);
		ck_assert_int_eq(n_fired, 0);
		ck_assert_int_eq(write(fds[1], "x", 1), 1);
		CHECK_WITHIN(DEADLINE_MS, n_fired > 0, loop_wait(loop, 100));
		(void)loop_source_free(source);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
END_TEST

START_TEST(a_signal_arrives_in_the_loop)
	{
		struct loop_source *source =
			loop_signal(loop, SIGUSR1, fire, NULL);

		ck_assert_int_eq(raise(SIGUSR1), 0);
		ck_assert_int_eq(n_fired, 0);
		CHECK_WITHIN(DEADLINE_MS, n_fired == 1, loop_wait(loop, 100));
		(void)loop_source_free(source);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_wake_ends_the_wait, 0, 2);
	tcase_add_test(tcase, a_wait_with_nothing_to_do_ends_at_its_deadline);
	tcase_add_test(tcase, a_timer_fires_again_and_again_until_it_is_freed);
	tcase_add_test(tcase, a_readable_descriptor_is_reported);
	tcase_add_test(tcase, a_signal_arrives_in_the_loop);
	return check_run(suite);
}
