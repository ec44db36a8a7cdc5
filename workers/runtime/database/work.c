/* SPDX-License-Identifier: MIT */
/*
 * Work: a mailbox for the job and one for its result. While the thread has no
 * job it polls the first one and the watching connection beside it.
 */
#include "workers/runtime/database/work.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "infra/lib/mailbox.h"
#include "infra/lib/xalloc.h"

#define LEAVE_TIMEOUT_MS 10000
#define IDLE_POLL_MS 1000

struct work {
	struct loop *loop;
	pthread_t thread;
	bool started;
	bool busy; /* a job was submitted; the poll thread's */
	struct mailbox *jobs, *results;
	atomic_bool notified;
	struct session session; /* the thread's own */
};

struct work_job {
	work_fn fn;
	void *arg;
};

/* A job, or a notification, or a second has passed. */
static void wait_for_job(struct work *work)
{
	struct pg *watch = work->session.watch;
	struct pollfd fds[2] = {
		{ .fd = mailbox_fd(work->jobs), .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};

	if (watch && !pg_lost(watch))
		fds[1].fd = pg_socket(watch);
	(void)poll(fds, 2, IDLE_POLL_MS);
	if (fds[1].revents && pg_notified(watch)) {
		atomic_store(&work->notified, true);
		loop_wake(work->loop);
	}
}

static void *run(void *arg)
{
	struct work *work = arg;
	struct work_job job;

	while (!mailbox_closed(work->jobs)) {
		int result;

		if (!mailbox_get(work->jobs, &job, 0)) {
			wait_for_job(work);
			continue;
		}
		result = job.fn(job.arg, &work->session);
		(void)mailbox_put(work->results, &result);
	}
	session_close(&work->session);
	return NULL;
}

int work_new(struct work **ret, struct loop *loop)
{
	CLEANUP(work_freep) struct work *work = xcalloc(1, sizeof(*work));
	int r;

	work->loop = loop;
	r = mailbox_new(
		&work->jobs,
		&(struct mailbox_params){ sizeof(struct work_job), 1, NULL });
	if (!r)
		r = mailbox_new(&work->results, &(struct mailbox_params){
							sizeof(int), 1, loop });
	if (!r)
		r = -pthread_create(&work->thread, NULL, run, work);
	if (r)
		return r;
	work->started = true;
	*ret = work;
	work = NULL;
	return 0;
}

static bool leave(struct work *work)
{
	struct timespec deadline;

	mailbox_close(work->jobs);
	/* pthread_timedjoin_np() takes the calendar's clock, alas. */
	(void)clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += LEAVE_TIMEOUT_MS / 1000;
	return !pthread_timedjoin_np(work->thread, NULL, &deadline);
}

struct work *work_free(struct work *work)
{
	if (!work)
		return NULL;
	/* A thread that hangs in its job keeps what it uses. */
	if (work->started && !leave(work))
		return NULL;
	(void)mailbox_free(work->jobs);
	(void)mailbox_free(work->results);
	free(work);
	return NULL;
}

void work_submit(struct work *work, work_fn fn, void *arg)
{
	assert(!work->busy);
	work->busy = true;
	(void)mailbox_put(work->jobs, &(struct work_job){ fn, arg });
}

bool work_wait(struct work *work, int64_t timeout_ms, int *ret)
{
	if (!mailbox_get(work->results, ret, timeout_ms))
		return false;
	work->busy = false;
	return true;
}

bool work_notified(struct work *work)
{
	return atomic_exchange(&work->notified, false);
}
