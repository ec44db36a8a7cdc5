/* SPDX-License-Identifier: MIT */
/*
 * Http: what a connection accepts, in which pieces and for how long; what the
 * server does to hostile clients; and what a handler can do with a request.
 *
 * The server's handler keeps requests for /keep until the test answers them,
 * streams to /stream, answers /large by 32 KiB and all else by the request's
 * body. Client and server share the thread.
 */
#include "producers/storefront/http/http.h"

#include <event2/buffer.h>
#include <event2/util.h>
#include <signal.h>

#include "infra/lib/check_fixture.h"
#include "producers/storefront/http/client_fixture.h"
#include "producers/storefront/http/conn.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(fields) "POST / HTTP/1.1\r\nHost: x\r\n" fields "\r\n"
#define X16(s) s s s s s s s s s s s s s s s s
#define LENGTH(n) "Content-Length: " #n "\r\n"

enum { KEPT_MAX = 8, LARGE_BYTES = 32768, LONG_MS = 60000 };

static struct loop *loop;
static struct http *http;
static struct http_request *kept[KEPT_MAX];
static size_t n_kept;
static struct http_stream *stream;
static int n_handled, n_drained, n_closed, n_timer;
static int last_status;
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

static void handle(void *arg, struct http_request *request)
{
	static const char large[LARGE_BYTES];
	static const struct http_stream_params params = {
		.type = "text/event-stream",
		.drained = on_drained,
		.closed = on_closed,
	};
	struct text path = http_request_head(request)->path;

	(void)arg;
	n_handled++;
	if (text_equal(path, TEXT("/keep")))
		kept[n_kept++] = request;
	else if (text_equal(path, TEXT("/stream")))
		stream = http_stream_begin(request, &params);
	else if (text_equal(path, TEXT("/large")))
		answer(request, (struct text){ large, sizeof(large) });
	else
		answer(request, http_request_body(request));
}

static void note_answered(void *arg, const struct http_answered *answered)
{
	(void)arg;
	last_status = answered->status;
}

static void start(int64_t connections_max, int64_t per_address_max,
		  const struct http_timeouts *timeouts)
{
	const struct http_params params = {
		.loop = loop,
		.connections_max = connections_max,
		.per_address_max = per_address_max,
		.timeouts = timeouts,
		.handle = handle,
		.answered = note_answered,
	};

	http = http_free(http);
	port = fixture_serve(&http, &params);
}

static void setup(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	n_kept = 0;
	n_handled = n_drained = n_closed = n_timer = last_status = 0;
	ck_assert_int_eq(loop_new(&loop), 0);
	start(64, 64, NULL);
}

static void teardown(void)
{
	while (n_kept)
		answer(kept[--n_kept], TEXT("late"));
	http = http_free(http);
	loop = loop_free(loop);
	buf_deinit(&heard);
}

static void turn(void)
{
	loop_wait(loop, 10);
}

static void hear(int fd, const char *end)
{
	fixture_hear(fd, turn, &heard, end);
}

static void wait_for(bool (*fn)(void))
{
	fixture_wait(turn, fn);
}

/* A connection on which @text was sent. */
static int say(const char *text)
{
	int fd = fixture_connect(port);

	fixture_say(fd, text);
	return fd;
}

static bool is_kept(void)
{
	return n_kept == 1;
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

static void close_and_wait(int fd)
{
	(void)close(fd);
	wait_for(is_empty);
}

/* ---- requests and answers ---- */

#define REFUSED "Connection: close\r\n", "{\"error\":\""

static const struct {
	const char *text;
	int n_handled;
	const char *answer[4];
	const char *no_answer;
} exchanges[] = {
	/* Several requests that arrive together; an empty line before one. */
	{ POST(LENGTH(1)) "a\r\n" POST(LENGTH(1)) "b" POST(
		  "Connection: close\r\n" LENGTH(1)) "c",
	  3,
	  { "\r\n\r\naHTTP/1.1 200", "\r\n\r\nbHTTP/1.1 200", "\r\n\r\nc" },
	  NULL },
	{ "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
	  "Connection: close\r\n\r\nok",
	  1,
	  { "Content-Length: 2\r\n\r\n" },
	  "ok" },
	{ "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n",
	  1,
	  { "text/event-stream\r\n" },
	  "Content-Length" },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	  1,
	  { "HTTP/1.1 200 ", "Connection: close\r\n" },
	  NULL },
	{ "GET / HTTP/1.1\r\n\r\n", 0, { "HTTP/1.1 400 ", REFUSED }, NULL },
	{ "GET / HTTP/1.1\nHost: x\n\n",
	  0,
	  { "HTTP/1.1 400 ", REFUSED },
	  NULL },
	{ "\n" GET("/"), 0, { "HTTP/1.1 400 ", REFUSED }, NULL },
	{ POST(LENGTH(16385)), 0, { "HTTP/1.1 413 ", REFUSED }, NULL },
	{ POST("Transfer-Encoding: chunked\r\n") "5;a="
						 "b\r\nhello\r\n0\r\nTrailer: "
						 "x\r\n\r\n",
	  0,
	  { "HTTP/1.1 411 ", REFUSED },
	  NULL },
	/* A head of more than 8 KiB. */
	{ "GET / HTTP/1.1\r\nHost: x\r\nA: " X16(X16(X16("aa"))),
	  0,
	  { "HTTP/1.1 431 ", REFUSED },
	  NULL },
	/* What follows a refused request is not another one. */
	{ POST(LENGTH(30) LENGTH(0)) GET("/keep"),
	  0,
	  { "HTTP/1.1 400 ", REFUSED },
	  "HTTP/1.1 200 " },
};

START_TEST(a_client_gets_the_answers_to_its_requests)
	{
		int fd = say(exchanges[_i].text);

		hear(fd, NULL);
		for (int i = 0; i < 4 && exchanges[_i].answer[i]; i++)
			ck_assert_msg(strstr(heard.p, exchanges[_i].answer[i]),
				      "no '%s' in '%s'",
				      exchanges[_i].answer[i], heard.p);
		if (exchanges[_i].no_answer)
			ck_assert_ptr_null(
				strstr(heard.p, exchanges[_i].no_answer));
		ck_assert_int_eq(n_handled, exchanges[_i].n_handled);
		close_and_wait(fd);
	}
END_TEST

START_TEST(a_request_in_single_bytes_is_understood)
	{
		static const char text[] = POST(LENGTH(2)) "ok";
		int fd = fixture_connect(port);

		for (size_t i = 0; i < sizeof(text) - 1; i++) {
			ck_assert_int_eq(send(fd, text + i, 1, MSG_NOSIGNAL),
					 1);
			loop_wait(loop, 1);
		}
		hear(fd, "\r\n\r\nok");
		(void)close(fd);
	}
END_TEST

START_TEST(a_client_that_waits_with_its_body_is_asked_to_go_on)
	{
		int fd = say(POST(LENGTH(2) "Expect: 100-continue\r\n"));

		hear(fd, "HTTP/1.1 100 Continue\r\n\r\n");
		fixture_say(fd, "ok");
		hear(fd, "\r\n\r\nok");
		(void)close(fd);
	}
END_TEST

/* ---- clients that leave, half or whole ---- */

START_TEST(an_answer_to_a_client_that_has_gone_is_dropped)
	{
		static const struct linger reset = { 1, 0 };
		int fd = say(GET("/keep"));

		wait_for(is_kept);
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset,
				 sizeof(reset));
		close_and_wait(fd);
		answer(kept[--n_kept], TEXT("late"));
	}
END_TEST

START_TEST(a_client_that_shut_its_half_still_gets_a_late_answer)
	{
		int fd = say(GET("/keep"));

		(void)shutdown(fd, SHUT_WR);
		wait_for(is_kept);
		loop_wait(loop, 20);
		answer(kept[--n_kept], TEXT("late"));
		hear(fd, NULL);
		HEARD("\r\n\r\nlate");
		(void)close(fd);
	}
END_TEST

START_TEST(a_client_that_shut_its_half_gets_all_it_asked_for)
	{
		int fd = say(GET("/large") GET("/large") GET("/large")
				     GET("/large") POST(LENGTH(4)) "last");

		(void)shutdown(fd, SHUT_WR);
		hear(fd, NULL);
		ck_assert_uint_gt(heard.n, 4 * LARGE_BYTES);
		ck_assert_str_eq(heard.p + heard.n - 4, "last");
		ck_assert_int_eq(n_handled, 5);
		close_and_wait(fd);
	}
END_TEST

static const char *const halves[] = { "", "GET / HT", POST(LENGTH(2)) "o",
				      GET("/stream") };

START_TEST(a_client_that_leaves_in_the_middle_leaves_nothing_behind)
	{
		int fd = say(halves[_i]);

		(void)shutdown(fd, SHUT_WR);
		hear(fd, NULL);
		ck_assert_int_eq(n_handled, strstr(halves[_i], "stream") != 0);
		close_and_wait(fd);
	}
END_TEST

START_TEST(draining_answers_those_who_wait_and_accepts_nobody_else)
	{
		int busy = say(GET("/keep")), idle = fixture_connect(port);

		wait_for(is_kept);
		http_drain(http);
		hear(idle, NULL);
		ck_assert_uint_eq(heard.n, 0);
		answer(kept[--n_kept], TEXT("late"));
		hear(busy, NULL);
		HEARD("Connection: close\r\n");
		HEARD("late");
		(void)close(busy);
		close_and_wait(idle);
	}
END_TEST

/* ---- streams ---- */

static void send_event(void)
{
	struct evbuffer *event = evbuffer_new();

	(void)evbuffer_add(event, "data: 1\n\n", 9);
	http_stream_send(stream, event);
	evbuffer_free(event);
}

START_TEST(a_stream_goes_on_until_its_client_leaves)
	{
		int fd = say(GET("/stream"));

		wait_for(is_streaming);
		send_event();
		hear(fd, "data: 1\n\n");
		/* nginx passes it on at once only when this field says so. */
		HEARD("X-Accel-Buffering: no\r\n");
		ck_assert_int_ge(n_drained, 1);
		fixture_say(fd, "whatever a client says now is dropped");
		(void)close(fd);
		wait_for(is_closed);
		ck_assert_ptr_null(stream);
	}
END_TEST

START_TEST(a_stream_that_is_ended_sends_what_it_has)
	{
		int fd = say(GET("/stream"));

		wait_for(is_streaming);
		send_event();
		http_stream_end(stream);
		stream = NULL;
		hear(fd, NULL);
		HEARD("data: 1\n\n");
		ck_assert_int_eq(n_closed, 0);
		(void)close(fd);
	}
END_TEST

/* ---- clients that read nothing, or send too much ---- */

/* As much as the kernel accepts, for some turns; gives how many were sent. */
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

START_TEST(a_client_that_reads_no_answers_is_not_answered_for_ever)
	{
		static const int small = 4096;
		int fd = fixture_connect(port);
		size_t n_asked;

		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small,
				 sizeof(small));
		n_asked = ask_without_reading(fd);
		/* What both kernels keep, and a little of ours. */
		ck_assert_uint_gt(n_asked, 10000);
		ck_assert_int_lt(n_handled, 1000);
		close_and_wait(fd);
	}
END_TEST

/* More than is read ahead, behind what @path is asked for. */
static int flood(const char *path)
{
	struct buf all = { 0 };
	int fd;

	buf_printf(&all, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	while (all.n < (size_t)4 * (HTTP_HEAD_MAX_BYTES + HTTP_BODY_MAX_BYTES))
		buf_text(&all, GET("/"));
	buf_add(&all, "", 1);
	fd = say(all.p);
	buf_deinit(&all);
	return fd;
}

static void on_timer(void *arg)
{
	(void)arg;
	n_timer++;
}

static bool timer_has_run(void)
{
	return n_timer >= 20;
}

START_TEST(a_client_that_sends_more_than_is_read_ahead_stops_nobody)
	{
		struct loop_source *timer =
			loop_timer(loop, 10, on_timer, NULL);
		int fd = flood("/keep");

		wait_for(is_kept);
		for (int i = 0; i < 20; i++)
			loop_wait(loop, 1); /* comes back */
		wait_for(timer_has_run);
		ck_assert_int_eq(n_handled, 1);
		answer(kept[--n_kept], TEXT("late"));
		(void)shutdown(fd, SHUT_WR);
		hear(fd, NULL); /* all of them, in the end */
		ck_assert_int_gt(n_handled, 1000);
		(void)loop_source_free(timer);
		close_and_wait(fd);
	}
END_TEST

START_TEST(what_is_sent_to_a_stream_or_a_closed_connection_is_dropped)
	{
		int streaming = flood("/stream"), closed = flood("nonsense");

		wait_for(is_streaming);
		for (int i = 0; i < 20; i++)
			loop_wait(loop, 1); /* comes back */
		(void)close(streaming);
		close_and_wait(closed);
		ck_assert_int_eq(n_handled, 1);
	}
END_TEST

/* ---- time ---- */

static const struct {
	const char *text, *answer;
	struct http_timeouts timeouts; /* of each only one is short */
} late[] = {
	{ "", "", { 50, LONG_MS, LONG_MS, LONG_MS, LONG_MS } },
	{ "GET / HTTP/1.1\r\nHos",
	  "HTTP/1.1 408 ",
	  { 50, LONG_MS, LONG_MS, LONG_MS, LONG_MS } },
	{ POST(LENGTH(2)) "o",
	  "HTTP/1.1 408 ",
	  { LONG_MS, 50, LONG_MS, LONG_MS, LONG_MS } },
	{ GET("/"),
	  "HTTP/1.1 200 ",
	  { LONG_MS, LONG_MS, 50, LONG_MS, LONG_MS } },
	{ GET("/") "GET /",
	  "HTTP/1.1 408 ",
	  { 50, LONG_MS, LONG_MS, LONG_MS, LONG_MS } },
};

START_TEST(a_client_that_is_too_slow_is_cut)
	{
		int fd;

		start(64, 64, &late[_i].timeouts);
		fd = say(late[_i].text);
		hear(fd, NULL);
		HEARD(late[_i].answer);
		close_and_wait(fd);
	}
END_TEST

START_TEST(a_byte_now_and_then_buys_no_time)
	{
		static const struct http_timeouts timeouts = { 300, LONG_MS,
							       LONG_MS, LONG_MS,
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

START_TEST(a_client_that_accepts_nothing_of_an_answer_is_cut)
	{
		static const struct http_timeouts timeouts = { LONG_MS, LONG_MS,
							       LONG_MS, 100,
							       LONG_MS };
		int fd;

		start(64, 64, &timeouts);
		fd = fixture_connect(port);
		(void)ask_without_reading(fd);
		wait_for(is_empty);
		(void)close(fd);
	}
END_TEST

START_TEST(a_client_that_stays_after_the_last_answer_is_cut)
	{
		static const struct http_timeouts timeouts = { LONG_MS, LONG_MS,
							       LONG_MS, LONG_MS,
							       50 };
		int fd;

		start(64, 64, &timeouts);
		fd = say("nonsense\r\n\r\n");
		hear(fd, "HTTP/1.1 400 ");
		wait_for(is_empty);
		(void)close(fd);
	}
END_TEST

/* ---- how many ---- */

START_TEST(at_the_limit_of_connections_a_client_waits_for_a_place)
	{
		int first, second;

		start(1, 64, NULL);
		first = say(GET("/"));
		hear(first, "200 OK");
		second = say(GET("/")); /* connected by the kernel only */
		for (int i = 0; i < 10; i++)
			turn();
		ck_assert_uint_eq(http_n_connections(http), 1);
		ck_assert_int_eq(n_handled, 1);
		(void)close(first);
		buf_reset(&heard);
		hear(second, "200 OK");
		(void)close(second);
	}
END_TEST

START_TEST(one_address_gets_no_more_than_its_share)
	{
		int first, second;

		start(64, 1, NULL);
		first = fixture_connect(port);
		second = fixture_connect(port);
		hear(second, NULL); /* cut at once */
		ck_assert_uint_eq(heard.n, 0);
		ck_assert_uint_eq(http_n_connections(http), 1);
		ck_assert_int_eq(last_status, 503);
		(void)close(second);
		close_and_wait(first);
		second = say(GET("/"));
		hear(second, "200 OK");
		(void)close(second);
	}
END_TEST

static const char *const wrong[] = { "x", "127.0.0.1", "127.0.0.1:99999",
				     "192.0.2.1:0" };

START_TEST(an_address_that_is_not_ours_is_an_outcome)
	{
		const struct http_params params = {
			.loop = loop,
			.address = wrong[_i],
			.port_file = "",
			.handle = handle,
			.answered = note_answered,
		};
		struct http *other = NULL;

		ck_assert_int_eq(http_new(&other, &params), HTTP_E_ADDRESS);
		ck_assert_ptr_null(other);
	}
END_TEST

static struct http_caller caller_of(const char *text)
{
	struct sockaddr_storage address = { 0 };
	int n = sizeof(address);
	void *p = &address;

	ck_assert_int_eq(evutil_parse_sockaddr_port(text, p, &n), 0);
	return http_caller_of(p);
}

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true },
	{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
	{ "192.0.2.1", "2001:db8::1", false },
};

START_TEST(a_network_of_an_ipv6_host_is_one_caller)
	{
		struct http_caller a = caller_of(pairs[_i].a);
		struct http_caller b = caller_of(pairs[_i].b);

		ck_assert_int_eq(a.n == b.n && !memcmp(a.bytes, b.bytes, a.n),
				 pairs[_i].same);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http");
	TCase *tcase = check_case(suite, 30);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_client_gets_the_answers_to_its_requests, 0,
			    CHECK_N(exchanges));
	tcase_add_test(tcase, a_request_in_single_bytes_is_understood);
	tcase_add_test(tcase,
		       a_client_that_waits_with_its_body_is_asked_to_go_on);
	tcase_add_test(tcase, an_answer_to_a_client_that_has_gone_is_dropped);
	tcase_add_test(tcase,
		       a_client_that_shut_its_half_still_gets_a_late_answer);
	tcase_add_test(tcase,
		       a_client_that_shut_its_half_gets_all_it_asked_for);
	tcase_add_loop_test(
		tcase, a_client_that_leaves_in_the_middle_leaves_nothing_behind,
		0, CHECK_N(halves));
	tcase_add_test(tcase,
		       draining_answers_those_who_wait_and_accepts_nobody_else);
	tcase_add_test(tcase, a_stream_goes_on_until_its_client_leaves);
	tcase_add_test(tcase, a_stream_that_is_ended_sends_what_it_has);
	tcase_add_test(tcase,
		       a_client_that_reads_no_answers_is_not_answered_for_ever);
	tcase_add_test(
		tcase,
		a_client_that_sends_more_than_is_read_ahead_stops_nobody);
	tcase_add_test(
		tcase,
		what_is_sent_to_a_stream_or_a_closed_connection_is_dropped);
	tcase_add_loop_test(tcase, a_client_that_is_too_slow_is_cut, 0,
			    CHECK_N(late));
	tcase_add_test(tcase, a_byte_now_and_then_buys_no_time);
	tcase_add_test(tcase,
		       a_client_that_accepts_nothing_of_an_answer_is_cut);
	tcase_add_test(tcase, a_client_that_stays_after_the_last_answer_is_cut);
	tcase_add_test(tcase,
		       at_the_limit_of_connections_a_client_waits_for_a_place);
	tcase_add_test(tcase, one_address_gets_no_more_than_its_share);
	tcase_add_loop_test(tcase, an_address_that_is_not_ours_is_an_outcome, 0,
			    CHECK_N(wrong));
	tcase_add_loop_test(tcase, a_network_of_an_ipv6_host_is_one_caller, 0,
			    CHECK_N(pairs));
	return check_run(suite);
}
