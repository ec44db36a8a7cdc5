/* SPDX-License-Identifier: MIT */
/*
 * Kafka in fake: what a worker asks of kafka_in.h, without a broker. For tests;
 * linked in place of kafka_in.c (infra/dev/fakes.mk).
 *
 * A test pushes records and marks, and kafka_in_poll() gives them in that
 * order, wherever partitions stand: the real client, too, gives what it had
 * fetched before. Everything else that is asked of the client is kept in
 * struct kafka_in, where the test also writes what the broker answers. Nobody
 * gives or takes partitions: a test calls its own callbacks.
 *
 * What is polled is memory of its own until it is released, so that the
 * address sanitizer sees a use after that; kafka_in_free() asserts that all
 * of it was released.
 */
#ifndef LIB_KAFKA_IN_FAKE_H
#define LIB_KAFKA_IN_FAKE_H

#include "infra/lib/kafka/kafka_in.h"

enum { KAFKA_IN_FAKE_PARTITIONS = 16 };

struct kafka_in_fake_partition {
	/* What was asked of the client. */
	bool reading;       /* resumed, and not paused since */
	int64_t resumed_at; /* the offset, the last time */
	size_t n_pauses, n_resumes;
	bool assigned; /* by kafka_in_assign(), the last time */
	int64_t committed;
	size_t n_watermarks; /* times that they were asked for */
	/* What the test says of the broker. */
	bool slow; /* reading cannot begin yet */
	bool away; /* the watermarks get no answer */
	int64_t low, high;
	bool fetched; /* so that `high` is known without asking */
};

struct kafka_in_fake_topic {
	struct kafka_in_fake_partition partitions[KAFKA_IN_FAKE_PARTITIONS];
	bool gone; /* says the test */
};

struct kafka_in_fake_record;

struct kafka_in {
	struct kafka_in_params params;
	struct kafka_in_fake_topic topics[KAFKA_IN_TOPICS_MAX];
	size_t n_polls, n_restarts;
	size_t n_asked;   /* for the topics */
	size_t n_max;     /* that the last poll asked for */
	size_t n_in_hand; /* records that were polled and not released */
	/* What the test says. */
	bool doubted, fatal;
	bool silent;  /* when asked for the topics */
	bool refuses; /* to be assigned anything */
	int commit_answer;
	size_t n_queued; /* fetched ahead, beside what it pushed */
	/* What waits to be polled. */
	struct kafka_in_fake_record *first, **end;
};

struct kafka_in_fake_header {
	const char *name;
	const void *value;
	size_t n;
};

/* The next one to be polled. Copies all of it; @record's handle is ignored. */
void kafka_in_fake_push(struct kafka_in *in, const struct kafka_record *record,
			const struct kafka_in_fake_header *headers,
			size_t n_headers);

static inline struct kafka_in_fake_partition *
kafka_in_fake_partition(struct kafka_in *in, int topic, int32_t partition)
{
	return &in->topics[topic].partitions[partition];
}

#endif
