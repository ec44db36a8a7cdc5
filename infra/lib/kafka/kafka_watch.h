/* SPDX-License-Identifier: MIT */
/*
 * Kafka watch: do the brokers answer, and are the topics there?
 *
 * A client of librdkafka that waits for nothing notices a broker that hangs
 * only when a request has waited for a minute. So a thread asks for the topics
 * once a second, with a connection of its own, and says so when there was no
 * answer for KAFKA_WATCH_AWAY_MS. It never waits in the thread of its owner.
 *
 * The owner makes and frees it; any thread may ask it.
 */
#ifndef LIB_KAFKA_WATCH_H
#define LIB_KAFKA_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"

enum { KAFKA_WATCH_TOPICS_MAX = 16, KAFKA_WATCH_AWAY_MS = 4000 };

struct kafka_watch;

struct kafka_watch_params {
	const char *brokers;
	const char *client_id;
	const char *const *topics;
	size_t n_topics;
	struct loop *loop; /* woken when something has changed; NULL: none */
};

/* The brokers need not be there. Copies the topics, borrows the rest. */
int kafka_watch_new(struct kafka_watch **ret,
		    const struct kafka_watch_params *params);
/* Waits for a question that is under way, for at most 1.5 s. */
struct kafka_watch *kafka_watch_free(struct kafka_watch *watch);
DEFINE_CLEANUP(struct kafka_watch, kafka_watch_free);

/*
 * NULL: all is well, or nothing is known yet; else what is trouble, "no broker
 * answers" or "the topic 'orders' is missing". Valid as long as the watch is.
 */
const char *kafka_watch_trouble(const struct kafka_watch *watch);

/* Have all topics been seen since it was made? */
bool kafka_watch_seen(const struct kafka_watch *watch);

#endif
