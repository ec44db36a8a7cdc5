/* SPDX-License-Identifier: MIT */
/*
 * Load: sends what the settings say, and counts what is acknowledged.
 *
 * Open loop: at a rate each order has its time, and how long it took counts
 * from that time on, however late it was sent. Flat out, the producer's queue
 * is kept full. First come the restocks, all acknowledged before the first
 * order; duplicates and poison come between the orders. What is sent, and in
 * which order, follows from the seed. One thread, no allocation of its own
 * between the first order and the last but for the record.
 */
#ifndef STAMPEDE_LOAD_H
#define STAMPEDE_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "producers/stampede/orders.h"

enum load_outcome {
	LOAD_E_STOPPED = 1, /* by a signal; what was sent is accounted for */
	LOAD_E_STUCK,       /* the brokers acknowledge nothing any more */
	LOAD_E_SETTING,     /* said on stderr */
	LOAD_E_RECORD,      /* the record cannot be written; said */
};

struct load;

int load_new(struct load **ret, const struct conf *conf, uint64_t seed);
struct load *load_free(struct load *load);
DEFINE_CLEANUP(struct load, load_free);

int load_run(struct load *load);

/* One object of JSON on stdout: what was sent, acknowledged, how quickly. */
void load_summary(const struct load *load);

#endif
