/* SPDX-License-Identifier: MIT */
/*
 * Score: what was sent, what was acknowledged, and how long that took.
 *
 * Latencies are counted by the millisecond, so that a run of any length needs
 * the same room; one above ten seconds is "or longer", and the longest is kept
 * as it was. Restocks are counted, not timed: they come before the run. Pure.
 */
#ifndef STAMPEDE_SCORE_H
#define STAMPEDE_SCORE_H

#include <stdint.h>

#include "infra/lib/str.h"
#include "producers/stampede/sent.h"

enum { N_LATENCIES = 10001 };

struct score {
	int64_t n_sent[N_SENT_KINDS];
	int64_t n_acked[N_SENT_KINDS];
	int64_t n_refused;
	int64_t n_v1;
	int64_t latencies[N_LATENCIES];
	int64_t longest_us;
	int64_t started_us, ended_us;
};

void score_acked(struct score *score, enum sent_kind kind, int64_t took_us);

int64_t score_n_acked(const struct score *score);

/* The latency that @percent of the acknowledgements were within. */
int64_t score_percentile_ms(const struct score *score, int percent);

/* Appends one line of JSON. */
void score_summary(const struct score *score, uint64_t seed, struct buf *out);

#endif
