/* SPDX-License-Identifier: MIT */
/* Http: what a handler can do with a request, at once and later. */
#include "producers/storefront/http/http.h"

#include <check.h>

#include "infra/lib/check_fixture.h"
#include "producers/storefront/http/server_fixture.h"

START_TEST(a_body_is_heard_and_answered)
	{
		struct buf heard = { 0 };
		int fd = say("POST / HTTP/1.1\r\nHost: x\r\n"
			     "Content-Length: 5\r\n\r\nhello");

		hear(fd, &heard, "Content-Length: 5\r\n\r\nhello");
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(an_answer_to_a_client_that_has_gone_is_dropped)
	{
		static const struct linger reset = { 1, 0 };
		int fd = say("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");

		wait_for(is_held);
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
				 sizeof(reset));
		(void)close(fd);
		wait_for(is_empty);
		answer(held[--n_held], TEXT("late"));
	}
END_TEST

static void send_one(void)
{
	struct blob *blob = blob_new("data: 1\n\n", 9);

	http_stream_send(stream, blob);
	(void)blob_drop(blob);
}

START_TEST(a_stream_goes_on_until_its_client_leaves)
	{
		struct buf heard = { 0 };
		int fd = say("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");

		wait_for(is_streaming);
		send_one();
		hear(fd, &heard, "data: 1\n\n");
		/* nginx passes it on at once only when it is told so. */
		ck_assert_ptr_nonnull(
			strstr(heard.p, "X-Accel-Buffering: no\r\n"));
		ck_assert_int_ge(n_drained, 1);
		fixture_say(fd, "whatever a client says now is dropped");
		(void)close(fd);
		wait_for(is_closed);
		ck_assert_ptr_null(stream);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_stream_that_is_ended_sends_what_it_has)
	{
		struct buf heard = { 0 };
		int fd = say("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");

		wait_for(is_streaming);
		send_one();
		http_stream_end(stream);
		stream = NULL;
		hear(fd, &heard, NULL);
		ck_assert_ptr_nonnull(strstr(heard.p, "data: 1\n\n"));
		ck_assert_int_eq(n_closed, 0);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(the_head_of_a_stream_is_a_whole_answer)
	{
		struct buf heard = { 0 };

		say_and_hear("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n",
			     &heard);
		ck_assert_ptr_nonnull(strstr(heard.p, "text/event-stream\r\n"));
		ck_assert_ptr_null(stream);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(draining_answers_who_waits_and_takes_nobody_else)
	{
		struct buf heard = { 0 };
		int busy = say("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
		int idle = fixture_connect(port);

		wait_for(is_held);
		http_drain(http);
		hear(idle, &heard, NULL);
		ck_assert_uint_eq(heard.n, 0);
		answer(held[--n_held], TEXT("late"));
		hear(busy, &heard, NULL);
		ck_assert_ptr_nonnull(strstr(heard.p, "Connection: close\r\n"));
		ck_assert_ptr_nonnull(strstr(heard.p, "late"));
		(void)close(busy);
		(void)close(idle);
		wait_for(is_empty);
		buf_deinit(&heard);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http");
	TCase *tcase = check_case(suite, 30);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_body_is_heard_and_answered);
	tcase_add_test(tcase, an_answer_to_a_client_that_has_gone_is_dropped);
	tcase_add_test(tcase, a_stream_goes_on_until_its_client_leaves);
	tcase_add_test(tcase, a_stream_that_is_ended_sends_what_it_has);
	tcase_add_test(tcase, the_head_of_a_stream_is_a_whole_answer);
	tcase_add_test(tcase, draining_answers_who_waits_and_takes_nobody_else);
	return check_run(suite);
}
