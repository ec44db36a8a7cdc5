/* SPDX-License-Identifier: MIT */
/*
 * Batches fixture: assignments and batches without a broker and a database.
 * All partitions of two topics were just taken over from offset FIRST on. What
 * is read comes from the fake in kafka_in_fake.c. For *_test.c only.
 */
#ifndef RUNTIME_BATCHES_FIXTURE_H
#define RUNTIME_BATCHES_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/kafka/kafka_in_fake.h"
#include "infra/lib/xalloc.h"
#include "workers/runtime/assignments/assignments_state.h"
#include "workers/runtime/batches/batches_state.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/publish_fake.h"

#define FIRST INT64_C(100)

static struct kafka_in *in;
static struct assignments *assignments;
static struct batches *batches;
static struct publisher *publisher;
static char *log_text;
static FILE *log_file;
static size_t log_bytes, n_decoded;

static const struct identity two_topics = {
	.topics = { &topic_table[TOPIC_ORDERS], &topic_table[TOPIC_RESTOCKS] },
	.topic_names = { "orders", "restocks" },
	.group = "test",
	.n_topics = 2,
};

static const struct budget usual_budget = { .facts_max = 1000,
					    .batch_max = 5000 };

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

static inline void acquire_all(void)
{
	for (int i = 0; i < 2 * TOPIC_PARTITIONS; i++) {
		struct assignment *assignment = &assignments->all[i];

		assignment->state = ASSIGNMENT_ACQUIRED;
		assignment->known = true;
		assignment->lanes[0] =
			(struct lane_position){ .next_offset = FIRST,
						.emitted = FIRST };
		assignment->n_lanes = 1;
		assignment->next_read = assignment->decided = FIRST;
		assignment->written = FIRST;
		assignment->gap_to = -1;
	}
	assignments->lanes.n_lanes = 1;
}

static inline void fixture_setup_of(const struct worker_ops *ops,
				    const struct budget *budget)
{
	struct kafka_in_params params = { .topics = two_topics.topic_names,
					  .n_topics = 2 };
	struct publisher_params publishing = { .group = "test" };

	log_file = open_memstream(&log_text, &log_bytes);
	log_init(&(struct log_params){
		.out = log_file, .program = "test", .version = "1" });
	ck_assert_int_eq(kafka_in_new(&in, &params), 0);
	ck_assert_int_eq(publisher_new(&publisher, &publishing), 0);
	assignments = assignments_new(in, &two_topics, &params);
	batches = batches_new(
		&(struct batches_params){ .ops = ops,
					  .budget = budget,
					  .batch_ms = 50,
					  .identity = &two_topics,
					  .in = in,
					  .assignments = assignments,
					  .publisher = publisher });
	batches->batch_max = budget->batch_max;
	batches->record_bytes = 1000;
	acquire_all();
	n_decoded = 0;
}

/* All partitions are read. */
static inline void fixture_setup(void)
{
	static const struct worker_ops ops = { .decode = decode_any };

	fixture_setup_of(&ops, &usual_budget);
	assignments_turn(assignments);
}

static inline void fixture_teardown(void)
{
	batches = batches_free(batches);
	in = kafka_in_free(in);
	assignments = assignments_free(assignments);
	publisher = publisher_free(publisher);
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

static inline struct assignment *assignment_at(int32_t partition)
{
	return assignment_of(assignments, 0, partition);
}

static inline struct kafka_in_fake_partition *client_at(int32_t partition)
{
	return kafka_in_fake_partition(in, 0, partition);
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

	kafka_in_fake_push(in, &record, headers, CHECK_N(headers));
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

	kafka_in_fake_push(in, &record, NULL, 0);
}

/* What came is read, and that partition goes on at @next_read. */
static inline void check_read(int32_t partition, int64_t next_read)
{
	batches_read(batches);
	ck_assert_int_eq(assignment_at(partition)->next_read, next_read);
}

#endif
