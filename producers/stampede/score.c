/* SPDX-License-Identifier: MIT */
/* Score: see score.h. */
#include "producers/stampede/score.h"

#include <inttypes.h>

static int64_t sum(const int64_t n[N_SENT_KINDS])
{
	int64_t all = 0;

	for (int i = 0; i < N_SENT_KINDS; i++)
		all += n[i];
	return all;
}

void score_acked(struct score *score, enum sent_kind kind, int64_t took_us)
{
	int64_t took_ms = took_us / 1000;

	score->n_acked[kind]++;
	if (kind == SENT_RESTOCK)
		return;
	score->latencies[took_ms < N_LATENCIES ? took_ms : N_LATENCIES - 1]++;
	if (took_us > score->longest_us)
		score->longest_us = took_us;
}

int64_t score_n_acked(const struct score *score)
{
	return sum(score->n_acked);
}

/* Of which there are latencies. */
static int64_t n_timed(const struct score *score)
{
	return score_n_acked(score) - score->n_acked[SENT_RESTOCK];
}

int64_t score_percentile_ms(const struct score *score, int percent)
{
	int64_t n = n_timed(score), seen = 0, ms = 0;

	while (ms < N_LATENCIES - 1) {
		seen += score->latencies[ms];
		if (seen * 100 >= n * percent)
			break;
		ms++;
	}
	return ms;
}

void score_summary(const struct score *score, uint64_t seed, struct buf *out)
{
	int64_t n_acked = score_n_acked(score), n = n_timed(score);
	int64_t took_us = score->ended_us - score->started_us;

	buf_printf(out, "{\"seed\":%" PRIu64, seed);
	for (int kind = 0; kind < N_SENT_KINDS; kind++)
		buf_printf(out, ",\"%s%s\":%" PRId64,
			   sent_kind_name((enum sent_kind)kind),
			   kind == SENT_POISON ? "" : "s", score->n_sent[kind]);
	buf_printf(out,
		   ",\"v1\":%" PRId64 ",\"acked\":%" PRId64
		   ",\"unacked\":%" PRId64 ",\"refused\":%" PRId64,
		   score->n_v1, n_acked, sum(score->n_sent) - n_acked,
		   score->n_refused);
	buf_printf(out, ",\"seconds\":%.3f,\"per_second\":%.0f",
		   (double)took_us / 1e6,
		   took_us > 0 ? (double)n * 1e6 / (double)took_us : 0.0);
	buf_printf(out,
		   ",\"ack_ms\":{\"p50\":%" PRId64 ",\"p99\":%" PRId64
		   ",\"max\":%" PRId64 "}}\n",
		   score_percentile_ms(score, 50),
		   score_percentile_ms(score, 99), score->longest_us / 1000);
}
