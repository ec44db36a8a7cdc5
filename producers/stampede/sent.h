/* SPDX-License-Identifier: MIT */
/*
 * Sent: what is on its way, the line of the record for what has arrived, and
 * the summary of it all.
 *
 * Each record that is sent has an entry of the pool until the brokers
 * acknowledge it; all entries are made at the beginning. A record that is never
 * acknowledged keeps its entry, and is written at the end with the outcome
 * "info": it may be on its topic or not.
 *
 * Latencies are counted by the millisecond, so that a run of any length needs
 * the same memory; one above ten seconds is "or longer", and the longest is
 * kept as it was. Restocks are counted, not timed: they come before the run.
 */
#ifndef STAMPEDE_SENT_H
#define STAMPEDE_SENT_H

#include "infra/lib/text/str.h"
#include "producers/stampede/orders.h"

struct sent {
	struct step step;
	int64_t intended_us; /* when it was to be sent; monotonic */
	int64_t sent_ms;     /* when it was; the calendar */
	int version;         /* of an order that was sent as one; else 0 */
	struct sent *next;   /* while it is free */
	bool on_its_way;
};

struct sent_pool {
	struct sent *all;
	size_t n;
	struct sent *free;
};

void sent_init(struct sent_pool *pool, size_t n);
void sent_deinit(struct sent_pool *pool);
/* NULL: all are on their way. */
struct sent *sent_get(struct sent_pool *pool);
void sent_release(struct sent_pool *pool, struct sent *sent);

/* ---- the record ---- */

struct arrival {
	const char *topic;
	int32_t partition;
	int64_t offset; /* -1: not known to have arrived */
	int64_t acked_ms;
};

/* One line of JSON with its line feed, appended. */
void sent_line(const struct orders *orders, const struct sent *sent,
	       int64_t restock, const struct arrival *arrival, struct buf *ret);

/* ---- the summary ---- */

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
