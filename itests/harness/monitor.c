/* SPDX-License-Identifier: MIT */
/* What the thread has seen is read once it ended. */
#include "itests/harness/monitor.h"

#include <check.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/http.h"

#define ASK_EVERY_MS 20
#define ANSWER_MS 5000

struct monitor {
	const struct program *program;
	uint16_t port;
	pthread_t thread;
	atomic_bool over;
	bool joined;
	int64_t n_answers, n_unready;
	char reason[256]; /* the first one */
};

static void ask(struct monitor *monitor)
{
	struct http_answer answer;
	bool none = http_get(&answer, monitor->port, "/readyz", ANSWER_MS) != 0;
	const char *said = none ? "no answer" : answer.body;

	monitor->n_answers++;
	if ((none || answer.status != 200) && !monitor->n_unready++)
		(void)str_n_copy(monitor->reason, sizeof(monitor->reason), said,
				 strcspn(said, "\r\n"));
	if (!none)
		http_answer_deinit(&answer);
}

static void *watch_program(void *arg)
{
	struct monitor *monitor = arg;

	do {
		ask(monitor);
		(void)poll(NULL, 0, ASK_EVERY_MS);
	} while (!monitor->over);
	return NULL;
}

struct monitor *monitor_new(const struct program *program)
{
	struct monitor *monitor = xcalloc(1, sizeof(*monitor));

	monitor->program = program;
	monitor->port = program_port(program);
	ck_assert(monitor->port);
	ck_assert(!pthread_create(&monitor->thread, NULL, watch_program,
				  monitor));
	return monitor;
}

static void join(struct monitor *monitor)
{
	monitor->over = true;
	if (!monitor->joined)
		(void)pthread_join(monitor->thread, NULL);
	monitor->joined = true;
}

struct monitor *monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return NULL;
	join(monitor);
	free(monitor);
	return NULL;
}

void monitor_expect_ready(struct monitor *monitor)
{
	join(monitor);
	ck_assert_msg(!monitor->n_unready,
		      "%s was not ready %" PRId64 " of %" PRId64
		      " times, first: '%s', its log is '%s'",
		      monitor->program->name, monitor->n_unready,
		      monitor->n_answers, monitor->reason,
		      monitor->program->log);
}
