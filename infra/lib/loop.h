/* SPDX-License-Identifier: MIT */
/*
 * Loop: a thread's event loop, on libevent.
 *
 * One thread makes it, waits in it and frees it. Handlers run in that thread,
 * inside loop_wait(). Only loop_wake() may be called by others.
 */
#ifndef LIB_LOOP_H
#define LIB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"

struct event_base;
struct loop;
struct loop_source;

typedef void (*loop_fn)(void *arg);

int loop_new(struct loop **ret);
struct loop *loop_free(struct loop *loop);
DEFINE_CLEANUP(struct loop, loop_free);

/*
 * Calls @fn whenever @fd is readable. The source is freed by its owner before
 * the loop is; @fd stays the caller's.
 */
struct loop_source *loop_readable(struct loop *loop, int fd, loop_fn fn,
				  void *arg);
/* Calls @fn every @every_ms, first after @every_ms. */
struct loop_source *loop_timer(struct loop *loop, int64_t every_ms, loop_fn fn,
			       void *arg);
/* Calls @fn when the process gets @signal, in the loop and not in a handler. */
struct loop_source *loop_signal(struct loop *loop, int signal, loop_fn fn,
				void *arg);
struct loop_source *loop_source_free(struct loop_source *source);
DEFINE_CLEANUP(struct loop_source, loop_source_free);

/* Handles what is ready; if nothing is, waits for at most @timeout_ms. */
void loop_wait(struct loop *loop, int64_t timeout_ms);

/* Makes loop_wait() return now, or at its next call. From any thread. */
void loop_wake(struct loop *loop);

/* An eventfd: eight bytes written to it wake the loop. For libraries that
 * write to a descriptor when they have something. */
int loop_wake_fd(const struct loop *loop);

/* For what needs libevent itself. Borrowed. */
struct event_base *loop_base(struct loop *loop);

#endif
