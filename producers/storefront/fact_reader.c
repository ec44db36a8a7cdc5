/* SPDX-License-Identifier: MIT */
/* Fact reader: see fact_reader.h. */
#include "producers/storefront/fact_reader.h"

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

struct fact_reader {
	struct fact_reader_params params;
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

int fact_reader_new(struct fact_reader **ret,
		    const struct fact_reader_params *params)
{
	CLEANUP(fact_reader_freep)
	struct fact_reader *reader = xcalloc(1, sizeof(*reader));
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

/* Does anybody here want to know? */
static bool concerns(const struct fact_reader *reader,
		     const struct kafka_record *record,
		     const struct envelope *envelope)
{
	struct text stall = envelope->stall.n ? envelope->stall : TEXT("main");
	struct order_id id;

	if (record->key && !order_id_parse(&id, record->key, record->n_key) &&
	    order_board_find(reader->params.board, &id))
		return true;
	return event_streams_watches(reader->params.streams, stall);
}

static int take_fact(struct fact_reader *reader,
		     const struct kafka_record *record,
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
			order_board_pick(reader->params.board, &pick);
	} else if (envelope->type == EVENT_TOASTIE) {
		r = toastie_decode(&toastie, envelope, record->value,
				   record->n_value, &fault);
		if (!r)
			order_board_toastie(reader->params.board, &toastie);
	}
	return r;
}

static void take_record(struct fact_reader *reader,
			const struct kafka_record *record)
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

void fact_reader_serve(struct fact_reader *reader)
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

bool fact_reader_ready(const struct fact_reader *reader)
{
	return reader->ready;
}
