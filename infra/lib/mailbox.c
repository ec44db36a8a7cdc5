/* SPDX-License-Identifier: MIT */
/*
 * Mailbox: a ring under a mutex, and an eventfd to wait at: a semaphore that
 * counts the messages, and one more when the mailbox is closed.
 */
#include "infra/lib/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"

struct mailbox {
	struct mailbox_params params;
	pthread_mutex_t mutex;
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

	assert(params->n_max > 0);
	mailbox->params = *params;
	(void)pthread_mutex_init(&mailbox->mutex, NULL);
	mailbox->ring = xcalloc(params->n_max, params->message_bytes);
	mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE);
	if (mailbox->fd < 0)
		return -errno;
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
	(void)pthread_mutex_destroy(&mailbox->mutex);
	free(mailbox->ring);
	free(mailbox);
	return NULL;
}

static void count_up(struct mailbox *mailbox)
{
	uint64_t one = 1;

	(void)!write(mailbox->fd, &one, sizeof(one));
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
	}
	(void)pthread_mutex_unlock(&mailbox->mutex);
	if (fits && mailbox->params.loop)
		loop_wake(mailbox->params.loop);
	return fits;
}

/* False: there is nothing inside. @ret_closed: nor will there be. */
static bool get_now(struct mailbox *mailbox, void *ret, bool *ret_closed)
{
	uint64_t one;
	bool any;

	(void)pthread_mutex_lock(&mailbox->mutex);
	any = mailbox->n > 0;
	if (any) {
		memcpy(ret, message_at(mailbox, 0),
		       mailbox->params.message_bytes);
		mailbox->first = (mailbox->first + 1) % mailbox->params.n_max;
		mailbox->n--;
		(void)!read(mailbox->fd, &one, sizeof(one));
	}
	*ret_closed = mailbox->closed;
	(void)pthread_mutex_unlock(&mailbox->mutex);
	return any;
}

bool mailbox_get(struct mailbox *mailbox, void *ret, int64_t timeout_ms)
{
	struct pollfd fd = { .fd = mailbox->fd, .events = POLLIN };
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	bool closed;

	/* Another thread may get the message that was waited for. */
	while (!get_now(mailbox, ret, &closed)) {
		if (closed || !clock_left_ms(deadline_at_ms))
			return false;
		(void)poll(&fd, 1, clock_left_ms(deadline_at_ms));
	}
	return true;
}

void mailbox_close(struct mailbox *mailbox)
{
	(void)pthread_mutex_lock(&mailbox->mutex);
	if (!mailbox->closed)
		count_up(mailbox);
	mailbox->closed = true;
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
