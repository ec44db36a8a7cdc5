/* SPDX-License-Identifier: MIT */
/*
 * Facts: what is new on `picks` and `toasties`, into the order cache.
 *
 * Every storefront reads all partitions by itself, from the end as it was at
 * the start: what was before is in the database's views. A fact that concerns
 * no cached order and no subscriber is passed over without being decoded.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_FACTS_H
#define STOREFRONT_FACTS_H

#include "infra/lib/cleanup.h"
#include "infra/lib/kafka/kafka_watch.h"
#include "producers/storefront/shop.h"

struct facts;

/* The brokers need not be there. Borrows both; @watch says when the topics are
 * there to be read. */
int facts_new(struct facts **ret, struct shop *shop,
	      const struct kafka_watch *watch);
struct facts *facts_free(struct facts *facts);
DEFINE_CLEANUP(struct facts, facts_free);

/* Reads what waits, from when the watch has seen the topics. */
void facts_serve(struct facts *facts);

/* Does it read? */
bool facts_ready(const struct facts *facts);

#endif
