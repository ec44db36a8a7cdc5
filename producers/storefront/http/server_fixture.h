/* SPDX-License-Identifier: MIT */
/*
 * Http fixture: a server on a free port and its clients in one thread, for
 * tests.
 *
 * /hold waits for the test, /stream streams, /large answers 32 KiB, all else
 * answers its body.
 */
#ifndef STOREFRONT_HTTP_FIXTURE_H
#define STOREFRONT_HTTP_FIXTURE_H

#include <check.h>
#include <signal.h>

#include "producers/storefront/http/client_fixture.h"
#include "producers/storefront/http/http.h"

enum { HELD_MAX = 8, LARGE_BYTES = 32768 };

static struct loop *loop;
static struct http *http;
static struct http_request *held[HELD_MAX];
static size_t n_held;
static struct http_stream *stream;
static int n_handled, n_drained, n_closed;
static int last_status;
static uint16_t port;

static inline void on_drained(void *arg)
{
	(void)arg;
	n_drained++;
}

static inline void on_closed(void *arg)
{
	(void)arg;
	stream = NULL;
	n_closed++;
}

static inline void answer(struct http_request *request, struct text text)
{
	const struct http_reply reply = {
		.status = 200,
		.type = "text/plain",
		.body = text.p,
		.n_body = text.n,
	};

	http_reply(request, &reply);
}

static inline void handle(void *arg, struct http_request *request)
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
	if (text_equal(path, TEXT("/hold")))
		held[n_held++] = request;
	else if (text_equal(path, TEXT("/stream")))
		stream = http_stream_begin(request, &params);
	else if (text_equal(path, TEXT("/large")))
		answer(request, (struct text){ large, sizeof(large) });
	else
		answer(request, http_request_body(request));
}

static inline void count(void *arg, const struct http_answered *answered)
{
	(void)arg;
	last_status = answered->status;
}

static inline void start(int64_t connections_max, int64_t per_address_max,
			 const struct http_timeouts *timeouts)
{
	struct fixture_port file;
	struct http_params params = {
		.loop = loop,
		.address = "127.0.0.1:0",
		.port_file = file.path,
		.connections_max = connections_max,
		.per_address_max = per_address_max,
		.timeouts = timeouts,
		.handle = handle,
		.answered = count,
	};

	http = http_free(http);
	fixture_port_init(&file);
	ck_assert_int_eq(http_new(&http, &params), 0);
	port = fixture_port_read(&file);
}

static inline void setup(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	n_held = 0;
	n_handled = n_drained = n_closed = last_status = 0;
	ck_assert_int_eq(loop_new(&loop), 0);
	start(64, 64, NULL);
}

static inline void teardown(void)
{
	while (n_held)
		answer(held[--n_held], TEXT("late"));
	http = http_free(http);
	loop = loop_free(loop);
}

static inline void turn(void)
{
	loop_wait(loop, 10);
}

static inline void hear(int fd, struct buf *ret, const char *end)
{
	fixture_hear(fd, turn, ret, end);
}

static inline void wait_for(bool (*fn)(void))
{
	fixture_wait(turn, fn);
}

/* A connection that has said @text. */
static inline int say(const char *text)
{
	int fd = fixture_connect(port);

	fixture_say(fd, text);
	return fd;
}

/* What is answered to @text until the server hangs up. */
static inline void say_and_hear(const char *text, struct buf *ret)
{
	int fd = say(text);

	hear(fd, ret, NULL);
	(void)close(fd);
}

static inline bool is_held(void)
{
	return n_held == 1;
}

static inline bool is_streaming(void)
{
	return stream != NULL;
}

static inline bool is_closed(void)
{
	return n_closed == 1;
}

static inline bool is_empty(void)
{
	return http_n_connections(http) == 0;
}

#endif
