/* SPDX-License-Identifier: MIT */
/*
 * Lag: how far the positions that we hold are behind the log, in records and
 * in seconds, under the names that dashboards know. Poll thread, for /metrics.
 */
#ifndef RUNTIME_LAG_H
#define RUNTIME_LAG_H

#include "infra/lib/str.h"

struct worker;
struct slot;

/* Twice a second: is anything left to decide? Seconds count from then on. */
void lag_note(const struct worker *worker, struct slot *slot);
/* A counters_collect_fn; @worker is a struct worker. */
void lag_collect(void *worker, struct buf *out);

#endif
