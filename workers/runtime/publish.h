/* SPDX-License-Identifier: MIT */
/*
 * Publish: facts after the commit, from what was committed.
 *
 * Each record's facts count towards its assignment's emitted_offset. A worker's
 * facts that come from no record (a toastie's states) carry a token of its
 * own, which it gets back when they are delivered. A fact may come twice,
 * late, or after a newer one: same id, equal in every key. Poll thread only.
 */
#ifndef RUNTIME_PUBLISH_H
#define RUNTIME_PUBLISH_H

#include "infra/lib/kafka/kafka_out.h"
#include "schemas/event.h"
#include "schemas/topics.h"
#include "workers/runtime/batch.h"

struct publisher;

typedef void (*publish_delivered_fn)(void *arg, uint64_t token);

struct publisher_params {
	const char *brokers;
	const char *client_id;
	const struct topic_names *names;
	const char *group; /* who gives dead letters up */
	int64_t linger_ms;
	int64_t queue_max;
	struct loop *loop;
	struct assignment *assignments;    /* READERS_MAX of them */
	const struct topic *const *topics; /* by their index */
	publish_delivered_fn delivered;
	void *arg;
};

int publisher_new(struct publisher **ret,
		  const struct publisher_params *params);
struct publisher *publisher_free(struct publisher *publisher);
DEFINE_CLEANUP(struct publisher, publisher_free);

/* The facts of one record, which are expected (batch_expect()), are published
 * between these two. */
void publish_begin(struct publisher *publisher, const struct record *record);
void publish_end(struct publisher *publisher);

void publish_fact(struct publisher *publisher, struct event *event);
/* The token is below 2^63. */
void publish_own(struct publisher *publisher, struct event *event,
		 uint64_t token);
/* The copy of a dead record, bytes as they came; what makes it larger than
 * its topic takes is left out, and the copy says so. */
void publish_dead(struct publisher *publisher, const struct record *record,
		  const struct topic *source);

/*
 * What was sent since the last call goes out now, and not after LINGER_MS. A
 * linger that is over while the last request of a partition is not answered
 * has librdkafka 2.0.2 spin until it is: a fifth of a worker's CPU in a drain.
 */
void publisher_push(struct publisher *publisher);

/* Serves delivery reports. False: one failed; nothing that was sent may be
 * trusted, and the owner resets and takes over anew. */
bool publisher_poll(struct publisher *publisher, int timeout_ms);
size_t publisher_waiting(const struct publisher *publisher);
size_t publisher_waiting_bytes(const struct publisher *publisher);
/* Why publisher_poll() has said false. */
const char *publisher_trouble(const struct publisher *publisher);
/* Is no broker to be reached, as far as the client knows? */
bool publisher_away(struct publisher *publisher);
/* Drops what waits and begins with a fresh producer. */
int publisher_reset(struct publisher *publisher);

#endif
