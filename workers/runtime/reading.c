/* SPDX-License-Identifier: MIT */
/*
 * Reading: where each partition is read, and what is done when it cannot be.
 *
 * A slot that was taken over is read from its next_read on. One that cannot be
 * read is held by itself while the others go on: it is paused, its hold says
 * why, and it is tried again with growing pauses. It flows again, and its hold
 * ends, with the next record or the end of the log that comes in turn. (The
 * client tells some errors once only, so that silence proves nothing.)
 *
 * A position that is not in the log makes the client give the partition up
 * until all partitions are assigned anew. That pauses everybody for a moment,
 * so it is done only when the bounds of the log have the position after all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/state.h"

#define READ_AGAIN_MS 10
/* A break that is longer is no short one. */
#define BREAK_MAX_MS 1000
/* A fetcher that is not up after that is none. */
#define GIVEN_UP_MS 5000
/* Everybody pauses for a restart. */
#define RESTART_EVERY_MS 2000
/* Twice what a fetch may wait for on the same connection. */
#define ASK_TIMEOUT_MS 1000
/* Nothing is read while it is waited for. */
#define ASK_TOPICS_EVERY_MS 5000

static uint32_t some_random(void)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return random;
}

static struct kafka_partition place_of(const struct slot *slot)
{
	return (struct kafka_partition){
		.topic = slot->topic,
		.partition = slot->partition,
		.offset = slot->next_read,
	};
}

/* Pauses it; `next_read` is where it goes on. */
static void stop(struct worker *worker, struct slot *slot)
{
	struct kafka_partition place = place_of(slot);

	if (slot->state == SLOT_READING)
		(void)kafka_in_pause(worker->in, &place, 1);
	slot->state = SLOT_TAKEN;
}

static void hold_slot(struct worker *worker, struct slot *slot, const char *id,
		      const char *why)
{
	stop(worker, slot);
	if (hold_on(&slot->hold, why, clock_now_ms(), some_random()))
		log_error(id,
			  "'%s' partition %" PRId32
			  " cannot be read: %s, holding this partition, will "
			  "retry",
			  worker->topic_names[slot->topic], slot->partition,
			  why);
}

void reading_flows(struct worker *worker, struct slot *slot)
{
	slot->flowing = true;
	if (!slot->hold.on)
		return;
	log_info("PARTITION-READ",
		 "'%s' partition %" PRId32 " is read again after %" PRId64
		 " ms",
		 worker->topic_names[slot->topic], slot->partition,
		 clock_now_ms() - slot->hold.since_ms);
	hold_end(&slot->hold);
}

/* ---- what the client says ---- */

static void topic_failed(struct worker *worker, int topic, const char *why)
{
	if (hold_on(&worker->topic_holds[topic], why, clock_now_ms(), 0))
		log_error("TOPIC-UNREADABLE", "topic '%s' cannot be read: %s",
			  worker->topic_names[topic], why);
}

void reading_failed(struct worker *worker, struct slot *slot,
		    const struct kafka_record *mark)
{
	const char *why = mark->value;

	if (mark->partition < 0) {
		topic_failed(worker, mark->topic, why);
		return;
	}
	if (!slot || slot->state == SLOT_FREE)
		return;
	if (mark->mark == KAFKA_GONE) {
		/* Whenever it comes: the client has stopped reading, and says
		 * so once. What the log has is asked before anything is said
		 * of it. */
		slot->gone = true;
		if (slot->state == SLOT_READING)
			stop(worker, slot);
	} else if (slot->state == SLOT_READING) {
		hold_slot(worker, slot, "PARTITION-UNREADABLE", why);
	}
}

/* ---- a position that is said to be gone ---- */

/* True: the log has it. @why is for people. */
static bool log_has(struct worker *worker, const struct slot *slot,
		    char why[static HOLD_REASON_BYTES])
{
	int64_t low, high;

	if (kafka_in_watermarks(worker->in, slot->topic, slot->partition,
				ASK_TIMEOUT_MS, &low, &high)) {
		(void)snprintf(why, HOLD_REASON_BYTES,
			       "the log has not got offset %" PRId64
			       ", and the broker does not say what it has",
			       slot->next_read);
		return false;
	}
	(void)snprintf(why, HOLD_REASON_BYTES,
		       "the log has not got offset %" PRId64
		       ", it begins at %" PRId64 " and ends at %" PRId64,
		       slot->next_read, low, high);
	return slot->next_read >= low && slot->next_read <= high;
}

/* The client takes up again what it had given up. */
static void restart(struct worker *worker, int64_t now_ms)
{
	worker->restart_at_ms = now_ms + RESTART_EVERY_MS;
	kafka_in_restart(worker->in);
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		slot->gone = false;
		if (slot->state == SLOT_READING)
			slot->state = SLOT_TAKEN;
	}
}

/* One at a time: asking may take as long as a broker is slow. */
static void look_at_gone(struct worker *worker, int64_t now_ms)
{
	char why[HOLD_REASON_BYTES];

	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		if (!slot->gone || slot->state != SLOT_TAKEN ||
		    !hold_over(&slot->hold, now_ms))
			continue;
		if (!log_has(worker, slot, why))
			hold_slot(worker, slot, "POSITION-GONE", why);
		else if (now_ms >= worker->restart_at_ms)
			restart(worker, now_ms);
		return;
	}
}

/* ---- beginning to read ---- */

/* Nothing has come of the last try: it is begun again. */
static void stop_silent(struct worker *worker, int64_t now_ms)
{
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		if (slot->state == SLOT_READING && slot->hold.on &&
		    hold_over(&slot->hold, now_ms))
			stop(worker, slot);
	}
}

static size_t to_begin(const struct worker *worker, int64_t now_ms,
		       struct kafka_partition ret[static SLOTS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < SLOTS_MAX; i++) {
		const struct slot *slot = &worker->slots[i];

		if (slot->state == SLOT_TAKEN && !slot->gone &&
		    hold_over(&slot->hold, now_ms))
			ret[n++] = place_of(slot);
	}
	return n;
}

static void begin(struct slot *slot, int64_t now_ms)
{
	slot->state = SLOT_READING;
	slot->begun = true;
	slot->failing_at_ms = 0;
	slot->flowing = false;
	/* It is held until something comes; if nothing does, until then. */
	if (slot->hold.on)
		(void)hold_on(&slot->hold, slot->hold.reason, now_ms,
			      some_random());
}

static void begin_later(struct worker *worker, struct slot *slot,
			int64_t now_ms)
{
	if (!slot->failing_at_ms)
		slot->failing_at_ms = now_ms;
	/* The client may have given it up where nobody heard of it. */
	if (now_ms - slot->failing_at_ms > GIVEN_UP_MS) {
		slot->failing_at_ms = 0;
		slot->gone = true;
	}
	worker->read_at_ms = now_ms + READ_AGAIN_MS;
}

bool reading_goes_on(const struct slot *slot)
{
	return slot->begun &&
	       (!slot->failing_at_ms ||
		clock_now_ms() - slot->failing_at_ms < BREAK_MAX_MS);
}

void reading_turn(struct worker *worker)
{
	struct kafka_partition places[SLOTS_MAX];
	int64_t now_ms = clock_now_ms();
	bool begun[SLOTS_MAX];
	size_t n;

	if (worker->paused || now_ms < worker->read_at_ms)
		return;
	look_at_gone(worker, now_ms);
	stop_silent(worker, now_ms);
	n = to_begin(worker, now_ms, places);
	if (!n)
		return;
	kafka_in_resume_at(worker->in, places, n, begun);
	for (size_t i = 0; i < n; i++) {
		struct slot *slot =
			slot_of(worker, places[i].topic, places[i].partition);

		if (begun[i])
			begin(slot, now_ms);
		else
			begin_later(worker, slot, now_ms);
	}
}

void reading_pause(struct worker *worker)
{
	struct kafka_partition places[SLOTS_MAX];
	size_t n = 0;

	if (worker->paused)
		return;
	worker->paused = true;
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		/* Reading may have begun where it is about to. */
		if (!slot_held(slot))
			continue;
		places[n++] = place_of(slot);
		slot->state = SLOT_TAKEN;
	}
	if (n)
		(void)kafka_in_pause(worker->in, places, n);
}

void reading_continue(struct worker *worker)
{
	worker->paused = false; /* TAKEN slots are read from where they are */
}

static void topic_answered(struct worker *worker, int topic, bool there)
{
	struct hold *hold = &worker->topic_holds[topic];

	if (!there) {
		topic_failed(worker, topic, "the brokers do not have it");
		return;
	}
	if (hold->on)
		log_info("TOPIC-READ", "topic '%s' is there again",
			 worker->topic_names[topic]);
	hold_end(hold);
}

static bool has_topic_hold(const struct worker *worker)
{
	for (size_t i = 0; i < worker->identity.n_topics; i++)
		if (worker->topic_holds[i].on)
			return true;
	return false;
}

/* When the client says that one has gone, and until none is held. */
void reading_look_at_topics(struct worker *worker)
{
	bool there[KAFKA_IN_TOPICS_MAX];

	if (kafka_in_topics_doubted(worker->in))
		worker->topics_doubted = true;
	if (clock_now_ms() < worker->topics_at_ms ||
	    (!worker->topics_doubted && !has_topic_hold(worker)))
		return;
	if (!kafka_in_topics(worker->in, ASK_TIMEOUT_MS, there)) {
		worker->topics_doubted = false;
		for (size_t i = 0; i < worker->identity.n_topics; i++)
			topic_answered(worker, (int)i, there[i]);
	}
	worker->topics_at_ms = clock_now_ms() + ASK_TOPICS_EVERY_MS;
}
