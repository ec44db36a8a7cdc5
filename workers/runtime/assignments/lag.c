/* SPDX-License-Identifier: MIT */
/*
 * Lag: how far a worker is behind, what of its topics it cannot read, and
 * how much it has read, for everybody who shows it: /readyz, /metrics, the
 * heartbeat.
 *
 * Lag is counted from the end of the log that the last fetch has said, so that
 * no broker is asked. Its seconds are the age of the record that was read
 * last, but no more than the time since nothing was left to decide; 0 when
 * nothing is. The names come from two exporters: kafka_exporter has the
 * records, by consumergroup; kafka-lag-exporter has the seconds, by group. Both
 * rows have consumergroup, so that they can be joined; the seconds have group
 * besides, for the dashboards of the second one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "workers/runtime/assignments/assignments_state.h"
#include "workers/runtime/counters.h"

#define PAUSED "galore_paused_partitions"
#define CONSUMED "messaging_client_consumed_messages_total"
#define LAG_RECORDS "kafka_consumergroup_lag"
#define LAG_SECONDS "kafka_consumergroup_group_lag_seconds"
/* No broker that is well needs so long for a fact. */
#define FACTS_WAIT_MAX_MS 10000

/* clang-format off */
struct runtime_counters runtime_counters = {
#define COUNTERS_ROWS
#define COUNTERS_DEF "workers/runtime/counters.def"
#include "infra/lib/counters_def.h"
};
/* clang-format on */

void runtime_counters_register(void)
{
	counters_register((struct counter *)&runtime_counters,
			  sizeof(runtime_counters) / sizeof(struct counter));
}

/* ---- what cannot be read ---- */

struct trouble {
	int topic;
	int32_t partition; /* -1: the whole topic */
	const char *what;
};

enum { TROUBLES_MAX = 2 * WORKER_TOPICS_MAX + ASSIGNMENTS_MAX };

/* Why a partition, or some of its lanes, cannot be read; NULL: all are. */
static const char *why_unread(struct assignments *given,
			      const struct assignment *assignment)
{
	const struct assignment *other = catch_up_of(given, assignment);

	if (!assignment_is_ours(assignment))
		return NULL;
	if (assignment->backoff.on)
		return assignment->backoff.reason;
	return assignment_is_ours(other) && other->backoff.on
		       ? other->backoff.reason
		       : NULL;
}

/* Topics that are not there, partitions that nobody declared, partitions that
 * cannot be read, in this order. Gives their number. */
static size_t list_troubles(struct assignments *given,
			    struct trouble ret[static TROUBLES_MAX])
{
	int n_topics = (int)given->identity->n_topics;
	size_t n = 0;

	for (int i = 0; i < n_topics; i++)
		if (given->topic_backoffs[i].on)
			ret[n++] = (struct trouble){
				i, -1, given->topic_backoffs[i].reason
			};
	for (int i = 0; i < n_topics; i++)
		if (given->undeclared[i])
			ret[n++] = (struct trouble){
				i, given->undeclared[i],
				"it is not declared, nothing reads it"
			};
	for (const struct assignment *assignment = given->all;
	     assignment < given->all + ASSIGNMENTS_MAX; assignment++) {
		const char *why = why_unread(given, assignment);

		if (why)
			ret[n++] =
				(struct trouble){ assignment->topic,
						  assignment->partition, why };
	}
	return n;
}

static const char *name_of(const struct assignments *given, int topic)
{
	return given->identity->topic_names[topic];
}

static const char *sentence_of(struct assignments *given,
			       const struct trouble *trouble)
{
	const char *name = name_of(given, trouble->topic);

	if (trouble->partition < 0)
		(void)snprintf(given->sentence, sizeof(given->sentence),
			       "topic '%s' cannot be read: %s", name,
			       trouble->what);
	else
		(void)snprintf(given->sentence, sizeof(given->sentence),
			       "'%s' partition %" PRId32 " cannot be read: %s",
			       name, trouble->partition, trouble->what);
	return given->sentence;
}

/* Acquired, and not read, although nothing else is to be done first? */
static bool is_late(const struct assignments *given,
		    const struct assignment *assignment)
{
	return assignment->state == ASSIGNMENT_ACQUIRING ||
	       (assignment->state == ASSIGNMENT_ACQUIRED && !given->paused &&
		!reading_goes_on(assignment));
}

const char *assignments_not_ready(struct assignments *given)
{
	struct trouble troubles[TROUBLES_MAX];

	if (given->unacknowledged_ms > FACTS_WAIT_MAX_MS) {
		(void)snprintf(given->sentence, sizeof(given->sentence),
			       "a fact waits for the broker since %d s",
			       (int)(given->unacknowledged_ms / 1000));
		return given->sentence;
	}
	if (list_troubles(given, troubles))
		return sentence_of(given, &troubles[0]);
	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++)
		if (is_late(given, &given->all[i]))
			return "partitions are being taken over";
	return NULL;
}

void assignments_troubles(struct assignments *given, struct buf *out)
{
	struct trouble troubles[TROUBLES_MAX];
	size_t n = list_troubles(given, troubles);

	buf_text(out, "[");
	for (size_t i = 0; i < n; i++) {
		const struct trouble *trouble = &troubles[i];

		buf_text(out, i ? ", {" : "{");
		buf_json_pair(out, "topic",
			      text_of(name_of(given, trouble->topic)));
		if (trouble->partition >= 0)
			buf_json_pair_i64(out, "partition", trouble->partition);
		buf_json_pair(out, "what", text_of(trouble->what));
		buf_text(out, "}");
	}
	buf_text(out, "]");
}

/* ---- lag ---- */

struct lag {
	int64_t records;
	int64_t seconds;
};

static int64_t lowest_next(const struct assignment *assignment)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < assignment->n_lanes; i++)
		if (assignment->lanes[i].next_offset < next)
			next = assignment->lanes[i].next_offset;
	return next;
}

/* Of all lanes of a partition together. */
static bool lag_of(struct assignments *given,
		   const struct assignment *assignment, struct lag *ret)
{
	const struct assignment *other = catch_up_of(given, assignment);
	int64_t end, next = lowest_next(assignment);
	int64_t since_ms = assignment->read_stamp_ms;

	/* A record after ten idle hours is no lag of ten hours. */
	if (since_ms < assignment->level_at_ms)
		since_ms = assignment->level_at_ms;
	/* One that was left behind for so long is. */
	if (lowest_next(other) < next) {
		next = lowest_next(other);
		since_ms = other->read_stamp_ms;
	}
	/* While it is taken over: where it was, as far as is known. */
	if (next == INT64_MAX)
		next = assignment->decided;
	if (assignment->state == ASSIGNMENT_FREE ||
	    assignment->state == ASSIGNMENT_WARM || !assignment->known ||
	    !kafka_in_end(given->in, assignment->topic, assignment->partition,
			  &end))
		return false;
	ret->records = end > next ? end - next : 0;
	ret->seconds = 0;
	if (ret->records && since_ms > 0)
		ret->seconds = (clock_wall_ms() - since_ms) / 1000;
	return true;
}

void lag_note_levels(struct assignments *given)
{
	struct lag lag;

	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++)
		if (lag_of(given, &given->all[i], &lag) && !lag.records)
			given->all[i].level_at_ms = clock_wall_ms();
}

/* ---- metrics ---- */

static void line(struct buf *out, const char *name, struct buf *labels,
		 int64_t value)
{
	buf_add(labels, "", 1);
	counters_line(out, name, labels->p, value);
	buf_deinit(labels);
}

static void collect_lags(struct assignments *given, struct buf *out,
			 bool seconds)
{
	const char *name = seconds ? LAG_SECONDS : LAG_RECORDS;
	const char *group = given->identity->group;

	for (size_t i = 0; i < ASSIGNMENTS_MAX; i++) {
		const struct assignment *assignment = &given->all[i];
		struct buf labels = { 0 };
		struct lag lag;

		if (!lag_of(given, assignment, &lag))
			continue;
		counters_label(&labels, "consumergroup", group);
		if (seconds)
			counters_label(&labels, "group", group);
		counters_label(&labels, "topic",
			       name_of(given, assignment->topic));
		buf_printf(&labels, ",partition=\"%" PRId32 "\"",
			   assignment->partition);
		line(out, name, &labels, seconds ? lag.seconds : lag.records);
	}
}

static void collect_paused(struct assignments *given, struct buf *out)
{
	struct trouble troubles[TROUBLES_MAX];
	size_t n = list_troubles(given, troubles);

	for (size_t i = 0; i < n; i++) {
		struct buf labels = { 0 };
		char number[16] = "all";

		if (troubles[i].partition >= 0)
			(void)snprintf(number, sizeof(number), "%" PRId32,
				       troubles[i].partition);
		counters_label(&labels, "topic",
			       name_of(given, troubles[i].topic));
		counters_label(&labels, "partition", number);
		line(out, PAUSED, &labels, 1);
	}
}

/* A row for each topic that this worker reads, by its name without suffix. */
static void collect_consumed(const struct assignments *given, struct buf *out)
{
	const struct identity *identity = given->identity;

	for (size_t i = 0; i < identity->n_topics; i++) {
		struct buf labels = { 0 };
		int64_t n = 0;

		for (size_t k = 0; k < READERS_MAX; k++)
			if (given->all[k].topic == (int)i)
				n += given->all[k].n_received;
		counters_label(&labels, "messaging_destination_name",
			       identity->topics[i]->name);
		line(out, CONSUMED, &labels, n);
	}
}

void assignments_collect(void *arg, struct buf *out)
{
	struct assignments *given = arg;

	counters_head(out, CONSUMED, "records read", KIND_COUNTER);
	collect_consumed(given, out);
	counters_head(out, LAG_RECORDS, "records behind the end of the log",
		      KIND_GAUGE);
	collect_lags(given, out, false);
	counters_head(out, LAG_SECONDS,
		      "age of the record that was read last, while any is left",
		      KIND_GAUGE);
	collect_lags(given, out, true);
	counters_head(out, PAUSED,
		      "1 for a partition that cannot be read; \"all\" when it "
		      "is the topic",
		      KIND_GAUGE);
	collect_paused(given, out);
}
