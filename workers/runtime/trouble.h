/* SPDX-License-Identifier: MIT */
/*
 * Trouble: what of its topics a worker cannot read, and why, for everybody
 * who shows it: /readyz, /metrics, the heartbeat. Poll thread.
 */
#ifndef RUNTIME_TROUBLE_H
#define RUNTIME_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>

#include "infra/lib/str.h"

struct worker;

/* The first one as a sentence; false when there is none. */
bool trouble_first(const struct worker *worker, char *ret, size_t n_bytes);
/* [{"topic": "orders", "partition": 3, "what": "..."}], appended; without a
 * partition it is the whole topic. */
void trouble_json(const struct worker *worker, struct buf *out);
/* A counters_collect_fn; @worker is a struct worker. */
void trouble_collect(void *worker, struct buf *out);

#endif
