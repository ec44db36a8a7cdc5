/* SPDX-License-Identifier: MIT */
/* Assignments, from the inside: for assignments.c, reading.c, lag.c and
 * their tests. */
#ifndef RUNTIME_ASSIGNMENTS_STATE_H
#define RUNTIME_ASSIGNMENTS_STATE_H

#include "workers/runtime/assignments/assignments.h"

struct assignments {
	struct kafka_in *in; /* the group's */
	const struct identity *identity;
	struct assignment all[READERS_MAX];
	struct lanes lanes;
	bool joined;
	/* Partitions that the group gives and nobody declared; 0: none. */
	int32_t undeclared[WORKER_TOPICS_MAX];
	/* reading.c */
	bool paused;
	struct backoff topic_backoffs[WORKER_TOPICS_MAX];
	bool topics_doubted; /* the brokers are to be asked for them */
	int64_t read_at_ms, restart_at_ms, topics_at_ms;
	/* catch_up.c */
	struct kafka_in_params catch_up_params;
	struct kafka_in *catch_up; /* NULL: no lane was far behind yet */
	bool catch_up_busy;        /* something is assigned to it */
	bool catch_up_reads[ASSIGNMENTS_MAX]; /* that partition */
	int64_t catch_up_at_ms;               /* when it is tried again */
	/* lag.c: the longest that a fact waits for the broker */
	int64_t unacknowledged_ms;
	char sentence[BACKOFF_REASON_BYTES + 250];
};

static inline struct assignment *assignment_of(struct assignments *given,
					       int topic, int32_t partition)
{
	return &given->all[topic * TOPIC_PARTITIONS + partition];
}

/* The one for lanes that are far behind, of the same partition. */
static inline struct assignment *
catch_up_of(struct assignments *given, const struct assignment *assignment)
{
	return assignment_of(given, assignment->topic, assignment->partition) +
	       ASSIGNMENTS_MAX;
}

/* The consumer that reads it; NULL: it is not there. */
static inline struct kafka_in *reader_in(const struct assignments *given,
					 const struct assignment *assignment)
{
	return assignment->catching_up ? given->catch_up : given->in;
}

/* Moves lanes that are far behind the others to the second one of the
 * partition, and gives it; NULL: there are none. */
struct assignment *catch_up_split(struct assignments *given,
				  struct assignment *assignment);
/* The second one of a partition that came into doubt is free. */
void catch_up_end(struct assignments *given, struct assignment *assignment);
/* Whatever it must read is assigned to the second consumer anew. */
void catch_up_forget(struct assignments *given);
/* emitted_offset of all lanes of a partition, in the database. */
int64_t catch_up_written(struct assignments *given,
			 const struct assignment *assignment);
/* The second consumer is there when it is needed, and reads what it must. */
void catch_up_turn(struct assignments *given, int64_t now_ms);

/* Twice a second: notes where nothing is left to decide (lag.c). */
void lag_note_levels(struct assignments *given);
/* The client has begun to hand it out from next_read on (reading.c). */
void reading_begin(struct assignment *assignment, int64_t now_ms);
/* It was being read, and is again in a moment (reading.c). */
bool reading_goes_on(const struct assignment *assignment);

#endif
