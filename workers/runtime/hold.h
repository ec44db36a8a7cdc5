/* SPDX-License-Identifier: MIT */
/*
 * Hold: something that the worker needs is away. It keeps its membership and
 * polls with partitions paused, commits nothing, dead-letters nothing, says
 * that it is not ready, and tries again with growing pauses. Pure.
 */
#ifndef RUNTIME_HOLD_H
#define RUNTIME_HOLD_H

#include <stdbool.h>
#include <stdint.h>

enum { HOLD_FIRST_MS = 50, HOLD_MOST_MS = 3000, HOLD_REASON_BYTES = 320 };

struct hold {
	bool on;
	char reason[HOLD_REASON_BYTES];
	int64_t since_ms;
	int64_t until_ms; /* when to try again */
	unsigned int n_tries;
};

/* Holds, or holds on; @random spreads the tries of many workers. True when
 * this is news: a hold that begins, or for another reason. */
bool hold_on(struct hold *hold, const char *reason, int64_t now_ms,
	     uint32_t random);
bool hold_over(const struct hold *hold, int64_t now_ms); /* time to try */
void hold_retry(struct hold *hold);                      /* it is time now */
void hold_end(struct hold *hold);

#endif
