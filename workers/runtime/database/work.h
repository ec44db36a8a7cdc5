/* SPDX-License-Identifier: MIT */
/*
 * Work: the database thread. It does one job at a time, so that waiting for
 * Postgres never keeps the poll thread from its group, and the next batch is
 * decoded while the last one commits.
 *
 * A job owns what its argument points to from submit until it is done. Between
 * jobs the thread waits for notifications, and wakes the loop for them.
 */
#ifndef RUNTIME_WORK_H
#define RUNTIME_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"
#include "workers/runtime/database/session.h"

typedef int (*work_fn)(void *arg, struct session *session);

struct work;

int work_new(struct work **ret, struct loop *loop);
/* Waits for the job in hand for at most 10 s, then leaves it. */
struct work *work_free(struct work *work);
DEFINE_CLEANUP(struct work, work_free);

/* The thread must be idle. */
void work_submit(struct work *work, work_fn fn, void *arg);
/* The job's result, once: true when it is done; false when the deadline came
 * first. */
bool work_wait(struct work *work, int64_t timeout_ms, int *ret);
/* Did a notification arrive? Asking clears it. */
bool work_notified(struct work *work);

#endif
