/* SPDX-License-Identifier: MIT */
/*
 * Probe: asked over a real socket. The test is the client in one thread with
 * the loop: it sends, turns the loop, and reads what has come.
 */
#include "infra/lib/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/counters.h"
#include "infra/lib/text/str.h"

#define DEADLINE_MS 5000

static struct loop *loop;
static struct probe *probe;
static uint16_t port;
static const char *trouble;
static char port_file[] = "/tmp/probe-test.XXXXXX";

static const char *well(void *arg)
{
	(void)arg;
	return NULL;
}

static const char *as_it_is(void *arg)
{
	return *(const char **)arg;
}

static const struct probe_checks checks = {
	.live = well,
	.ready = as_it_is,
	.started = as_it_is,
	.arg = (void *)&trouble,
};

static void setup(void)
{
	FILE *file;
	int fd = mkstemp(port_file);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	counters_init("1", "blue");
	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(
		probe_new(&probe, loop, "127.0.0.1:0", port_file, &checks), 0);
	file = fopen(port_file, "re");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%hu", &port), 1);
	(void)fclose(file);
	ck_assert_uint_gt(port, 0);
}

static void teardown(void)
{
	probe = probe_free(probe);
	loop = loop_free(loop);
	(void)unlink(port_file);
}

/* The whole answer to one request, after which the server hangs up. */
static char answer[65536];

static void ask(const char *method, const char *path)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char request[256];
	size_t n = 0;
	ssize_t got = -1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)snprintf(request, sizeof(request),
		       "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		       method, path);
	ck_assert_int_gt(write(fd, request, strlen(request)), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_WITHIN(DEADLINE_MS, got == 0, {
		loop_wait(loop, 10);
		got = read(fd, answer + n, sizeof(answer) - 1 - n);
		ck_assert(got >= 0 || errno == EAGAIN);
		n += got > 0 ? (size_t)got : 0;
	});
	answer[n] = '\0';
	(void)close(fd);
}

/* What is wrong, what is asked, and the answer; NULL: nothing, any text. */
static const struct {
	const char *trouble, *method, *path, *status, *body;
} asked[] = {
	{ NULL, "GET", "/livez", "200", "ok" },
	{ NULL, "GET", "/readyz", "200", "ok" },
	{ NULL, "GET", "/startupz", "200", "ok" },
	{ NULL, "GET", "/readyz?verbose", "200", "ok" },
	{ "no session", "GET", "/readyz", "503", "no session" },
	{ "no session", "GET", "/livez", "200", "ok" },
	{ NULL, "GET", "/etc/passwd", "404", "not found" },
	{ NULL, "POST", "/livez", "501", NULL },
};

START_TEST(a_check_is_200_or_503_and_anything_else_is_refused)
	{
		const char *end;

		trouble = asked[_i].trouble;
		ask(asked[_i].method, asked[_i].path);
		end = strstr(answer, "\r\n\r\n");
		ck_assert_msg(end && !strncmp(answer + strlen("HTTP/1.1 "),
					      asked[_i].status, 3),
			      "%s", answer);
		if (asked[_i].body)
			ck_assert_str_eq(end + 4, asked[_i].body);
	}
END_TEST

START_TEST(metrics_are_the_counters_text)
	{
		static struct counter row = {
			"toasties_total", "", "toasties made",
			KIND_COUNTER,     5,  { 0 }
		};

		counters_register(&row, 1);
		ask("GET", "/metrics");
		ck_assert_int_eq(strncmp(answer, "HTTP/1.1 200", 12), 0);
		ck_assert_ptr_nonnull(
			strstr(answer, "# HELP toasties_total toasties made\n"
				       "# TYPE toasties_total counter\n"
				       "toasties_total 5\n"));
		ck_assert_ptr_nonnull(strstr(answer, "version=0.0.4"));
	}
END_TEST

START_TEST(an_address_that_is_taken_is_an_outcome)
	{
		struct probe *second = NULL;
		char address[32];

		(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
		ck_assert_int_eq(probe_new(&second, loop, address, "", &checks),
				 PROBE_E_ADDRESS);
		ck_assert_int_eq(errno, EADDRINUSE);
		ck_assert_ptr_null(second);
	}
END_TEST

START_TEST(a_port_file_that_cannot_be_written_is_a_fault)
	{
		ck_assert_int_eq(probe_write_port("/nowhere/at/all", 1),
				 -ENOENT);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("probe");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase,
			    a_check_is_200_or_503_and_anything_else_is_refused,
			    0, CHECK_N(asked));
	tcase_add_test(tcase, metrics_are_the_counters_text);
	tcase_add_test(tcase, an_address_that_is_taken_is_an_outcome);
	tcase_add_test(tcase, a_port_file_that_cannot_be_written_is_a_fault);
	return check_run(suite);
}
