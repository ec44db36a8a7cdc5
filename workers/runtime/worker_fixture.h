/* SPDX-License-Identifier: MIT */
/*
 * Worker fixture: a worker without a broker and a database, which has just
 * taken over all partitions of two topics from offset FIRST on. What it reads
 * comes from the fake in kafka_in_fake.c. For *_test.c only.
 */
#ifndef RUNTIME_WORKER_FIXTURE_H
#define RUNTIME_WORKER_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/kafka_in_fake.h"
#include "infra/lib/xalloc.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/state.h"
#include "workers/runtime/trouble.h"

#define FIRST INT64_C(100)

static struct worker *worker;
static char *log_text;
static FILE *log_file;
static size_t log_bytes, n_decoded;

static inline int decode_any(void *arg, struct batch *batch,
			     struct record *record, struct schema_fault *fault)
{
	(void)arg;
	(void)batch;
	(void)record;
	(void)fault;
	n_decoded++;
	return 0;
}

static inline void hold_slots(void)
{
	for (int i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		slot->topic = i / TOPIC_PARTITIONS;
		slot->partition = i % TOPIC_PARTITIONS;
		if (slot->topic >= (int)worker->identity.n_topics)
			continue;
		slot->state = SLOT_TAKEN;
		slot->known = true;
		slot->rows[0] = (struct slot_row){ .next_offset = FIRST,
						   .emitted = FIRST };
		slot->n_rows = 1;
		slot->next_read = slot->decided = slot->written = FIRST;
		slot->gap_to = -1;
	}
}

static inline void worker_setup(void)
{
	static const struct worker_ops ops = { .decode = decode_any };
	static const struct runtime_conf conf = { .facts_max = 1000,
						  .batch_max = 5000,
						  .batch_ms = 50 };
	static const char *const names[] = { "orders", "restocks" };
	struct kafka_in_params params = { .topics = names, .n_topics = 2 };

	log_file = open_memstream(&log_text, &log_bytes);
	log_init(&(struct log_params){
		.out = log_file, .program = "test", .version = "1" });
	worker = xcalloc(1, sizeof(*worker));
	worker->ops = &ops;
	worker->conf = &conf;
	worker->identity.n_topics = 2;
	worker->identity.topics[0] = &topic_table[TOPIC_ORDERS];
	worker->identity.topics[1] = &topic_table[TOPIC_RESTOCKS];
	for (size_t i = 0; i < 2; i++)
		(void)str_copy(worker->topic_names[i], TOPIC_NAME_BYTES,
			       names[i]);
	ck_assert_int_eq(kafka_in_new(&worker->in, &params), 0);
	worker->open = batch_new();
	worker->running = batch_new();
	worker->told = batch_new();
	worker->batch_max = (size_t)conf.batch_max;
	worker->record_bytes = 1000;
	worker->lanes.n_lanes = 1;
	hold_slots();
	n_decoded = 0;
}

static inline void worker_teardown(void)
{
	worker->open = batch_free(worker->open);
	worker->running = batch_free(worker->running);
	worker->told = batch_free(worker->told);
	worker->in = kafka_in_free(worker->in);
	for (size_t i = 0; i < SLOTS_MAX; i++)
		emitted_deinit(&worker->slots[i].emitted);
	free(worker);
	log_init(&(struct log_params){
		.out = stdout, .program = "test", .version = "1" });
	(void)fclose(log_file);
	free(log_text);
}

/* Has it logged something with that id? */
static inline bool has_logged(const char *id)
{
	(void)fflush(log_file);
	return strstr(log_text, id) != NULL;
}

/* ---- what comes from the first topic ---- */

static inline struct slot *slot_at(int32_t partition)
{
	return slot_of(worker, 0, partition);
}

static inline struct kafka_in_fake_partition *client_at(int32_t partition)
{
	return kafka_in_fake_partition(worker->in, 0, partition);
}

/* An order that keeps its envelope's rules; its stall, if it is not NULL. */
static inline void come_of(int32_t partition, int64_t offset, const char *stall)
{
	struct kafka_record record = {
		.partition = partition,
		.offset = offset,
		.timestamp_ms = 1,
		.key = "key",
		.n_key = 3,
		.value = "value",
		.n_value = 5,
	};
	const struct kafka_in_fake_header headers[] = {
		{ "ce_specversion", "1.0", 3 },
		{ "ce_type", "galore.order.placed", 19 },
		{ "ce_id", "id", 2 },
		{ "ce_source", "/test", 5 },
		{ "stall", stall, stall ? strlen(stall) : 0 },
	};

	kafka_in_fake_push(worker->in, &record, headers, CHECK_N(headers));
}

static inline void come(int32_t partition, int64_t offset)
{
	come_of(partition, offset, NULL);
}

/* KAFKA_END at @offset; the others with the text @what. */
static inline void come_mark(enum kafka_mark mark, int32_t partition,
			     int64_t offset, const char *what)
{
	struct kafka_record record = {
		.mark = mark,
		.partition = partition,
		.offset = offset,
		.value = what,
		.n_value = what ? strlen(what) : 0,
	};

	kafka_in_fake_push(worker->in, &record, NULL, 0);
}

/* What came is read, and that partition goes on at @next_read. */
static inline void check_read(int32_t partition, int64_t next_read)
{
	intake_read(worker);
	ck_assert_int_eq(slot_at(partition)->next_read, next_read);
}

#endif
