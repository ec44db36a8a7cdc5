/* SPDX-License-Identifier: MIT */
/*
 * Http: the server over real sockets. Server and clients share the thread: a
 * client never blocks, and every wait turns the server's loop and has a
 * deadline.
 */
#include "producers/storefront/http.h"

#include <check.h>
#include <signal.h>

#include "infra/lib/check_fixture.h"
#include "producers/storefront/fixture.h"

enum { HELD_MAX = 8 };

static struct loop *loop;
static struct http *http;
static struct http_request *held[HELD_MAX];
static size_t n_held;
static struct http_stream *stream;
static int n_drained, n_closed;
static uint16_t port;

static void on_drained(void *arg)
{
	(void)arg;
	n_drained++;
}

static void on_closed(void *arg)
{
	(void)arg;
	stream = NULL;
	n_closed++;
}

static void answer(struct http_request *request, struct text text)
{
	const struct http_reply reply = {
		.status = 200,
		.type = "text/plain",
		.body = text.p,
		.n_body = text.n,
	};

	http_reply(request, &reply);
}

/* /hold waits for the test, /stream streams, all else answers its body. */
static void handle(void *arg, struct http_request *request)
{
	static const struct http_stream_params params = {
		.type = "text/event-stream",
		.drained = on_drained,
		.closed = on_closed,
	};
	struct text path = http_request_head(request)->path;

	(void)arg;
	if (text_equal(path, TEXT("/hold")))
		held[n_held++] = request;
	else if (text_equal(path, TEXT("/stream")))
		stream = http_stream_begin(request, &params);
	else
		answer(request, http_request_body(request));
}

static void count(void *arg, int tag, int status)
{
	(void)arg;
	(void)tag;
	(void)status;
}

static void start(int64_t connections_max, int64_t per_address_max)
{
	struct fixture_port file;
	struct http_params params = {
		.loop = loop,
		.address = "127.0.0.1:0",
		.port_file = file.path,
		.connections_max = connections_max,
		.per_address_max = per_address_max,
		.handle = handle,
		.answered = count,
	};

	fixture_port_init(&file);
	ck_assert_int_eq(http_new(&http, &params), 0);
	port = fixture_port_read(&file);
}

static void setup(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	n_held = 0;
	n_drained = n_closed = 0;
	ck_assert_int_eq(loop_new(&loop), 0);
	start(64, 64);
}

static void teardown(void)
{
	while (n_held)
		answer(held[--n_held], TEXT("late"));
	http = http_free(http);
	loop = loop_free(loop);
}

static void turn(void)
{
	loop_wait(loop, 10);
}

static int client(void)
{
	return fixture_connect(port);
}

static void say(int fd, const char *text)
{
	fixture_say(fd, text);
}

static void hear(int fd, struct buf *ret, const char *end)
{
	fixture_hear(fd, turn, ret, end);
}

static void wait_for(bool (*fn)(void))
{
	fixture_wait(turn, fn);
}

/* One connection: says @text, hears @wanted. */
static void assert_answer(const char *text, const char *wanted)
{
	struct buf heard = { 0 };
	int fd = client();

	say(fd, text);
	hear(fd, &heard, wanted);
	(void)close(fd);
	buf_deinit(&heard);
}

static bool is_held(void)
{
	return n_held == 1;
}

static bool is_streaming(void)
{
	return stream != NULL;
}

static bool is_closed(void)
{
	return n_closed == 1;
}

static bool is_empty(void)
{
	return http_n_connections(http) == 0;
}

START_TEST(a_body_is_heard_and_answered)
	{
		assert_answer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "
			      "5\r\n\r\n"
			      "hello",
			      "Content-Length: 5\r\n\r\nhello");
	}
END_TEST

START_TEST(requests_in_one_breath_are_answered_in_order)
	{
		struct buf heard = { 0 };
		int fd = client();

		say(fd,
		    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
		    "\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: "
		    "1\r\n\r\nb"
		    "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		    "Content-Length: 1\r\n\r\nc");
		hear(fd, &heard, NULL);
		ck_assert_ptr_nonnull(strstr(heard.p, "\r\n\r\naHTTP/1.1 200"));
		ck_assert_ptr_nonnull(strstr(heard.p, "\r\n\r\nbHTTP/1.1 200"));
		ck_assert_ptr_nonnull(strstr(heard.p, "\r\n\r\nc"));
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_request_in_single_bytes_is_understood)
	{
		static const char text[] = "POST / HTTP/1.1\r\nHost: "
					   "x\r\nContent-Length: 2\r\n\r\nok";
		struct buf heard = { 0 };
		int fd = client();

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
	{ "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n",
	  "HTTP/1.1 413 " },
	{ "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
	  "HTTP/1.1 411 " },
	{ "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 " },
};

START_TEST(what_is_refused_is_told_and_ends_the_connection)
	{
		struct buf heard = { 0 };
		int fd = client();

		say(fd, refused[_i].text);
		hear(fd, &heard, NULL);
		ck_assert_ptr_nonnull(strstr(heard.p, refused[_i].wanted));
		ck_assert_ptr_nonnull(strstr(heard.p, "Connection: close\r\n"));
		(void)close(fd);
		wait_for(is_empty);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_head_of_more_than_8_kibibytes_is_refused)
	{
		struct buf text = { 0 };

		buf_text(&text, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
		while (text.n <= HTTP_HEAD_MAX_BYTES)
			buf_text(&text, "aaaaaaaaaaaaaaaa");
		buf_add(&text, "", 1);
		assert_answer(text.p, "HTTP/1.1 431 ");
		buf_deinit(&text);
	}
END_TEST

START_TEST(head_answers_without_a_body)
	{
		struct buf heard = { 0 };
		int fd = client();

		say(fd, "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
			"Connection: close\r\n\r\nok");
		hear(fd, &heard, NULL);
		ck_assert_ptr_nonnull(
			strstr(heard.p, "Content-Length: 2\r\n\r\n"));
		ck_assert_ptr_null(strstr(heard.p, "ok"));
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_client_that_waits_with_its_body_is_told_to_go_on)
	{
		struct buf heard = { 0 };
		int fd = client();

		say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
			"Expect: 100-continue\r\n\r\n");
		hear(fd, &heard, "HTTP/1.1 100 Continue\r\n\r\n");
		say(fd, "ok");
		hear(fd, &heard, "\r\n\r\nok");
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_client_that_shut_its_half_still_gets_its_answer)
	{
		struct buf heard = { 0 };
		int fd = client();

		say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
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

START_TEST(an_answer_to_a_client_that_has_gone_is_dropped)
	{
		static const struct linger reset = { 1, 0 };
		int fd = client();

		say(fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
		wait_for(is_held);
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
				 sizeof(reset));
		(void)close(fd);
		wait_for(is_empty);
		answer(held[--n_held], TEXT("late"));
	}
END_TEST

START_TEST(no_more_connections_than_the_limit_are_taken)
	{
		struct buf heard = { 0 };
		int first, second;

		http = http_free(http);
		start(1, 64);
		first = client();
		say(first, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
		hear(first, &heard, "200 OK");
		second = client(); /* by the kernel only */
		say(second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
		for (int i = 0; i < 10; i++)
			loop_wait(loop, 10);
		ck_assert_uint_eq(http_n_connections(http), 1);
		(void)close(first);
		buf_reset(&heard);
		hear(second, &heard, "200 OK");
		(void)close(second);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(one_address_gets_no_more_than_its_share)
	{
		struct buf heard = { 0 };
		int first, second;

		http = http_free(http);
		start(64, 1);
		first = client();
		second = client();
		hear(second, &heard, NULL); /* cut at once */
		ck_assert_uint_eq(heard.n, 0);
		ck_assert_uint_eq(http_n_connections(http), 1);
		(void)close(first);
		(void)close(second);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_stream_goes_on_until_its_client_leaves)
	{
		struct buf heard = { 0 };
		struct blob *blob = blob_new("data: 1\n\n", 9);
		int fd = client();

		say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
		wait_for(is_streaming);
		http_stream_send(stream, blob);
		(void)blob_drop(blob);
		hear(fd, &heard, "data: 1\n\n");
		ck_assert_int_ge(n_drained, 1);
		say(fd, "whatever a client says now is dropped");
		(void)close(fd);
		wait_for(is_closed);
		ck_assert_ptr_null(stream);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(a_stream_that_is_ended_sends_what_it_has)
	{
		struct buf heard = { 0 };
		struct blob *blob = blob_new("data: 1\n\n", 9);
		int fd = client();

		say(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
		wait_for(is_streaming);
		http_stream_send(stream, blob);
		(void)blob_drop(blob);
		http_stream_end(stream);
		stream = NULL;
		hear(fd, &heard, NULL);
		ck_assert_ptr_nonnull(strstr(heard.p, "data: 1\n\n"));
		ck_assert_int_eq(n_closed, 0);
		(void)close(fd);
		buf_deinit(&heard);
	}
END_TEST

START_TEST(draining_answers_who_waits_and_takes_nobody_else)
	{
		struct buf heard = { 0 };
		int busy = client(), idle = client();

		say(busy, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
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
	TCase *tcase = tcase_create("http");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_body_is_heard_and_answered);
	tcase_add_test(tcase, requests_in_one_breath_are_answered_in_order);
	tcase_add_test(tcase, a_request_in_single_bytes_is_understood);
	tcase_add_loop_test(tcase,
			    what_is_refused_is_told_and_ends_the_connection, 0,
			    CHECK_N(refused));
	tcase_add_test(tcase, a_head_of_more_than_8_kibibytes_is_refused);
	tcase_add_test(tcase, head_answers_without_a_body);
	tcase_add_test(tcase,
		       a_client_that_waits_with_its_body_is_told_to_go_on);
	tcase_add_test(tcase,
		       a_client_that_shut_its_half_still_gets_its_answer);
	tcase_add_test(tcase, an_answer_to_a_client_that_has_gone_is_dropped);
	tcase_add_test(tcase, no_more_connections_than_the_limit_are_taken);
	tcase_add_test(tcase, one_address_gets_no_more_than_its_share);
	tcase_add_test(tcase, a_stream_goes_on_until_its_client_leaves);
	tcase_add_test(tcase, a_stream_that_is_ended_sends_what_it_has);
	tcase_add_test(tcase, draining_answers_who_waits_and_takes_nobody_else);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}
