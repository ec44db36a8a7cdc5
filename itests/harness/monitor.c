/* SPDX-License-Identifier: MIT */
/* What the thread has seen is read once it ended. */
#include "itests/harness/monitor.h"

#include <check.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "infra/lib/xalloc.h"

#define ASK_EVERY_MS 20

struct monitor {
	const struct program *program;
	pthread_t thread;
	atomic_bool over;
	bool joined;
	int64_t n_answers, n_unready;
	char reason[PROGRAM_REASON_MAX]; /* the first one */
};

static void ask(struct monitor *monitor)
{
	char reason[PROGRAM_REASON_MAX] = "no answer";
	int status = program_ready_status(monitor->program, reason);

	monitor->n_answers++;
	if (status != 200 && !monitor->n_unready++)
		memcpy(monitor->reason, reason, sizeof(reason));
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
