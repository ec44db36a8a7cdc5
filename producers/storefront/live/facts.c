/* SPDX-License-Identifier: MIT */
/* Facts: a batch of records at a time, each into the cache. */
#include "producers/storefront/live/facts.h"

#include <errno.h>

#include "infra/lib/kafka/kafka_in.h"
#include "infra/lib/loop.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/live/subscriptions.h"
#include "producers/storefront/orders/order_cache.h"
#include "schemas/topics.h"

enum {
	BATCH_MAX = 512,
	ROUNDS_MAX = 8, /* before the loop does something else */
	QUEUE_MAX_KBYTES = 4096,
};

/* The end of a partition, as librdkafka has it. */
#define OFFSET_END INT64_C(-1)

static const enum topic_id sources[] = { TOPIC_PICKS, TOPIC_TOASTIES };

enum { N_SOURCES = sizeof(sources) / sizeof(sources[0]) };

struct facts {
	struct shop *shop;
	const struct kafka_watch *watch;
	struct kafka_in *in;
	bool ready;
	struct pick_storage buffer;
	struct kafka_record records[BATCH_MAX];
};

static void on_trouble(void *arg, const char *what)
{
	(void)arg;
	log_debug("FACTS-TROUBLE", "%s", what);
}

int facts_new(struct facts **ret, struct shop *shop,
	      const struct kafka_watch *watch)
{
	CLEANUP(facts_freep) struct facts *facts = xcalloc(1, sizeof(*facts));
	const char *topics[N_SOURCES];
	const struct kafka_in_params params = {
		.brokers = shop->conf->brokers,
		.client_id = "storefront",
		.topics = topics,
		.n_topics = N_SOURCES,
		.queue_max_kbytes = QUEUE_MAX_KBYTES,
		.trouble = on_trouble,
		.arg = facts,
		.loop = shop->loop,
	};
	int r;

	facts->shop = shop;
	facts->watch = watch;
	for (int i = 0; i < N_SOURCES; i++)
		topics[i] = shop->topics.of[sources[i]];
	r = kafka_in_new(&facts->in, &params);
	if (r)
		return r;
	*ret = facts;
	facts = NULL;
	return 0;
}

struct facts *facts_free(struct facts *facts)
{
	if (!facts)
		return NULL;
	facts->in = kafka_in_free(facts->in);
	free(facts);
	return NULL;
}

static void begin_at_the_end(struct facts *facts)
{
	struct kafka_partition partitions[N_SOURCES * TOPIC_PARTITIONS];
	size_t n = 0;

	for (int topic = 0; topic < N_SOURCES; topic++)
		for (int32_t p = 0; p < TOPIC_PARTITIONS; p++)
			partitions[n++] = (struct kafka_partition){
				.topic = topic,
				.partition = p,
				.offset = OFFSET_END,
			};
	facts->ready = !kafka_in_assign(facts->in, partitions, n);
}

/* Is the order cached, or does somebody listen to its stall? */
static bool concerns_somebody(const struct facts *facts,
			      const struct kafka_record *record,
			      const struct envelope *envelope)
{
	struct order_id id;

	if (record->key && !order_id_parse(&id, record->key, record->n_key) &&
	    order_cache_find(facts->shop->cache, &id))
		return true;
	return subscriptions_has_stall(facts->shop->subscriptions,
				       envelope_stall(envelope));
}

static int apply(struct facts *facts, const struct kafka_record *record,
		 const struct envelope *envelope)
{
	struct order_cache *cache = facts->shop->cache;
	struct schema_fault fault;
	struct toastie toastie;
	struct pick pick;
	int r = SCHEMA_E_UNKNOWN_TYPE;

	if (envelope->type == EVENT_PICK) {
		r = pick_decode(&pick, &facts->buffer, envelope, record->value,
				record->n_value, &fault);
		if (!r)
			order_cache_pick(cache, &pick);
	} else if (envelope->type == EVENT_TOASTIE) {
		r = toastie_decode(&toastie, envelope, record->value,
				   record->n_value, &fault);
		if (!r)
			order_cache_toastie(cache, &toastie);
	}
	return r;
}

static void read_record(struct facts *facts, const struct kafka_record *record)
{
	struct envelope envelope;
	const char *name;
	const void *value;
	size_t n;

	counter_add(&metrics.facts_read, 1);
	envelope_init(&envelope);
	for (size_t i = 0; kafka_record_header(record, i, &name, &value, &n);
	     i++)
		envelope_read(&envelope, name, value, n);
	if (!concerns_somebody(facts, record, &envelope))
		return;
	if (envelope_check(&envelope, NULL) || apply(facts, record, &envelope))
		counter_add(&metrics.facts_bad, 1);
}

void facts_serve(struct facts *facts)
{
	size_t n = BATCH_MAX;

	if (!facts->ready && kafka_watch_seen(facts->watch))
		begin_at_the_end(facts);
	for (int round = 0; n == BATCH_MAX && round < ROUNDS_MAX; round++) {
		n = kafka_in_poll(facts->in, facts->records, BATCH_MAX, 0);
		for (size_t i = 0; i < n; i++) {
			read_record(facts, &facts->records[i]);
			kafka_record_release(&facts->records[i]);
		}
	}
	if (n == BATCH_MAX)
		loop_wake(facts->shop->loop);
}

bool facts_ready(const struct facts *facts)
{
	return facts->ready;
}
