/* SPDX-License-Identifier: MIT */
/*
 * Facts: what is new on `picks` and `toasties`, onto the order cache.
 *
 * Every storefront reads all partitions by itself, from the end as it was at
 * the start: what was before is in the database's views. Facts about orders
 * that nobody here watches or has accepted are passed over undecoded.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_FACTS_H
#define STOREFRONT_FACTS_H

#include <stdbool.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/kafka_watch.h"
#include "infra/lib/loop.h"
#include "producers/storefront/live/subscriptions.h"
#include "producers/storefront/orders/order_cache.h"

struct facts;

struct facts_params {
	struct loop *loop; /* woken when facts wait */
	const char *brokers;
	const char *topic_suffix;
	const struct kafka_watch *watch;
	struct order_cache *cache;
	struct subscriptions *streams;
};

/* The brokers need not be there. Copies @params, borrows its texts. */
int facts_new(struct facts **ret, const struct facts_params *params);
struct facts *facts_free(struct facts *reader);
DEFINE_CLEANUP(struct facts, facts_free);

/* Takes what waits, from when the watch has seen the topics. */
void facts_serve(struct facts *reader);

/* Does it read? */
bool facts_ready(const struct facts *reader);

#endif
