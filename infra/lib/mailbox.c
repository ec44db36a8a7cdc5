/* SPDX-License-Identifier: MIT */
/*
 * Mailbox: a ring under a mutex. The eventfd of a pollable one is a semaphore
 * that counts the messages, and one more when it is closed.
 */
#include "infra/lib/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"

struct mailbox {
	struct mailbox_params params;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int fd;
	bool closed;
	size_t first, n;
	char *ring; /* n_max messages */
};

static char *message_at(struct mailbox *mailbox, size_t i)
{
	return mailbox->ring + (mailbox->first + i) % mailbox->params.n_max *
				       mailbox->params.message_bytes;
}

int mailbox_new(struct mailbox **ret, const struct mailbox_params *params)
{
	CLEANUP(mailbox_freep)
	struct mailbox *mailbox = xcalloc(1, sizeof(*mailbox));
	pthread_condattr_t monotonic;

	assert(params->n_max > 0);
	mailbox->params = *params;
	mailbox->fd = -1;
	(void)pthread_mutex_init(&mailbox->mutex, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&mailbox->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	mailbox->ring = xcalloc(params->n_max, params->message_bytes);
	if (params->pollable) {
		mailbox->fd =
			eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE);
		if (mailbox->fd < 0)
			return -errno;
	}
	*ret = mailbox;
	mailbox = NULL;
	return 0;
}

struct mailbox *mailbox_free(struct mailbox *mailbox)
{
	if (!mailbox)
		return NULL;
	if (mailbox->fd >= 0)
		(void)close(mailbox->fd);
	(void)pthread_cond_destroy(&mailbox->changed);
	(void)pthread_mutex_destroy(&mailbox->mutex);
	free(mailbox->ring);
	free(mailbox);
	return NULL;
}

static void count_up(struct mailbox *mailbox)
{
	uint64_t one = 1;

	if (mailbox->fd >= 0)
		(void)!write(mailbox->fd, &one, sizeof(one));
}

static void count_down(struct mailbox *mailbox)
{
	uint64_t one;

	if (mailbox->fd >= 0)
		(void)!read(mailbox->fd, &one, sizeof(one));
}

bool mailbox_put(struct mailbox *mailbox, const void *message)
{
	bool fits;

	(void)pthread_mutex_lock(&mailbox->mutex);
	fits = !mailbox->closed && mailbox->n < mailbox->params.n_max;
	if (fits) {
		memcpy(message_at(mailbox, mailbox->n), message,
		       mailbox->params.message_bytes);
		mailbox->n++;
		count_up(mailbox);
		(void)pthread_cond_signal(&mailbox->changed);
	}
	(void)pthread_mutex_unlock(&mailbox->mutex);
	if (fits && mailbox->params.loop)
		loop_wake(mailbox->params.loop);
	return fits;
}

static struct timespec deadline_in(int64_t timeout_ms)
{
	int64_t at_us = clock_now_us() + timeout_ms * 1000;

	return (struct timespec){ .tv_sec = at_us / 1000000,
				  .tv_nsec = at_us % 1000000 * 1000 };
}

bool mailbox_get(struct mailbox *mailbox, void *ret, int64_t timeout_ms)
{
	struct timespec until = deadline_in(timeout_ms);
	int r = timeout_ms > 0 ? 0 : ETIMEDOUT;
	bool any;

	(void)pthread_mutex_lock(&mailbox->mutex);
	while (!r && !mailbox->n && !mailbox->closed)
		r = pthread_cond_timedwait(&mailbox->changed, &mailbox->mutex,
					   &until);
	any = mailbox->n > 0;
	if (any) {
		memcpy(ret, message_at(mailbox, 0),
		       mailbox->params.message_bytes);
		mailbox->first = (mailbox->first + 1) % mailbox->params.n_max;
		mailbox->n--;
		count_down(mailbox);
	}
	(void)pthread_mutex_unlock(&mailbox->mutex);
	return any;
}

void mailbox_close(struct mailbox *mailbox)
{
	(void)pthread_mutex_lock(&mailbox->mutex);
	if (!mailbox->closed)
		count_up(mailbox);
	mailbox->closed = true;
	(void)pthread_cond_broadcast(&mailbox->changed);
	(void)pthread_mutex_unlock(&mailbox->mutex);
}

bool mailbox_closed(struct mailbox *mailbox)
{
	bool closed;

	(void)pthread_mutex_lock(&mailbox->mutex);
	closed = mailbox->closed;
	(void)pthread_mutex_unlock(&mailbox->mutex);
	return closed;
}

int mailbox_fd(const struct mailbox *mailbox)
{
	return mailbox->fd;
}
