/* SPDX-License-Identifier: MIT */
/* Facts: see facts.h. */
#include "producers/storefront/live/facts.h"

#include <errno.h>
#include <stdio.h>

#include "infra/lib/kafka_in.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/metrics.h"
#include "schemas/topics.h"

enum {
	AT_ONCE_MAX = 512,
	ROUNDS_MAX = 8, /* before the loop gets its turn */
	QUEUE_MAX_KBYTES = 4096,
	TOPIC_NAME_MAX = 249,
};

/* The end of a partition, as librdkafka has it. */
#define OFFSET_END INT64_C(-1)

enum source { PICKS, TOASTIES, N_SOURCES };

struct facts {
	struct facts_params params;
	struct kafka_in *in;
	bool ready;
	struct pick_room room;
	struct kafka_record records[AT_ONCE_MAX];
};

static void note_trouble(void *arg, const char *what)
{
	(void)arg;
	log_debug("FACTS-TROUBLE", "%s", what);
}

int facts_new(struct facts **ret, const struct facts_params *params)
{
	CLEANUP(facts_freep)
	struct facts *reader = xcalloc(1, sizeof(*reader));
	char names[N_SOURCES][TOPIC_NAME_MAX + 1];
	const char *const topics[] = { names[PICKS], names[TOASTIES] };
	const struct kafka_in_params in_params = {
		.brokers = params->brokers,
		.client_id = "storefront",
		.topics = topics,
		.n_topics = N_SOURCES,
		.queue_max_kbytes = QUEUE_MAX_KBYTES,
		.trouble = note_trouble,
		.arg = reader,
		.loop = params->loop,
	};
	int r;

	reader->params = *params;
	if (snprintf(names[PICKS], sizeof(names[0]), "%s%s",
		     topic_table[TOPIC_PICKS].name,
		     params->topic_suffix) > TOPIC_NAME_MAX ||
	    snprintf(names[TOASTIES], sizeof(names[0]), "%s%s",
		     topic_table[TOPIC_TOASTIES].name,
		     params->topic_suffix) > TOPIC_NAME_MAX)
		return -ENAMETOOLONG;
	r = kafka_in_new(&reader->in, &in_params);
	if (r)
		return r;
	*ret = reader;
	reader = NULL;
	return 0;
}

struct facts *facts_free(struct facts *reader)
{
	if (!reader)
		return NULL;
	reader->in = kafka_in_free(reader->in);
	free(reader);
	return NULL;
}

static void begin_at_the_end(struct facts *reader)
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

/* Does anybody here want to know? */
static bool concerns(const struct facts *reader,
		     const struct kafka_record *record,
		     const struct envelope *envelope)
{
	struct text stall = envelope->stall.n ? envelope->stall : TEXT("main");
	struct order_id id;

	if (record->key && !order_id_parse(&id, record->key, record->n_key) &&
	    order_cache_find(reader->params.cache, &id))
		return true;
	return subscriptions_of_stall(reader->params.streams, stall);
}

static int take_fact(struct facts *reader, const struct kafka_record *record,
		     const struct envelope *envelope)
{
	struct schema_fault fault;
	struct toastie toastie;
	struct pick pick;
	int r = SCHEMA_E_UNKNOWN_TYPE;

	if (envelope->type == EVENT_PICK) {
		r = pick_decode(&pick, &reader->room, envelope, record->value,
				record->n_value, &fault);
		if (!r)
			order_cache_pick(reader->params.cache, &pick);
	} else if (envelope->type == EVENT_TOASTIE) {
		r = toastie_decode(&toastie, envelope, record->value,
				   record->n_value, &fault);
		if (!r)
			order_cache_toastie(reader->params.cache, &toastie);
	}
	return r;
}

static void take_record(struct facts *reader, const struct kafka_record *record)
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
	if (!concerns(reader, record, &envelope))
		return;
	if (envelope_check(&envelope, NULL) ||
	    take_fact(reader, record, &envelope))
		counter_add(&metrics.facts_bad, 1);
}

void facts_serve(struct facts *reader)
{
	size_t n = AT_ONCE_MAX;

	if (!reader->ready && kafka_watch_seen(reader->params.watch))
		begin_at_the_end(reader);
	for (int round = 0; n == AT_ONCE_MAX && round < ROUNDS_MAX; round++) {
		n = kafka_in_poll(reader->in, reader->records, AT_ONCE_MAX, 0);
		for (size_t i = 0; i < n; i++) {
			take_record(reader, &reader->records[i]);
			kafka_record_release(&reader->records[i]);
		}
	}
	if (n == AT_ONCE_MAX)
		loop_wake(reader->params.loop);
}

bool facts_ready(const struct facts *reader)
{
	return reader->ready;
}
