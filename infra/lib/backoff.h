/* SPDX-License-Identifier: MIT */
/*
 * Backoff: something that is needed is away. It is tried again with pauses
 * that grow, and half of each pause is left to chance, so that many workers do
 * not try at the same moment.
 *
 * A worker that backs off keeps its membership and polls with its partitions
 * paused, commits nothing, makes no dead letter, and says that it is not
 * ready.
 */
#ifndef LIB_BACKOFF_H
#define LIB_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

enum { BACKOFF_FIRST_MS = 50, BACKOFF_MAX_MS = 3000 };
enum { BACKOFF_REASON_BYTES = 320 };

struct backoff {
	bool on;
	char reason[BACKOFF_REASON_BYTES];
	int64_t since_ms;
	int64_t until_ms; /* when to try again */
	unsigned int n_tries;
};

/* Begins, or goes on after another try that failed. True when this is news: it
 * begins, or has another reason. */
bool backoff_begin(struct backoff *backoff, const char *reason, int64_t now_ms);
/* The same with a chance of the caller's. */
bool backoff_begin_with(struct backoff *backoff, const char *reason,
			int64_t now_ms, uint32_t random);
bool backoff_over(const struct backoff *backoff, int64_t now_ms);
void backoff_retry(struct backoff *backoff); /* at once; it is still on */
void backoff_end(struct backoff *backoff);

#endif
