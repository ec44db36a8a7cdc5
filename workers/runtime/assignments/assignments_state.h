/* SPDX-License-Identifier: MIT */
/* Assignments, from the inside: for assignments.c, reading.c, lag.c and
 * their tests. */
#ifndef RUNTIME_ASSIGNMENTS_STATE_H
#define RUNTIME_ASSIGNMENTS_STATE_H

#include "workers/runtime/assignments/assignments.h"

struct assignments {
	struct kafka_in *in;
	const struct identity *identity;
	struct assignment all[ASSIGNMENTS_MAX];
	struct lanes lanes;
	bool joined;
	/* Partitions that the group gives and nobody declared; 0: none. */
	int32_t undeclared[WORKER_TOPICS_MAX];
	/* reading.c */
	bool paused;
	struct backoff topic_backoffs[WORKER_TOPICS_MAX];
	bool topics_doubted; /* the brokers are to be asked for them */
	int64_t read_at_ms, restart_at_ms, topics_at_ms;
	/* lag.c: the longest that a fact waits for the broker */
	int64_t unacknowledged_ms;
	char sentence[BACKOFF_REASON_BYTES + 250];
};

static inline struct assignment *assignment_of(struct assignments *given,
					       int topic, int32_t partition)
{
	return &given->all[topic * TOPIC_PARTITIONS + partition];
}

/* Twice a second: notes where nothing is left to decide (lag.c). */
void lag_note_levels(struct assignments *given);
/* It was being read, and is again in a moment (reading.c). */
bool reading_goes_on(const struct assignment *assignment);

#endif
