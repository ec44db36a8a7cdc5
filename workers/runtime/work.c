/* SPDX-License-Identifier: MIT */
/*
 * Work: one slot for a job, guarded by a mutex; an eventfd tells the thread
 * of a job while it polls the watching connection beside it.
 */
#include "workers/runtime/work.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"

#define LEAVE_TIMEOUT_MS 10000
#define IDLE_POLL_MS 1000

enum work_state { WORK_IDLE, WORK_GIVEN, WORK_DONE, WORK_LEAVE };

struct work {
	struct loop *loop;
	pthread_t thread;
	bool started;
	int fd;
	pthread_mutex_t mutex;
	pthread_cond_t done;
	enum work_state state; /* under the mutex */
	work_fn fn;
	void *arg;
	int result;
	atomic_bool notified;
	struct session session; /* the thread's own */
};

/* A job, or a notification, or a second has passed. */
static void wait_for_job(struct work *work)
{
	struct pollfd fds[2] = { { .fd = work->fd, .events = POLLIN } };
	struct pg *watch = work->session.watch;
	nfds_t n_fds = 1;
	uint64_t n;

	if (watch && !pg_lost(watch)) {
		fds[1] = (struct pollfd){ .fd = pg_socket(watch),
					  .events = POLLIN };
		n_fds = 2;
	}
	(void)poll(fds, n_fds, IDLE_POLL_MS);
	if (fds[0].revents)
		(void)!read(work->fd, &n, sizeof(n));
	if (n_fds == 2 && fds[1].revents && pg_notified(watch)) {
		atomic_store(&work->notified, true);
		loop_wake(work->loop);
	}
}

static enum work_state state_of(struct work *work)
{
	enum work_state state;

	(void)pthread_mutex_lock(&work->mutex);
	state = work->state;
	(void)pthread_mutex_unlock(&work->mutex);
	return state;
}

static void *run(void *arg)
{
	struct work *work = arg;
	enum work_state state;

	while ((state = state_of(work)) != WORK_LEAVE) {
		int result;

		if (state != WORK_GIVEN) {
			wait_for_job(work);
			continue;
		}
		result = work->fn(work->arg, &work->session);
		(void)pthread_mutex_lock(&work->mutex);
		work->result = result;
		if (work->state == WORK_GIVEN)
			work->state = WORK_DONE;
		(void)pthread_cond_signal(&work->done);
		(void)pthread_mutex_unlock(&work->mutex);
		loop_wake(work->loop);
	}
	session_close(&work->session);
	return NULL;
}

int work_new(struct work **ret, struct loop *loop)
{
	CLEANUP(work_freep) struct work *work = xcalloc(1, sizeof(*work));
	pthread_condattr_t attr;
	int r;

	work->loop = loop;
	(void)pthread_mutex_init(&work->mutex, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&work->done, &attr);
	(void)pthread_condattr_destroy(&attr);
	work->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (work->fd < 0)
		return -errno;
	r = pthread_create(&work->thread, NULL, run, work);
	if (r)
		return -r;
	work->started = true;
	*ret = work;
	work = NULL;
	return 0;
}

static void nudge(struct work *work)
{
	uint64_t one = 1;

	(void)!write(work->fd, &one, sizeof(one));
}

static struct timespec timespec_of(int64_t ms)
{
	return (struct timespec){ .tv_sec = ms / 1000,
				  .tv_nsec = ms % 1000 * 1000000 };
}

static bool leave(struct work *work)
{
	struct timespec deadline;

	(void)pthread_mutex_lock(&work->mutex);
	work->state = WORK_LEAVE;
	(void)pthread_mutex_unlock(&work->mutex);
	nudge(work);
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
	if (work->fd >= 0)
		(void)close(work->fd);
	(void)pthread_cond_destroy(&work->done);
	(void)pthread_mutex_destroy(&work->mutex);
	free(work);
	return NULL;
}

void work_submit(struct work *work, work_fn fn, void *arg)
{
	(void)pthread_mutex_lock(&work->mutex);
	assert(work->state == WORK_IDLE);
	work->fn = fn;
	work->arg = arg;
	work->state = WORK_GIVEN;
	(void)pthread_mutex_unlock(&work->mutex);
	nudge(work);
}

bool work_idle(struct work *work)
{
	return state_of(work) == WORK_IDLE;
}

bool work_done(struct work *work, int *ret)
{
	bool done;

	(void)pthread_mutex_lock(&work->mutex);
	done = work->state == WORK_DONE;
	if (done) {
		*ret = work->result;
		work->state = WORK_IDLE;
	}
	(void)pthread_mutex_unlock(&work->mutex);
	return done;
}

bool work_wait(struct work *work, int64_t timeout_ms, int *ret)
{
	struct timespec deadline = timespec_of(clock_now_ms() + timeout_ms);
	int r = 0;

	(void)pthread_mutex_lock(&work->mutex);
	while (work->state == WORK_GIVEN && !r)
		r = pthread_cond_timedwait(&work->done, &work->mutex,
					   &deadline);
	(void)pthread_mutex_unlock(&work->mutex);
	return work_done(work, ret);
}

bool work_notified(struct work *work)
{
	return atomic_exchange(&work->notified, false);
}
