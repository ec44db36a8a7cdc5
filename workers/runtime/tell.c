/* SPDX-License-Identifier: MIT */
/*
 * Tell: what a committed batch has come to, by counters, log and facts.
 *
 * A dead letter is a line of the log. A flood of them is not: so many lines a
 * second; how many the others were is said with the next one, and the counter
 * has them all.
 */
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/state.h"

/* May it be said? Says how many were not, when it may again. */
static bool has_line(struct worker *worker)
{
	int64_t n_left_out;

	if (!log_limit_pass(&worker->dead_lines, clock_now_ms(), &n_left_out))
		return false;
	if (n_left_out)
		log_warn("DEAD-LETTERS",
			 "%" PRId64 " more dead letters were not logged",
			 n_left_out);
	return true;
}

static void log_dead(struct worker *worker, const struct record *record)
{
	const struct topic *topic =
		worker->identity.topics[record->slot->topic];
	const struct text *trace = &record->envelope.traceparent;
	char trace_text[64];
	struct log_subject subject = {
		.topic = topic->name,
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.trace = trace->p ? trace_text : NULL,
	};

	if (!has_line(worker))
		return;
	(void)snprintf(trace_text, sizeof(trace_text), "%.*s", (int)trace->n,
		       trace->p ? trace->p : "");
	log_about(&subject);
	log_warn("DEAD-LETTER", "%s: %s, a copy is on '%s'",
		 record->dead_reason, record->dead_detail,
		 topic_dlq(topic)->name);
	log_about(NULL);
}

static void count(struct worker *worker, const struct record *record)
{
	if (record->decided) {
		counter_add(&runtime_counters.told_again, 1);
	} else if (record->dead_reason) {
		counter_add(&runtime_counters.dead, 1);
		log_dead(worker, record);
	} else {
		counter_add(&runtime_counters.decided, 1);
	}
}

static void publish(struct worker *worker, const struct record *record)
{
	publish_begin(worker->publisher, record);
	if (record->dead_reason)
		publish_dead(worker->publisher, record,
			     worker->identity.topics[record->slot->topic]);
	else if (worker->ops->facts)
		worker->ops->facts(worker->arg, worker->told, record,
				   worker->publisher);
	publish_end(worker->publisher);
}

/* A slot that went back to WANTED meanwhile is told by whoever has it now. */
void tell_committed(struct worker *worker)
{
	struct batch *batch = worker->told;

	for (size_t i = 0; i < batch->n_records; i++) {
		count(worker, &batch->records[i]);
		if (slot_held(batch->records[i].slot))
			publish(worker, &batch->records[i]);
	}
	batch_reset(batch);
}
