/* SPDX-License-Identifier: MIT */
/*
 * Fact reader: what is new on `picks` and `toasties`, onto the order board.
 *
 * Every storefront reads all partitions by itself, from the end as it was at
 * the start: what was before is in the database's views. Facts about orders
 * that nobody here watches or has accepted are passed over undecoded.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_FACT_READER_H
#define STOREFRONT_FACT_READER_H

#include <stdbool.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/kafka_watch.h"
#include "infra/lib/loop.h"
#include "producers/storefront/event_stream.h"
#include "producers/storefront/order_board.h"

struct fact_reader;

struct fact_reader_params {
	struct loop *loop; /* woken when facts wait */
	const char *brokers;
	const char *topic_suffix;
	const struct kafka_watch *watch;
	struct order_board *board;
	struct event_streams *streams;
};

/* The brokers need not be there. Copies @params, borrows its texts. */
int fact_reader_new(struct fact_reader **ret,
		    const struct fact_reader_params *params);
struct fact_reader *fact_reader_free(struct fact_reader *reader);
DEFINE_CLEANUP(struct fact_reader, fact_reader_free);

/* Takes what waits, from when the watch has seen the topics. */
void fact_reader_serve(struct fact_reader *reader);

/* Does it read? */
bool fact_reader_ready(const struct fact_reader *reader);

#endif
