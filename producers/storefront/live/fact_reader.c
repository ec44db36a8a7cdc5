/* SPDX-License-Identifier: MIT */
/* Fact reader: a batch of records at a time, each into the cache. */
#include "producers/storefront/live/fact_reader.h"

#include <errno.h>

#include "infra/lib/kafka/kafka_in.h"
#include "infra/lib/loop.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/live/subscriptions.h"
#include "producers/storefront/orders/order_cache.h"
#include "schemas/messages/stall.h"
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

struct fact_reader {
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

int fact_reader_new(struct fact_reader **ret, struct shop *shop,
		    const struct kafka_watch *watch)
{
	CLEANUP(fact_reader_freep)
	struct fact_reader *reader = xcalloc(1, sizeof(*reader));
	const char *topics[N_SOURCES];
	const struct kafka_in_params params = {
		.brokers = shop->conf->brokers,
		.client_id = "storefront",
		.topics = topics,
		.n_topics = N_SOURCES,
		.queue_max_kbytes = QUEUE_MAX_KBYTES,
		.trouble = on_trouble,
		.arg = reader,
		.loop = shop->loop,
	};
	int r;

	reader->shop = shop;
	reader->watch = watch;
	for (int i = 0; i < N_SOURCES; i++)
		topics[i] = shop->topics.of[sources[i]];
	r = kafka_in_new(&reader->in, &params);
	if (r)
		return r;
	*ret = reader;
	reader = NULL;
	return 0;
}

struct fact_reader *fact_reader_free(struct fact_reader *reader)
{
	if (!reader)
		return NULL;
	reader->in = kafka_in_free(reader->in);
	free(reader);
	return NULL;
}

static void begin_at_the_end(struct fact_reader *reader)
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
	reader->ready = !kafka_in_assign(reader->in, partitions, n);
}

/* Is the order cached, or does somebody listen to its stall? */
static bool concerns_somebody(const struct fact_reader *reader,
			      const struct kafka_record *record,
			      const struct envelope *envelope)
{
	struct order_id id;

	if (record->key && !order_id_parse(&id, record->key, record->n_key) &&
	    order_cache_find(reader->shop->cache, &id))
		return true;
	return subscriptions_has_stall(
		reader->shop->subscriptions,
		message_stall(envelope, record->value, record->n_value));
}

static int apply(struct fact_reader *reader, const struct kafka_record *record,
		 const struct envelope *envelope)
{
	struct order_cache *cache = reader->shop->cache;
	struct schema_fault fault;
	struct toastie toastie;
	struct pick pick;
	int r = SCHEMA_E_UNKNOWN_TYPE;

	if (envelope->type == EVENT_PICK) {
		r = pick_decode(&pick, &reader->buffer, envelope, record->value,
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

static void read_record(struct fact_reader *reader,
			const struct kafka_record *record)
{
	struct envelope envelope;
	const char *name;
	const void *value;
	size_t n;
	int r;

	counter_add(&metrics.facts_read, 1);
	envelope_init(&envelope);
	for (size_t i = 0; kafka_record_header(record, i, &name, &value, &n);
	     i++)
		envelope_read(&envelope, name, value, n);
	r = envelope_check(&envelope, NULL);
	if (!concerns_somebody(reader, record, &envelope))
		return;
	if (r || apply(reader, record, &envelope))
		counter_add(&metrics.facts_bad, 1);
}

void fact_reader_serve(struct fact_reader *reader)
{
	size_t n = BATCH_MAX;

	if (!reader->ready && kafka_watch_seen(reader->watch))
		begin_at_the_end(reader);
	for (int round = 0; n == BATCH_MAX && round < ROUNDS_MAX; round++) {
		n = kafka_in_poll(reader->in, reader->records, BATCH_MAX, 0);
		for (size_t i = 0; i < n; i++) {
			read_record(reader, &reader->records[i]);
			kafka_record_release(&reader->records[i]);
		}
	}
	if (n == BATCH_MAX)
		loop_wake(reader->shop->loop);
}

bool fact_reader_ready(const struct fact_reader *reader)
{
	return reader->ready;
}
