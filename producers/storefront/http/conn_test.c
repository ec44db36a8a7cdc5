/* SPDX-License-Identifier: MIT */
/*
 * Http conn: what a connection takes, in which pieces and for how long, and
 * what it does to those who mean it ill.
 */
#include "producers/storefront/http/conn.h"

#include <check.h>

#include "infra/lib/check_fixture.h"
#include "producers/storefront/http/server_fixture.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

START_TEST(requests_in_one_breath_are_answered_in_order)
	{
		struct buf heard = { 0 };

		say_and_hear("POST / HTTP/1.1\r\nHost: x\r\n"
			     "Content-Length: 1\r\n\r\na"
			     "\r\nPOST / HTTP/1.1\r\nHost: x\r\n"
			     "Content-Length: 1\r\n\r\nb"
			     "POST / HTTP/1.1\r\nHost: x\r\n"
			     "Connection: close\r\n"
			     "Content-Length: 1\r\n\r\nc",
			     &heard);
		ck_assert_ptr_nonnull(strstr(heard.p, "\r\n\r\naHTTP/1.1 200"));
		ck_assert_ptr_nonnull(strstr(heard.p, "\r\n\r\nbHTTP/1.1 200"));
		ck_assert_ptr_nonnull(strstr(heard.p, "\r\n\r\nc"));
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_request_in_single_bytes_is_understood)
	{
		static const char text[] = "POST / HTTP/1.1\r\nHost: x\r\n"
					   "Content-Length: 2\r\n\r\nok";
		struct buf heard = { 0 };
		int fd = fixture_connect(port);

		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			ck_assert_int_eq(send(fd, text + i, 1, MSG_NOSIGNAL),
					 1);
			loop_wait(loop, 1);
		}
		hear(fd, &heard, "\r\n\r\nok");
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

static const struct {
	const char *text, *wanted;
} refused[] = {
	{ "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 " },
	{ "GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 " },
	{ "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 " },
	{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n",
	  "HTTP/1.1 413 " },
	{ "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
	  "HTTP/1.1 411 " },
	{ "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 " },
};

START_TEST(what_is_refused_is_told_and_ends_the_connection)
	{
		struct buf heard = { 0 };

		say_and_hear(refused[_i].text, &heard);
		ck_assert_ptr_nonnull(strstr(heard.p, refused[_i].wanted));
		ck_assert_ptr_nonnull(strstr(heard.p, "Connection: close\r\n"));
		ck_assert_ptr_nonnull(strstr(heard.p, "{\"error\":\""));
		ck_assert_int_eq(n_handled, 0);
		wait_for(is_empty);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(what_follows_a_refused_request_is_not_another)
	{
		struct buf heard = { 0 };

		say_and_hear("POST / HTTP/1.1\r\nHost: x\r\n"
			     "Content-Length: 30\r\nContent-Length: 0\r\n\r\n"
			     "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n",
			     &heard);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 400 "));
		ck_assert_int_eq(n_handled, 0);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_head_of_more_than_8_kibibytes_is_refused)
	{
		struct buf text = { 0 }, heard = { 0 };

		buf_text(&text, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
		while (text.n <= HTTP_HEAD_MAX_BYTES)
			buf_text(&text, "aaaaaaaaaaaaaaaa");
		buf_add(&text, "", 1);
		say_and_hear(text.p, &heard);
		ck_assert_ptr_nonnull(strstr(heard.p, "HTTP/1.1 431 "));
		buf_deinit(&text);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(head_answers_without_a_body)
	{
		struct buf heard = { 0 };

		say_and_hear("HEAD / HTTP/1.1\r\nHost: x\r\n"
			     "Content-Length: 2\r\n"
			     "Connection: close\r\n\r\nok",
			     &heard);
		ck_assert_ptr_nonnull(
			strstr(heard.p, "Content-Length: 2\r\n\r\n"));
		ck_assert_ptr_null(strstr(heard.p, "ok"));
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_client_that_waits_with_its_body_is_told_to_go_on)
	{
		struct buf heard = { 0 };
		int fd = say("POST / HTTP/1.1\r\nHost: x\r\n"
			     "Content-Length: 2\r\n"
			     "Expect: 100-continue\r\n\r\n");

		hear(fd, &heard, "HTTP/1.1 100 Continue\r\n\r\n");
		fixture_say(fd, "ok");
		hear(fd, &heard, "\r\n\r\nok");
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(an_old_client_is_answered_once)
	{
		struct buf heard = { 0 };

		say_and_hear("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
			     &heard);
		ck_assert_ptr_nonnull(strstr(heard.p, "Connection: close\r\n"));
		buf_deinit(&heard);
	}
END_TEST

/* ---- who leaves, half or whole ---- */

START_TEST(a_client_that_shut_its_half_still_gets_a_late_answer)
	{
		struct buf heard = { 0 };
		int fd = say(GET("/hold"));

		(void)shutdown(fd, SHUT_WR);
		wait_for(is_held);
		loop_wait(loop, 20);
		answer(held[--n_held], TEXT("late"));
		hear(fd, &heard, NULL);
		ck_assert_ptr_nonnull(strstr(heard.p, "\r\n\r\nlate"));
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_client_that_shut_its_half_gets_all_it_asked_for)
	{
		struct buf heard = { 0 };
		int fd = say(GET("/large") GET("/large") GET("/large")
				     GET("/large") "POST / HTTP/1.1\r\n"
						   "Host: x\r\n"
						   "Content-Length: 4\r\n\r\n"
						   "last");

		(void)shutdown(fd, SHUT_WR);
		hear(fd, &heard, NULL);
		ck_assert_uint_gt(heard.n, 4 * LARGE_BYTES);
		ck_assert_str_eq(heard.p + heard.n - 4, "last");
		ck_assert_int_eq(n_handled, 5);
		(void)close(fd);
		wait_for(is_empty);
		buf_deinit(&heard);
	}
END_TEST

static const char *const halves[] = {
	"",
	"GET / HT",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\no",
	GET("/stream"),
};

START_TEST(who_leaves_in_the_middle_leaves_nothing_behind)
	{
		struct buf heard = { 0 };
		int fd = say(halves[_i]);

		(void)shutdown(fd, SHUT_WR);
		hear(fd, &heard, NULL);
		ck_assert_int_eq(n_handled, strstr(halves[_i], "stream") != 0);
		(void)close(fd);
		wait_for(is_empty);
		buf_deinit(&heard);
	}
END_TEST

/* ---- who reads nothing ---- */

/* As much as the kernel takes, for some turns; gives how many were sent. */
static size_t ask_without_reading(int fd)
{
	static const char text[] = GET("/large");
	size_t n = 0;

	for (int i = 0; i < 200; i++) {
		while (send(fd, text, sizeof(text) - 1,
			    MSG_NOSIGNAL | MSG_DONTWAIT) ==
		       (ssize_t)sizeof(text) - 1)
			n++;
		loop_wait(loop, 1);
	}
	return n;
}

START_TEST(who_reads_no_answers_is_not_answered_for_ever)
	{
		static const int small = 4096;
		int fd = fixture_connect(port);
		size_t n_asked;

		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small,
				 sizeof(small));
		n_asked = ask_without_reading(fd);
		/* What both kernels hold, and a little of ours. */
		ck_assert_uint_gt(n_asked, 10000);
		ck_assert_int_lt(n_handled, 1000);
		(void)close(fd);
		wait_for(is_empty);
	}
END_TEST

/* More than is read ahead, behind what @path is asked for. */
static int flood(const char *path)
{
	static const char text[] = GET("/");
	struct buf all = { 0 };
	int fd;

	buf_printf(&all, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	while (all.n < (size_t)4 * (HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES))
		buf_text(&all, text);
	buf_add(&all, "", 1);
	fd = say(all.p);
	buf_deinit(&all);
	return fd;
}

static int n_ticks;

static void tick(void *arg)
{
	(void)arg;
	n_ticks++;
}

static bool has_ticked(void)
{
	return n_ticks >= 20;
}

START_TEST(who_sends_more_than_is_read_ahead_holds_nobody_up)
	{
		struct loop_source *timer = loop_timer(loop, 10, tick, NULL);
		struct buf heard = { 0 };
		int fd = flood("/hold");

		n_ticks = 0;
		wait_for(is_held);
		for (int i = 0; i < 20; i++)
			loop_wait(loop, 1); /* comes back */
		wait_for(has_ticked);
		ck_assert_int_eq(n_handled, 1);
		answer(held[--n_held], TEXT("late"));
		(void)shutdown(fd, SHUT_WR);
		hear(fd, &heard, NULL); /* all of them, in the end */
		ck_assert_int_gt(n_handled, 1000);
		(void)loop_source_free(timer);
		(void)close(fd);
		wait_for(is_empty);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(what_is_sent_to_a_stream_or_a_closed_door_is_dropped)
	{
		int streaming = flood("/stream"), closed = flood("nonsense");

		wait_for(is_streaming);
		for (int i = 0; i < 20; i++)
			loop_wait(loop, 1); /* comes back */
		(void)close(streaming);
		(void)close(closed);
		wait_for(is_empty);
		ck_assert_int_eq(n_handled, 1);
	}
END_TEST

/* ---- time ---- */

static const struct {
	const char *text, *wanted;
	struct http_timeouts timeouts;
} late[] = {
	/* Of each only one is short. */
	{ "", "", { 50, 60000, 60000, 60000, 60000 } },
	{ "GET / HTTP/1.1\r\nHos",
	  "HTTP/1.1 408 ",
	  { 50, 60000, 60000, 60000, 60000 } },
	{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\no",
	  "HTTP/1.1 408 ",
	  { 60000, 50, 60000, 60000, 60000 } },
	{ GET("/"), "HTTP/1.1 200 ", { 60000, 60000, 50, 60000, 60000 } },
	{ GET("/") "GET /",
	  "HTTP/1.1 408 ",
	  { 50, 60000, 60000, 60000, 60000 } },
};

START_TEST(who_takes_too_long_is_cut)
	{
		struct buf heard = { 0 };
		int fd;

		start(64, 64, &late[_i].timeouts);
		fd = say(late[_i].text);
		hear(fd, &heard, NULL);
		ck_assert_ptr_nonnull(strstr(heard.p, late[_i].wanted));
		(void)close(fd);
		wait_for(is_empty);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_byte_now_and_then_buys_no_time)
	{
		static const struct http_timeouts timeouts = { 300, 60000,
							       60000, 60000,
							       50 };
		int64_t until_ms = clock_now_ms() + FIXTURE_WAIT_MS;
		int64_t next_ms = 0;
		int fd;

		start(64, 64, &timeouts);
		fd = say("GET / HTTP/1.1\r\nA: ");
		turn();
		ck_assert_uint_eq(http_n_connections(http), 1);
		while (!is_empty()) {
			ck_assert_int_gt(clock_left_ms(until_ms), 0);
			if (clock_now_ms() >= next_ms) {
				(void)send(fd, "a", 1, MSG_NOSIGNAL);
				next_ms = clock_now_ms() + 10;
			}
			turn();
		}
		ck_assert_int_eq(last_status, 408);
		(void)close(fd);
	}
END_TEST

START_TEST(who_takes_nothing_of_an_answer_is_cut)
	{
		static const struct http_timeouts timeouts = { 60000, 60000,
							       60000, 100,
							       60000 };
		int fd;

		start(64, 64, &timeouts);
		fd = fixture_connect(port);
		(void)ask_without_reading(fd);
		wait_for(is_empty);
		(void)close(fd);
	}
END_TEST

START_TEST(who_does_not_leave_after_the_last_answer_is_cut)
	{
		static const struct http_timeouts timeouts = { 60000, 60000,
							       60000, 60000,
							       50 };
		struct buf heard = { 0 };
		int fd;

		start(64, 64, &timeouts);
		fd = say("nonsense\r\n\r\n");
		hear(fd, &heard, "HTTP/1.1 400 ");
		wait_for(is_empty);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_conn");
	TCase *tcase = check_case(suite, 30);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, requests_in_one_breath_are_answered_in_order);
	tcase_add_test(tcase, a_request_in_single_bytes_is_understood);
	tcase_add_loop_test(tcase,
			    what_is_refused_is_told_and_ends_the_connection, 0,
			    CHECK_N(refused));
	tcase_add_test(tcase, what_follows_a_refused_request_is_not_another);
	tcase_add_test(tcase, a_head_of_more_than_8_kibibytes_is_refused);
	tcase_add_test(tcase, head_answers_without_a_body);
	tcase_add_test(tcase,
		       a_client_that_waits_with_its_body_is_told_to_go_on);
	tcase_add_test(tcase, an_old_client_is_answered_once);
	tcase_add_test(tcase,
		       a_client_that_shut_its_half_still_gets_a_late_answer);
	tcase_add_test(tcase,
		       a_client_that_shut_its_half_gets_all_it_asked_for);
	tcase_add_loop_test(tcase,
			    who_leaves_in_the_middle_leaves_nothing_behind, 0,
			    CHECK_N(halves));
	tcase_add_test(tcase, who_reads_no_answers_is_not_answered_for_ever);
	tcase_add_test(tcase,
		       who_sends_more_than_is_read_ahead_holds_nobody_up);
	tcase_add_test(tcase,
		       what_is_sent_to_a_stream_or_a_closed_door_is_dropped);
	tcase_add_loop_test(tcase, who_takes_too_long_is_cut, 0, CHECK_N(late));
	tcase_add_test(tcase, a_byte_now_and_then_buys_no_time);
	tcase_add_test(tcase, who_takes_nothing_of_an_answer_is_cut);
	tcase_add_test(tcase, who_does_not_leave_after_the_last_answer_is_cut);
	return check_run(suite);
}
