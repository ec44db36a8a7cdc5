/* SPDX-License-Identifier: MIT */
/*
 * Fact reader: what is new on `picks` and `toasties`, into the order cache.
 *
 * Every storefront reads all partitions by itself, from the end as it was at
 * the start: what was before is in the database's views. A fact that concerns
 * no cached order and no subscriber is passed over without being decoded.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_FACT_READER_H
#define STOREFRONT_FACT_READER_H

#include "infra/lib/cleanup.h"
#include "infra/lib/kafka/kafka_watch.h"
#include "producers/storefront/shop.h"

struct fact_reader;

/* The brokers need not be there. Borrows both; @watch says when the topics are
 * there to be read. */
int fact_reader_new(struct fact_reader **ret, struct shop *shop,
		    const struct kafka_watch *watch);
struct fact_reader *fact_reader_free(struct fact_reader *reader);
DEFINE_CLEANUP(struct fact_reader, fact_reader_free);

/* Reads what waits, from when the watch has seen the topics. */
void fact_reader_serve(struct fact_reader *reader);

/* Does it read? */
bool fact_reader_ready(const struct fact_reader *reader);

#endif
