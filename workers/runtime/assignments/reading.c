/* SPDX-License-Identifier: MIT */
/*
 * Reading: where each partition is read, and what is done when it cannot be.
 *
 * An assignment that was taken over is read from its next_read on. A partition
 * that cannot be read is paused alone, and is tried again with growing pauses.
 * Its backoff ends with the next record or the end of the log that comes in
 * turn. (The client reports some errors once only, so that silence proves
 * nothing.)
 *
 * Only the record that must come next is in turn, whatever the client hands
 * out. Offsets between two records hold none when reading flowed from the one
 * to the other: these are markers of somebody's transactions, and records of
 * transactions that were aborted. The first record after a seek may have a
 * higher offset than expected for another reason. Then the worker seeks to the
 * same offset once more; if the same record comes again, the offsets before it
 * are empty. The end of the log proves that everything before it was handed
 * out.
 *
 * A position that is not in the log makes the client give the partition up
 * until all partitions are assigned anew. That pauses everybody for a moment,
 * so it is done only when the bounds of the log have the position after all.
 */
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "workers/runtime/assignments/assignments_state.h"
#include "workers/runtime/counters.h"

#define READ_AGAIN_MS 10
/* A break that is longer is no short one. */
#define BREAK_MAX_MS 1000
/* A fetcher that is not up after that is none. */
#define GIVEN_UP_MS 5000
/* Everybody pauses for a restart. */
#define RESTART_EVERY_MS 2000
/* Many times what a fetch may wait for on the same connection. */
#define ASK_TIMEOUT_MS 1000
/* Nothing is read while an answer is waited for. */
#define ASK_TOPICS_EVERY_MS 5000

static struct kafka_partition place_of(const struct assignment *assignment)
{
	return (struct kafka_partition){
		.topic = assignment->topic,
		.partition = assignment->partition,
		.offset = assignment->next_read,
	};
}

/* Pauses it; `next_read` is where it goes on. */
static void stop(struct assignments *given, struct assignment *assignment)
{
	struct kafka_partition place = place_of(assignment);

	if (assignment->state == ASSIGNMENT_READING)
		(void)kafka_in_pause(reader_in(given, assignment), &place, 1);
	assignment->state = ASSIGNMENT_ACQUIRED;
}

static void back_off(struct assignments *given, struct assignment *assignment,
		     const char *id, const char *why)
{
	stop(given, assignment);
	if (backoff_begin(&assignment->backoff, why, clock_now_ms()))
		log_error(id,
			  "'%s' partition %" PRId32
			  " cannot be read: %s, pausing this partition, will "
			  "retry",
			  given->identity->topic_names[assignment->topic],
			  assignment->partition, why);
}

/* ---- what the client says ---- */

static void topic_failed(struct assignments *given, int topic, const char *why)
{
	if (backoff_begin(&given->topic_backoffs[topic], why, clock_now_ms()))
		log_error("TOPIC-UNREADABLE", "topic '%s' cannot be read: %s",
			  given->identity->topic_names[topic], why);
}

/* @mark says that it cannot be read; @assignment is NULL for what is none. */
static void read_failed(struct assignments *given,
			struct assignment *assignment,
			const struct kafka_record *mark)
{
	const char *why = mark->value;

	if (mark->partition < 0) {
		topic_failed(given, mark->topic, why);
		return;
	}
	if (!assignment || assignment->state == ASSIGNMENT_FREE)
		return;
	if (mark->mark == KAFKA_GONE) {
		/* Noted in every state: the client has stopped reading, and
		 * says so once. The log is asked before anything is said. */
		assignment->gone = true;
		if (assignment->state == ASSIGNMENT_READING)
			stop(given, assignment);
	} else if (assignment->state == ASSIGNMENT_READING) {
		back_off(given, assignment, "PARTITION-UNREADABLE", why);
	}
}

static void flows(struct assignments *given, struct assignment *assignment)
{
	assignment->flowing = true;
	if (!assignment->backoff.on)
		return;
	log_info("PARTITION-READ",
		 "'%s' partition %" PRId32 " is read again after %" PRId64
		 " ms",
		 given->identity->topic_names[assignment->topic],
		 assignment->partition,
		 clock_now_ms() - assignment->backoff.since_ms);
	backoff_end(&assignment->backoff);
}

/* Is it the one that must come next? If not, reading is begun again. */
static bool in_turn(struct assignments *given, struct assignment *assignment,
		    const struct kafka_record *kafka, int64_t *ret_from)
{
	int64_t offset = kafka->offset;

	if (assignment->state != ASSIGNMENT_READING ||
	    offset < assignment->next_read)
		return false;
	if (offset > assignment->next_read && !assignment->flowing &&
	    offset != assignment->gap_to) {
		assignment->gap_to = offset;
		assignment->state = ASSIGNMENT_ACQUIRED;
		return false;
	}
	*ret_from = assignment->next_read;
	if (offset > assignment->next_read)
		counter_add(&runtime_counters.gaps, 1);
	assignment->next_read = offset;
	flows(given, assignment);
	return true;
}

struct assignment *assignments_receive(struct assignments *given,
				       const struct kafka_record *kafka,
				       bool catching_up, int64_t *ret_from)
{
	struct assignment *assignment = NULL;

	if (kafka->partition >= 0 && kafka->partition < TOPIC_PARTITIONS)
		assignment =
			assignment_of(given, kafka->topic, kafka->partition);
	if (assignment && catching_up)
		assignment = catch_up_of(given, assignment);
	switch (kafka->mark) {
	case KAFKA_UNREADABLE:
	case KAFKA_GONE:
		read_failed(given, assignment, kafka);
		return NULL;
	case KAFKA_RECORD:
	case KAFKA_END:
		break;
	}
	if (!assignment || !in_turn(given, assignment, kafka, ret_from))
		return NULL;
	return assignment;
}

/* ---- a position that is said to be gone ---- */

/* True: the log has it. @why is for people. */
static bool log_has(struct assignments *given,
		    const struct assignment *assignment,
		    char why[static BACKOFF_REASON_BYTES])
{
	int64_t low, high, next = assignment->next_read;

	if (kafka_in_watermarks(reader_in(given, assignment), assignment->topic,
				assignment->partition, ASK_TIMEOUT_MS, &low,
				&high)) {
		(void)snprintf(why, BACKOFF_REASON_BYTES,
			       "the log has not got offset %" PRId64
			       ", and the broker does not say what it has",
			       next);
		return false;
	}
	(void)snprintf(why, BACKOFF_REASON_BYTES,
		       "the log has not got offset %" PRId64
		       ", it begins at %" PRId64 " and ends at %" PRId64,
		       next, low, high);
	return next >= low && next <= high;
}

/* The client of that one reads again what it had given up. */
static void restart(struct assignments *given, const struct assignment *one,
		    int64_t now_ms)
{
	struct assignment *first = given->all;

	if (one->catching_up)
		first += ASSIGNMENTS_MAX;
	given->restart_at_ms = now_ms + RESTART_EVERY_MS;
	kafka_in_restart(reader_in(given, one));
	for (struct assignment *assignment = first;
	     assignment < first + ASSIGNMENTS_MAX; assignment++) {
		assignment->gone = false;
		if (assignment->state == ASSIGNMENT_READING)
			assignment->state = ASSIGNMENT_ACQUIRED;
	}
}

/* One at a time: asking may take as long as a broker is slow. */
static void check_gone(struct assignments *given, int64_t now_ms)
{
	char why[BACKOFF_REASON_BYTES];

	for (struct assignment *assignment = given->all;
	     assignment < given->all + READERS_MAX; assignment++) {
		if (!assignment->gone || !reader_in(given, assignment) ||
		    assignment->state != ASSIGNMENT_ACQUIRED ||
		    !backoff_over(&assignment->backoff, now_ms))
			continue;
		if (!log_has(given, assignment, why))
			back_off(given, assignment, "POSITION-GONE", why);
		else if (now_ms >= given->restart_at_ms)
			restart(given, assignment, now_ms);
		return;
	}
}

/* ---- beginning to read ---- */

/* Nothing has come of the last try: it is begun again. */
static void stop_silent(struct assignments *given, int64_t now_ms)
{
	for (struct assignment *assignment = given->all;
	     assignment < given->all + READERS_MAX; assignment++) {
		if (assignment->state == ASSIGNMENT_READING &&
		    assignment->backoff.on &&
		    backoff_over(&assignment->backoff, now_ms))
			stop(given, assignment);
	}
}

void reading_begin(struct assignment *assignment, int64_t now_ms)
{
	assignment->state = ASSIGNMENT_READING;
	assignment->begun = true;
	assignment->failing_at_ms = 0;
	assignment->flowing = false;
	/* It backs off until something comes; if nothing does, until then. */
	if (assignment->backoff.on)
		(void)backoff_begin(&assignment->backoff,
				    assignment->backoff.reason, now_ms);
}

static void begin_later(struct assignments *given,
			struct assignment *assignment, int64_t now_ms)
{
	if (!assignment->failing_at_ms)
		assignment->failing_at_ms = now_ms;
	/* The client may have given it up without a word to us. */
	if (now_ms - assignment->failing_at_ms > GIVEN_UP_MS) {
		assignment->failing_at_ms = 0;
		assignment->gone = true;
	}
	given->read_at_ms = now_ms + READ_AGAIN_MS;
}

bool reading_goes_on(const struct assignment *assignment)
{
	return assignment->begun &&
	       (!assignment->failing_at_ms ||
		clock_now_ms() - assignment->failing_at_ms < BREAK_MAX_MS);
}

/* Of one consumer's assignments, which begin at @first. */
static void begin_all(struct assignments *given, struct assignment *first,
		      int64_t now_ms)
{
	struct kafka_partition places[ASSIGNMENTS_MAX];
	bool begun[ASSIGNMENTS_MAX];
	size_t n = 0;

	for (const struct assignment *assignment = first;
	     assignment < first + ASSIGNMENTS_MAX; assignment++) {
		if (assignment->state == ASSIGNMENT_ACQUIRED &&
		    !assignment->gone &&
		    backoff_over(&assignment->backoff, now_ms))
			places[n++] = place_of(assignment);
	}
	if (!n)
		return;
	kafka_in_resume_at(reader_in(given, first), places, n, begun);
	for (size_t i = 0; i < n; i++) {
		struct assignment *assignment =
			first + places[i].topic * TOPIC_PARTITIONS +
			places[i].partition;

		if (begun[i])
			reading_begin(assignment, now_ms);
		else
			begin_later(given, assignment, now_ms);
	}
}

/* ---- topics ---- */

static void topic_answered(struct assignments *given, int topic, bool there)
{
	struct backoff *backoff = &given->topic_backoffs[topic];

	if (!there) {
		topic_failed(given, topic, "the brokers do not have it");
		return;
	}
	if (backoff->on)
		log_info("TOPIC-READ", "topic '%s' is there again",
			 given->identity->topic_names[topic]);
	backoff_end(backoff);
}

/* When the client says that one has gone, and until all are there. */
static void check_topics(struct assignments *given, int64_t now_ms)
{
	size_t n_topics = given->identity->n_topics;
	bool there[KAFKA_IN_TOPICS_MAX], wanted;

	if (kafka_in_topics_doubted(given->in))
		given->topics_doubted = true;
	wanted = given->topics_doubted;
	for (size_t i = 0; i < n_topics; i++)
		wanted = wanted || given->topic_backoffs[i].on;
	if (!wanted || now_ms < given->topics_at_ms)
		return;
	if (!kafka_in_topics(given->in, ASK_TIMEOUT_MS, there)) {
		given->topics_doubted = false;
		for (size_t i = 0; i < n_topics; i++)
			topic_answered(given, (int)i, there[i]);
	}
	given->topics_at_ms = clock_now_ms() + ASK_TOPICS_EVERY_MS;
}

void assignments_turn(struct assignments *given)
{
	int64_t now_ms = clock_now_ms();

	if (!given->paused && now_ms >= given->read_at_ms) {
		check_gone(given, now_ms);
		stop_silent(given, now_ms);
		begin_all(given, given->all, now_ms);
		catch_up_turn(given, now_ms);
		if (given->catch_up)
			begin_all(given, given->all + ASSIGNMENTS_MAX, now_ms);
	}
	check_topics(given, clock_now_ms());
}

/* ---- pausing ---- */

/* One consumer's assignments, which begin at @first. */
static void pause_all(struct kafka_in *in, struct assignment *first)
{
	struct kafka_partition places[ASSIGNMENTS_MAX];
	size_t n = 0;

	for (struct assignment *assignment = first;
	     assignment < first + ASSIGNMENTS_MAX; assignment++) {
		/* Of one that is about to be read reading may have begun. */
		if (!assignment_is_ours(assignment))
			continue;
		places[n++] = place_of(assignment);
		assignment->state = ASSIGNMENT_ACQUIRED;
	}
	if (n && in)
		(void)kafka_in_pause(in, places, n);
}

void assignments_pause(struct assignments *given)
{
	if (given->paused)
		return;
	given->paused = true;
	pause_all(given->in, given->all);
	pause_all(given->catch_up, given->all + ASSIGNMENTS_MAX);
}

void assignments_continue(struct assignments *given)
{
	given->paused = false; /* the next turn begins to read */
}

bool assignments_paused(const struct assignments *given)
{
	return given->paused;
}
