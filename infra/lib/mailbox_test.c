/* SPDX-License-Identifier: MIT */
/* Mailbox: order, bounds, waits with a deadline, wakes, the end. */
#include "infra/lib/mailbox.h"

#include <poll.h>
#include <pthread.h>

#include "infra/lib/check_fixture.h"

static struct mailbox *box;

static void open_box(size_t n_max, struct loop *loop)
{
	const struct mailbox_params params = { .message_bytes = sizeof(int),
					       .n_max = n_max,
					       .loop = loop };

	ck_assert_int_eq(mailbox_new(&box, &params), 0);
}

static void teardown(void)
{
	box = mailbox_free(box);
}

static bool put(int message)
{
	return mailbox_put(box, &message);
}

/* -1: there is none. */
static int get(int64_t timeout_ms)
{
	int message = -1;

	(void)mailbox_get(box, &message, timeout_ms);
	return message;
}

static bool readable(void)
{
	struct pollfd fd = { .fd = mailbox_fd(box), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

START_TEST(messages_come_out_in_the_order_in_which_they_went_in)
	{
		open_box(3, NULL);
		for (int i = 0; i < 10; i++) {
			ck_assert(put(i) && put(100 + i));
			ck_assert_int_eq(get(0), i);
			ck_assert_int_eq(get(1000), 100 + i);
			ck_assert_int_eq(get(0), -1);
		}
	}
END_TEST

START_TEST(what_does_not_fit_is_left_out)
	{
		open_box(2, NULL);
		ck_assert(put(1) && put(2) && !put(3));
		ck_assert_int_eq(get(0), 1);
		ck_assert(put(4) && !put(5));
		ck_assert_int_eq(get(0), 2);
		ck_assert_int_eq(get(0), 4);
	}
END_TEST

START_TEST(nothing_comes_within_the_deadline)
	{
		int64_t began_at_ms = clock_now_ms();

		open_box(1, NULL);
		ck_assert_int_eq(get(30), -1);
		ck_assert_int_ge(clock_now_ms() - began_at_ms, 29);
	}
END_TEST

START_TEST(the_descriptor_is_readable_while_a_message_waits)
	{
		open_box(2, NULL);
		ck_assert(!readable());
		ck_assert(put(1) && put(2) && readable());
		ck_assert_int_eq(get(0), 1);
		ck_assert(readable());
		ck_assert_int_eq(get(0), 2);
		ck_assert(!readable());
		mailbox_close(box);
		ck_assert(readable());
	}
END_TEST

START_TEST(a_closed_mailbox_gives_what_it_has_and_takes_no_more)
	{
		open_box(2, NULL);
		ck_assert(put(1) && !mailbox_closed(box));
		mailbox_close(box);
		mailbox_close(box);
		ck_assert(mailbox_closed(box) && !put(2));
		ck_assert_int_eq(get(60000), 1);
		ck_assert_int_eq(get(60000), -1);
	}
END_TEST

static void *put_until_closed(void *arg)
{
	int next = 0;

	(void)arg;
	while (!mailbox_closed(box))
		next += put(next);
	return NULL;
}

START_TEST(messages_of_another_thread_are_waited_for)
	{
		pthread_t thread;

		open_box(4, NULL);
		ck_assert(
			!pthread_create(&thread, NULL, put_until_closed, NULL));
		for (int i = 0; i < 1000; i++)
			ck_assert_int_eq(get(10000), i);
		mailbox_close(box);
		ck_assert(!pthread_join(thread, NULL));
	}
END_TEST

static void *wait_for_the_end(void *arg)
{
	(void)arg;
	ck_assert_int_eq(get(60000), -1);
	return NULL;
}

START_TEST(closing_ends_every_wait)
	{
		pthread_t threads[3];

		open_box(1, NULL);
		for (int i = 0; i < 3; i++)
			ck_assert(!pthread_create(&threads[i], NULL,
						  wait_for_the_end, NULL));
		mailbox_close(box);
		for (int i = 0; i < 3; i++)
			ck_assert(!pthread_join(threads[i], NULL));
	}
END_TEST

START_TEST(a_message_wakes_the_loop)
	{
		CLEANUP(loop_freep) struct loop *loop = NULL;
		int64_t began_at_ms = clock_now_ms();

		ck_assert_int_eq(loop_new(&loop), 0);
		open_box(1, loop);
		ck_assert(put(1));
		loop_wait(loop, 5000);
		ck_assert_int_lt(clock_now_ms() - began_at_ms, 4000);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("mailbox");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, messages_come_out_in_the_order_in_which_they_went_in);
	tcase_add_test(tcase, what_does_not_fit_is_left_out);
	tcase_add_test(tcase, nothing_comes_within_the_deadline);
	tcase_add_test(tcase, the_descriptor_is_readable_while_a_message_waits);
	tcase_add_test(tcase, a_closed_mailbox_gives_what_it_has_and_takes_no_more);
	tcase_add_test(tcase, messages_of_another_thread_are_waited_for);
	tcase_add_test(tcase, closing_ends_every_wait);
	tcase_add_test(tcase, a_message_wakes_the_loop);
	return check_run(suite);
}
