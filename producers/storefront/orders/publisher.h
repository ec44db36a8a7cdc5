/* SPDX-License-Identifier: MIT */
/*
 * Publisher: one event to a topic, and what became of it.
 *
 * Each event that was taken is told of exactly once: delivered, with the
 * position where it stands, refused, which means that it is not there, or
 * doubtful, which means that nobody knows. The message itself has no time-out;
 * who waits for it has. After a report that leaves doubt the client is reset,
 * so that nothing old goes out late, and everything that waited is doubtful,
 * too. A refusal is of the event itself and touches no other.
 *
 * One thread: that of the loop.
 */
#ifndef STOREFRONT_PUBLISHER_H
#define STOREFRONT_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/kafka_watch.h"
#include "infra/lib/loop.h"
#include "schemas/envelope.h"
#include "schemas/msgpack/writer.h"
#include "schemas/topics.h"

struct publisher;

struct publisher_params {
	struct loop *loop;
	const char *brokers;
	const char *topic_suffix;
	const char *producer;            /* "storefront@1.2.3" */
	const struct kafka_watch *watch; /* NULL: the client's word has to do */
	int64_t queue_max;               /* events that may wait */
	int64_t queue_max_bytes;         /* their keys and bodies */
};

enum publisher_outcome {
	PUBLISHER_E_AWAY = 1, /* nothing was sent: no broker, or queue full */
	PUBLISHER_E_REFUSED,  /* nothing was sent: it never can be */
};

enum publisher_fate {
	PUBLISHER_DELIVERED, /* partition and offset say where it stands */
	PUBLISHER_REFUSED,   /* by the broker, alone or with what went along */
	PUBLISHER_DOUBTFUL,
};

typedef void (*publisher_fn)(void *arg, enum publisher_fate fate,
			     int32_t partition, int64_t offset);

struct publisher_event {
	enum topic_id topic;
	struct envelope envelope; /* completed: source, time, producer */
	struct text key;
	const struct msgpack_writer *body;
	publisher_fn fn;
	void *arg;
};

/* Borrows the texts of @params. */
int publisher_new(struct publisher **ret,
		  const struct publisher_params *params);
/* What was not reported is told as doubtful. */
struct publisher *publisher_free(struct publisher *publisher);
DEFINE_CLEANUP(struct publisher, publisher_free);

/* Copies what is sent. @fn is called later, from publisher_serve(). */
int publisher_send(struct publisher *publisher,
		   const struct publisher_event *event);

/*
 * Hands reports over, and resets the client when it must be. Negative: it
 * cannot be opened again, and the publisher is of no use any more.
 */
int publisher_serve(struct publisher *publisher);

/* Sent and not told of yet. */
size_t publisher_n_waiting(const struct publisher *publisher);

/*
 * Why nothing would be sent now; NULL: it would. Kafka is away, lacks a topic,
 * or has acknowledged nothing of what waits for five seconds.
 */
const char *publisher_amiss(struct publisher *publisher);

#endif
