/* SPDX-License-Identifier: MIT */
/*
 * Queues: how many toasties wait at each stall, about: as the last look at
 * the tables said, and what has come and gone since. Of stalls that no grill
 * serves only the latter is known. Poll thread only.
 */
#ifndef JAFFLR_QUEUES_H
#define JAFFLR_QUEUES_H

#include "workers/jafflr/scheduler_tx.h"

/* Stalls above that are not counted until the next look. */
enum { QUEUES_MAX = 1000 };

struct queue {
	char *stall;
	int64_t n;
};

/* { 0 } is none. */
struct queues {
	struct queue *list;
	size_t n;
};

/* Forgets what was, and is as @stalls say. */
void queues_set(struct queues *queues, const struct tx_stall *stalls, size_t n);
/* @n more, or fewer, wait at a stall. */
void queues_add(struct queues *queues, struct text stall, int64_t n);
void queues_deinit(struct queues *queues);

#endif
