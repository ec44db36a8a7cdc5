/* SPDX-License-Identifier: MIT */
/*
 * Client fixture: a server on a free port and its client, for tests.
 *
 * Client and server share the thread: the client never blocks, and each wait
 * runs the server by the function that the test gives, up to a deadline.
 */
#ifndef STOREFRONT_CLIENT_FIXTURE_H
#define STOREFRONT_CLIENT_FIXTURE_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/str.h"
#include "producers/storefront/http/http.h"

enum { FIXTURE_WAIT_MS = 10000 };

/* What the client got so far; the teardown frees it. */
static struct buf heard;

#define HEARD(what)                                                            \
	ck_assert_msg(strstr(heard.p, what), "no '%s' in '%s'", what, heard.p)

/* The port of a server on a free one; the rest of @params is the test's. */
static inline uint16_t fixture_serve(struct http **ret,
				     const struct http_params *params)
{
	char path[] = "/tmp/http_test.XXXXXX", text[16] = "";
	struct http_params with_port = *params;
	int64_t number;
	int fd = mkstemp(path);
	FILE *file;

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	with_port.address = "127.0.0.1:0";
	with_port.port_file = path;
	ck_assert_int_eq(http_new(ret, &with_port), 0);
	file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	(void)fclose(file);
	(void)unlink(path);
	ck_assert_int_eq(
		str_n_to_i64(&number, text, strlen(text) - 1, 1, UINT16_MAX),
		0);
	return (uint16_t)number;
}

static inline int fixture_connect(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void fixture_say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 (ssize_t)strlen(text));
}

/* Runs the server until @fn is true. */
static inline void fixture_wait(void (*turn)(void), bool (*fn)(void))
{
	int64_t deadline_at_ms = clock_now_ms() + FIXTURE_WAIT_MS;

	while (!fn()) {
		ck_assert_int_gt(clock_left_ms(deadline_at_ms), 0);
		turn();
	}
}

/*
 * Appends to @ret until @end has come, or, with @end NULL, until the server
 * hung up. @ret ends in a NUL.
 */
static inline void fixture_hear(int fd, void (*turn)(void), struct buf *ret,
				const char *end)
{
	int64_t deadline_at_ms = clock_now_ms() + FIXTURE_WAIT_MS;
	size_t n_end = end ? strlen(end) : 0, n_searched = 0;

	for (;;) {
		ssize_t n =
			recv(fd, buf_reserve(ret, 65536), 65535, MSG_DONTWAIT);

		ck_assert_msg(clock_left_ms(deadline_at_ms) > 0,
			      "'%s' does not come, only '%.1000s'",
			      end ? end : "the end", ret->p);
		if (n > 0)
			ret->n += (size_t)n;
		ret->p[ret->n] = '\0';
		if (end && strstr(ret->p + n_searched, end))
			return;
		n_searched = ret->n > n_end ? ret->n - n_end : 0;
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			ck_assert_msg(!end, "hung up before '%s'", end);
			return;
		}
		turn();
	}
}

#endif
