/* SPDX-License-Identifier: MIT */
/*
 * Loop: libevent behind a few verbs. loop_wake() writes to an eventfd, which
 * is all that another thread may touch; a wake is never lost, since the
 * eventfd stays readable until the loop has read it.
 */
#include "infra/lib/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "infra/lib/xalloc.h"

struct loop {
	struct event_base *base;
	struct loop_source *wake;
	struct event *timeout;
	int wake_fd;
};

struct loop_source {
	struct event *event;
	loop_fn fn;
	void *arg;
};

static void fire(evutil_socket_t fd, short what, void *arg)
{
	struct loop_source *source = arg;

	(void)fd;
	(void)what;
	source->fn(source->arg);
}

static struct loop_source *source_new(struct loop *loop, int fd, short what,
				      const struct timeval *every, loop_fn fn,
				      void *arg)
{
	struct loop_source *source = xcalloc(1, sizeof(*source));

	source->fn = fn;
	source->arg = arg;
	source->event = xalloc_check(event_new(
		loop->base, fd, (short)(what | EV_PERSIST), fire, source));
	if (event_add(source->event, every))
		abort();
	return source;
}

static struct timeval timeval_of(int64_t ms)
{
	return (struct timeval){ .tv_sec = ms / 1000,
				 .tv_usec = ms % 1000 * 1000 };
}

static void drain_wake(void *arg)
{
	struct loop *loop = arg;
	uint64_t n;

	(void)!read(loop->wake_fd, &n, sizeof(n));
}

static void timed_out(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; /* its only effect is that event_base_loop() returns */
}

int loop_new(struct loop **ret)
{
	CLEANUP(loop_freep) struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake_fd < 0)
		return -errno;
	loop->base = xalloc_check(event_base_new());
	loop->timeout = xalloc_check(evtimer_new(loop->base, timed_out, loop));
	loop->wake = loop_readable(loop, loop->wake_fd, drain_wake, loop);
	*ret = loop;
	loop = NULL;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	(void)loop_source_free(loop->wake);
	if (loop->timeout)
		event_free(loop->timeout);
	if (loop->base)
		event_base_free(loop->base);
	if (loop->wake_fd >= 0)
		(void)close(loop->wake_fd);
	free(loop);
	return NULL;
}

struct loop_source *loop_readable(struct loop *loop, int fd, loop_fn fn,
				  void *arg)
{
	return source_new(loop, fd, EV_READ, NULL, fn, arg);
}

struct loop_source *loop_timer(struct loop *loop, int64_t every_ms, loop_fn fn,
			       void *arg)
{
	struct timeval every = timeval_of(every_ms);

	return source_new(loop, -1, 0, &every, fn, arg);
}

struct loop_source *loop_signal(struct loop *loop, int signal, loop_fn fn,
				void *arg)
{
	return source_new(loop, signal, EV_SIGNAL, NULL, fn, arg);
}

struct loop_source *loop_source_free(struct loop_source *source)
{
	if (!source)
		return NULL;
	event_free(source->event);
	free(source);
	return NULL;
}

void loop_wait(struct loop *loop, int64_t timeout_ms)
{
	struct timeval timeout = timeval_of(timeout_ms);

	if (timeout_ms > 0) {
		(void)evtimer_add(loop->timeout, &timeout);
		(void)event_base_loop(loop->base, EVLOOP_ONCE);
		(void)evtimer_del(loop->timeout);
	} else {
		(void)event_base_loop(loop->base, EVLOOP_NONBLOCK);
	}
}

void loop_wake(struct loop *loop)
{
	uint64_t one = 1;

	(void)!write(loop->wake_fd, &one, sizeof(one));
}

int loop_wake_fd(const struct loop *loop)
{
	return loop->wake_fd;
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}
