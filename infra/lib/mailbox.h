/* SPDX-License-Identifier: MIT */
/*
 * Mailbox: a bounded queue of messages between threads.
 *
 * Any thread puts messages in and any thread gets them out, first in, first
 * out. A message is copied by value: a small struct, or a pointer that changes
 * its owner. A thread waits for the next message with a deadline; a loop is
 * woken by each one; and a thread that also waits for other things polls
 * mailbox_fd() beside them.
 *
 * Closing a mailbox ends all waits. What is inside can still be got, so a
 * thread that must not begin anything more asks mailbox_closed() first:
 *
 *	while (!mailbox_closed(jobs))
 *		if (mailbox_get(jobs, &job, 1000))
 *			...
 */
#ifndef LIB_MAILBOX_H
#define LIB_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"

struct mailbox;

struct mailbox_params {
	size_t message_bytes;
	size_t n_max;      /* messages that may wait */
	struct loop *loop; /* woken by each message; NULL: none */
};

/* Negative: no descriptor is left. Borrows the loop. */
int mailbox_new(struct mailbox **ret, const struct mailbox_params *params);
/* No thread uses it any more; what is inside is dropped. */
struct mailbox *mailbox_free(struct mailbox *mailbox);
DEFINE_CLEANUP(struct mailbox, mailbox_free);

/* False: nothing was put in, since it is full or closed. */
bool mailbox_put(struct mailbox *mailbox, const void *message);

/* The oldest message, waiting for at most @timeout_ms (0: not at all) while
 * the mailbox is open. False: there is none, and @ret is as it was. */
bool mailbox_get(struct mailbox *mailbox, void *ret, int64_t timeout_ms);

void mailbox_close(struct mailbox *mailbox);
bool mailbox_closed(struct mailbox *mailbox);

/* Readable while there is a message, and once the mailbox is closed. */
int mailbox_fd(const struct mailbox *mailbox);

#endif
