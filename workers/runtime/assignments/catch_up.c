/* SPDX-License-Identifier: MIT */
/*
 * Catch up: lanes that are far behind, say because they come back from a
 * colour that was dead, are read by a second consumer until they are level.
 * The others of their partition go on as if they were not there.
 *
 * Which reader a lane belongs to is decided by a take-over, and by nothing
 * else: from there on both readers go through the same batches, epochs and
 * compare-and-set, and each moves its own lanes only. To be level is a reason
 * to take the partition over anew; then it begins at the lowest position, as
 * always, which is a few records away. So no lane ever changes its reader
 * while anything of it is in hand.
 *
 * The second consumer has no group. What it cannot read pauses these lanes
 * alone. It is opened when it is needed first. When nothing is left to catch up
 * it stays, and reads nothing: librdkafka 2.0.2 may hang when a consumer is
 * closed whose topic was deleted.
 */
#include <inttypes.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "workers/runtime/assignments/assignments_state.h"
#include "workers/runtime/counters.h"

/* 10,000 records of a topic, evenly over its partitions. The others wait for
 * less than half a second when they read over so many. */
#define FAR_BEHIND (INT64_C(10000) / TOPIC_PARTITIONS)
/* The others move on while a take-over begins: it must not part them again. */
#define LEVEL_WITHIN (FAR_BEHIND / 4)
#define OPEN_AGAIN_MS 1000

/* ---- which reader a lane belongs to ---- */

static int64_t highest(const struct assignment *assignment)
{
	int64_t ret = 0;

	for (size_t i = 0; i < assignment->n_lanes; i++)
		if (assignment->lanes[i].emitted > ret)
			ret = assignment->lanes[i].emitted;
	return ret;
}

static void log_behind(const struct assignments *given,
		       const struct assignment *assignment,
		       const struct lane_position *position)
{
	log_info("CATCH-UP",
		 "lane '%s' of '%s' partition %" PRId32 " is %" PRId64
		 " records behind the others, a second consumer reads it until "
		 "it is level",
		 given->lanes.lanes[position->lane].name,
		 given->identity->topic_names[assignment->topic],
		 assignment->partition,
		 assignment->level_from - position->emitted);
}

struct assignment *catch_up_split(struct assignments *given,
				  struct assignment *assignment)
{
	struct assignment *other = catch_up_of(given, assignment);
	size_t n_lanes = 0;

	other->n_lanes = 0;
	other->read_stamp_ms = 0;
	other->level_from = highest(assignment);
	for (size_t i = 0; i < assignment->n_lanes; i++) {
		struct lane_position position = assignment->lanes[i];

		if (other->level_from - position.emitted <= FAR_BEHIND) {
			assignment->lanes[n_lanes++] = position;
			continue;
		}
		other->lanes[other->n_lanes++] = position;
		log_behind(given, other, &position);
	}
	assignment->n_lanes = n_lanes;
	other->behind_at_ms = clock_now_ms();
	return other->n_lanes ? other : NULL;
}

void catch_up_end(struct assignments *given, struct assignment *assignment)
{
	struct assignment *other = catch_up_of(given, assignment);
	struct kafka_partition place = { .topic = other->topic,
					 .partition = other->partition };

	if (other->state == ASSIGNMENT_FREE)
		return;
	if (other->state == ASSIGNMENT_READING)
		(void)kafka_in_pause(given->catch_up, &place, 1);
	/* What is known of the partition until it is taken over. */
	if (other->written < assignment->written)
		assignment->written = other->written;
	if (other->decided < assignment->decided)
		assignment->decided = other->decided;
	other->state = ASSIGNMENT_FREE;
	other->n_lanes = 0;
	other->gone = false;
	backoff_end(&other->backoff);
	emitted_forget(&other->emitted);
	given->catch_up_reads[other - given->all - ASSIGNMENTS_MAX] = false;
}

void catch_up_forget(struct assignments *given)
{
	memset(given->catch_up_reads, 0, sizeof(given->catch_up_reads));
}

int64_t catch_up_written(struct assignments *given,
			 const struct assignment *assignment)
{
	const struct assignment *other = catch_up_of(given, assignment);

	return assignment_is_ours(other) && other->written < assignment->written
		       ? other->written
		       : assignment->written;
}

/* By what a take-over would find. */
static bool is_level(const struct assignment *assignment,
		     const struct assignment *other)
{
	return assignment_is_ours(other) &&
	       other->written + LEVEL_WITHIN >= assignment->written &&
	       other->written + LEVEL_WITHIN >= other->level_from;
}

static void log_level(const struct assignments *given,
		      const struct assignment *other, int64_t n_behind)
{
	for (size_t i = 0; i < other->n_lanes; i++)
		log_info("LEVEL",
			 "lane '%s' of '%s' partition %" PRId32
			 " is level after %" PRId64 " ms, %" PRId64
			 " records behind",
			 given->lanes.lanes[other->lanes[i].lane].name,
			 given->identity->topic_names[other->topic],
			 other->partition, clock_now_ms() - other->behind_at_ms,
			 n_behind > 0 ? n_behind : 0);
}

bool assignments_level(struct assignments *given)
{
	bool any = false;

	/* Nothing is taken over while the worker backs off. */
	for (size_t i = 0; !given->paused && i < ASSIGNMENTS_MAX; i++) {
		struct assignment *assignment = &given->all[i];
		const struct assignment *other = catch_up_of(given, assignment);

		if (!is_level(assignment, other))
			continue;
		log_level(given, other, assignment->written - other->written);
		assignments_doubt(given, assignment, false);
		any = true;
	}
	return any;
}

/* ---- the consumer ---- */

struct kafka_in *assignments_catch_up(const struct assignments *given)
{
	return given->catch_up;
}

void assignments_close(struct assignments *given)
{
	given->catch_up = kafka_in_free(given->catch_up);
}

/* All of them anew, from where they are: it takes no less. A fresh client
 * begins by itself, and a seek would hold this thread up until it has its
 * brokers. An older one may have paused them, and has to resume. */
static int assign(struct assignments *given, bool fresh, int64_t now_ms)
{
	struct kafka_partition places[ASSIGNMENTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++) {
		struct assignment *other = &given->all[ASSIGNMENTS_MAX + i];

		given->catch_up_reads[i] = assignment_is_ours(other);
		if (!given->catch_up_reads[i])
			continue;
		other->state = ASSIGNMENT_ACQUIRED;
		other->gone = false;
		if (fresh)
			reading_begin(other, now_ms);
		places[n++] = (struct kafka_partition){
			.topic = other->topic,
			.partition = other->partition,
			.offset = other->next_read,
		};
	}
	given->catch_up_busy = n > 0;
	return kafka_in_assign(given->catch_up, places, n);
}

static int open_consumer(struct assignments *given)
{
	if (given->catch_up)
		return 0;
	return kafka_in_new(&given->catch_up, &given->catch_up_params);
}

static void failed(struct assignments *given, int64_t now_ms)
{
	static const char why[] = "the second consumer cannot be opened";

	log_error("CATCH-UP-FAILED", "%s, will retry in %d ms", why,
		  OPEN_AGAIN_MS);
	catch_up_forget(given);
	given->catch_up_at_ms = now_ms + OPEN_AGAIN_MS;
	for (size_t i = ASSIGNMENTS_MAX; i < READERS_MAX; i++) {
		struct assignment *other = &given->all[i];

		if (!assignment_is_ours(other))
			continue;
		other->state = ASSIGNMENT_ACQUIRED;
		(void)backoff_begin(&other->backoff, why, now_ms);
	}
}

void catch_up_turn(struct assignments *given, int64_t now_ms)
{
	bool unread = false, fresh = !given->catch_up;
	int64_t n_lanes = 0;

	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++) {
		struct assignment *other = &given->all[ASSIGNMENTS_MAX + i];

		n_lanes += (int64_t)other->n_lanes;
		if (assignment_is_ours(other) && !given->catch_up_reads[i])
			unread = true;
	}
	counter_set(&runtime_counters.catching_up, n_lanes);
	if (!unread && (n_lanes || !given->catch_up_busy))
		return;
	if (now_ms >= given->catch_up_at_ms &&
	    (open_consumer(given) || assign(given, fresh, now_ms)))
		failed(given, now_ms);
}
