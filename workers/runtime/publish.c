/* SPDX-License-Identifier: MIT */
/*
 * Publish: what a delivery report is about travels in its opaque pointer:
 * the slot's index above 48 bits of the entry's number, or the highest bit
 * and a worker's own token.
 */
#include "workers/runtime/publish.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"
#include "schemas/dead_letter.h"
#include "workers/runtime/counters.h"

#define NUMBER_BITS 48
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)
#define OWN_BIT (UINT64_C(1) << 63)
#define TOPIC_NAME_MAX 250
#define FEW_FACTS 64

struct publisher {
	struct publisher_params params;
	struct kafka_out *out;
	char names[N_TOPICS][TOPIC_NAME_MAX];
	struct slot *slot; /* of the record whose facts go out */
	uint64_t number;
	size_t n_fresh; /* sent since the last push */
	bool failed;
};

static void take_report(void *arg, const struct kafka_report *report)
{
	uint64_t opaque = (uint64_t)(uintptr_t)report->opaque;
	struct publisher *publisher = arg;

	if (!report->delivered) {
		if (!publisher->failed)
			log_warn("DELIVERY-FAILED",
				 "a fact was not delivered (%s), will take "
				 "over anew and publish again",
				 report->error);
		counter_add(&runtime_counters.lost_deliveries, 1);
		publisher->failed = true;
		return;
	}
	counter_add(&runtime_counters.sent, 1);
	if (opaque & OWN_BIT)
		publisher->params.delivered(publisher->params.arg,
					    opaque & ~OWN_BIT);
	else
		emitted_acknowledge(
			&publisher->params.slots[opaque >> NUMBER_BITS].emitted,
			opaque & NUMBER_MASK);
}

static void name_topics(struct publisher *publisher)
{
	for (size_t i = 0; i < N_TOPICS; i++)
		(void)snprintf(publisher->names[i], TOPIC_NAME_MAX, "%s%s",
			       topic_table[i].name, publisher->params.suffix);
}

int publisher_new(struct publisher **ret, const struct publisher_params *params)
{
	CLEANUP(publisher_freep)
	struct publisher *publisher = xcalloc(1, sizeof(*publisher));
	struct kafka_out_params out = {
		.brokers = params->brokers,
		.client_id = params->client_id,
		.linger_ms = params->linger_ms,
		.queue_max = params->queue_max,
		.report = take_report,
		.arg = publisher,
		.loop = params->loop,
	};
	int r;

	publisher->params = *params;
	name_topics(publisher);
	r = kafka_out_new(&publisher->out, &out);
	if (r)
		return r;
	*ret = publisher;
	publisher = NULL;
	return 0;
}

struct publisher *publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return NULL;
	(void)kafka_out_free(publisher->out);
	free(publisher);
	return NULL;
}

void publish_expect(struct record *record)
{
	/* One more than there are facts, until publish_end(). */
	record->entry =
		emitted_expect(&record->slot->emitted, record->kafka.offset, 1);
}

void publish_begin(struct publisher *publisher, const struct record *record)
{
	publisher->slot = record->slot;
	publisher->number = record->entry;
}

void publish_end(struct publisher *publisher)
{
	emitted_acknowledge(&publisher->slot->emitted, publisher->number);
	publisher->slot = NULL;
}

static void send_message(struct publisher *publisher,
			 struct kafka_message *message,
			 const struct kafka_body *body, uint64_t opaque)
{
	int r = kafka_out_send(message, body, (void *)(uintptr_t)opaque);

	publisher->n_fresh++;
	if (!r)
		return;
	/* The owner keeps what waits below the queue's size, and what we
	 * encode within the broker's bounds: so the producer is done for. */
	if (!publisher->failed)
		log_warn("PUBLISH-FAILED",
			 "a fact could not be sent (outcome %d), will take "
			 "over anew and publish again",
			 r);
	publisher->failed = true;
}

static uint64_t expect_one(struct publisher *publisher)
{
	uint64_t slot = (uint64_t)(publisher->slot - publisher->params.slots);

	emitted_expect_more(&publisher->slot->emitted, publisher->number);
	assert(publisher->number <= NUMBER_MASK);
	return slot << NUMBER_BITS | publisher->number;
}

static void send_fact(struct publisher *publisher, struct fact *fact,
		      uint64_t opaque)
{
	struct kafka_message *message = kafka_out_message(
		publisher->out, publisher->names[fact->topic]);
	struct kafka_body body = {
		.key = fact->key.p,
		.n_key = fact->key.n,
		.value = fact->body.p,
		.n_value = fact->body.n,
	};

	assert(!fact->body.full);
	fact->envelope.producer = text_of(publisher->params.producer);
	(void)envelope_write(&fact->envelope, kafka_message_header, message);
	send_message(publisher, message, &body, opaque);
}

void publish_fact(struct publisher *publisher, struct fact *fact)
{
	send_fact(publisher, fact, expect_one(publisher));
}

void publish_own(struct publisher *publisher, struct fact *fact, uint64_t token)
{
	send_fact(publisher, fact, token | OWN_BIT);
}

static void copy_header(void *message, const char *name, const void *value,
			size_t n)
{
	if (!dead_letter_owns(name))
		(void)kafka_message_header(message, name, value, n);
}

void publish_dead(struct publisher *publisher, const struct record *record,
		  const struct topic *source)
{
	const struct topic *topic = topic_dlq(source);
	struct kafka_message *message =
		kafka_out_message(publisher->out, publisher->names[topic->id]);
	struct dead_letter letter = {
		.topic = text_of(source->name),
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.group = text_of(publisher->params.group),
		.delivery_count = 1,
		.message = text_of(record->dead_detail),
	};
	struct kafka_body body = {
		.key = record->kafka.key,
		.n_key = record->kafka.n_key,
		.value = record->kafka.value,
		.n_value = record->kafka.n_value,
	};

	kafka_record_headers(&record->kafka, copy_header, message);
	(void)dead_letter_write(&letter, kafka_message_header, message);
	kafka_message_partition(message,
				record->kafka.partition % topic->partitions);
	send_message(publisher, message, &body, expect_one(publisher));
}

void publisher_push(struct publisher *publisher)
{
	if (publisher->n_fresh > 0 && publisher->n_fresh <= FEW_FACTS)
		kafka_out_push(publisher->out);
	publisher->n_fresh = 0;
}

bool publisher_poll(struct publisher *publisher, int timeout_ms)
{
	(void)kafka_out_poll(publisher->out, timeout_ms);
	if (kafka_out_fatal(publisher->out))
		publisher->failed = true;
	counter_set(&runtime_counters.waiting_facts,
		    (int64_t)kafka_out_waiting(publisher->out));
	return !publisher->failed;
}

size_t publisher_waiting(const struct publisher *publisher)
{
	return kafka_out_waiting(publisher->out);
}

size_t publisher_waiting_bytes(const struct publisher *publisher)
{
	return kafka_out_waiting_bytes(publisher->out);
}

bool publisher_away(struct publisher *publisher)
{
	return kafka_out_away(publisher->out);
}

int publisher_reset(struct publisher *publisher)
{
	publisher->failed = false;
	return kafka_out_reset(publisher->out);
}
