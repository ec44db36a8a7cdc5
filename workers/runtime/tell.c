/* SPDX-License-Identifier: MIT */
/*
 * Tell: what a committed batch has come to, by counters, log and facts.
 *
 * A record of a few bytes may have megabytes of facts. So facts go out as far
 * as they may wait for the broker, and the rest of the batch in later turns;
 * until then the batch behind it waits, committed.
 *
 * A dead letter is a line of the log. A flood of them is not: so many lines a
 * second; how many the others were is said with the next one, and the counter
 * has them all.
 */
#include "infra/lib/log.h"
#include "schemas/trace.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/state.h"

static void log_dead(struct worker *worker, const struct record *record)
{
	const struct topic *topic =
		worker->identity.topics[record->slot->topic];
	char trace[TRACE_ID_CHARS + 1];
	struct log_subject subject = {
		.topic = topic->name,
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.trace = trace_id(record->envelope.traceparent, trace),
	};

	if (!log_limit_about(&worker->dead_lines, &subject, "dead letters"))
		return;
	log_warn("DEAD-LETTER", "%s: %s, a copy is on '%s'",
		 record->dead_reason, record->dead_detail,
		 topic_dlq(topic)->name);
	log_about(NULL);
}

static void count(struct worker *worker, const struct record *record)
{
	if (record->decided) {
		counter_add(&runtime_counters.republished, 1);
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

void tell_outcomes(struct worker *worker, const struct batch *batch)
{
	for (size_t i = 0; i < batch->n_records; i++)
		count(worker, &batch->records[i]);
}

/* A slot that was taken over meanwhile is told anew, from the rows. */
static bool is_expected(const struct record *record)
{
	return slot_held(record->slot) &&
	       emitted_offset_of(&record->slot->emitted, record->entry) >= 0;
}

void tell_committed(struct worker *worker)
{
	struct batch *batch = worker->told;

	for (; worker->n_told < batch->n_records; worker->n_told++) {
		const struct record *record = &batch->records[worker->n_told];

		if (worker_facts_above(worker, 1))
			return; /* it goes on when the broker has taken some */
		if (is_expected(record))
			publish(worker, record);
	}
	tell_dropped(worker);
}

void tell_dropped(struct worker *worker)
{
	batch_reset(worker->told);
	worker->n_told = 0;
}
