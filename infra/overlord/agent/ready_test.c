/* SPDX-License-Identifier: MIT */
/* Ready: asked of a real probe, of a port where nobody listens, and of a
 * program that stands still. */
#include "infra/overlord/agent/ready.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/probe.h"

#define TIMEOUT_MS 20000

static struct loop *loop;
static struct ready ready;
static char reason[READY_REASON_BYTES];
static const char *trouble;

static const char *is_ready(void *arg)
{
	(void)arg;
	return trouble;
}

static void setup(void)
{
	ck_assert_int_eq(loop_new(&loop), 0);
	ready = (struct ready){ 0 };
	(void)memset(reason, 'x', sizeof(reason) - 1);
}

static void teardown(void)
{
	ready_end(&ready);
	loop = loop_free(loop);
}

static void ask(uint16_t port, int64_t timeout_ms)
{
	ready_ask(&ready, loop, port, timeout_ms);
	CHECK_WITHIN(TIMEOUT_MS, ready_heard(&ready, reason),
		     loop_wait(loop, 10));
	ck_assert(!ready_heard(&ready, reason));
}

static const char *const troubles[] = { NULL, "no session yet" };

START_TEST(a_probe_says_whether_it_is_ready_and_why_not)
	{
		static const struct probe_checks checks = { .ready = is_ready };
		char file[] = "/tmp/ready-test.XXXXXX";
		struct probe *probe;
		int fd = mkstemp(file);

		ck_assert_int_ge(fd, 0);
		(void)close(fd);
		ck_assert_int_eq(ready_port(file), 0);
		trouble = troubles[_i];
		ck_assert_int_eq(
			probe_new(&probe, loop, "127.0.0.1:0", file, &checks),
			0);
		ck_assert_int_gt(ready_port(file), 0);
		ask(ready_port(file), TIMEOUT_MS);
		ck_assert_str_eq(reason, trouble ? trouble : "");
		(void)probe_free(probe);
		(void)unlink(file);
	}
END_TEST

/* A socket of a port; nobody listens there, or nobody answers. */
static int open_port(bool listens, uint16_t *ret_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	*ret_port = ntohs(at.sin_port);
	if (listens)
		ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static const bool listening[] = { false, true };

START_TEST(one_that_does_not_answer_in_time_is_not_ready)
	{
		uint16_t port;
		int fd = open_port(listening[_i], &port);

		ask(port, 100);
		ck_assert_str_eq(reason, "it does not answer at /readyz");
		(void)close(fd);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ready");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_probe_says_whether_it_is_ready_and_why_not,
			    0, CHECK_N(troubles));
	tcase_add_loop_test(tcase,
			    one_that_does_not_answer_in_time_is_not_ready, 0,
			    CHECK_N(listening));
	return check_run(suite);
}
