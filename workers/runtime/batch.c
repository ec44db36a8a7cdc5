/* SPDX-License-Identifier: MIT */
/* Batch: filling, closing and emptying it. */
#include <assert.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "workers/runtime/batches/batch_extent.h"

#define FIRST_CAP ((size_t)64)

struct batch *batch_new(void)
{
	struct batch *batch = xcalloc(1, sizeof(*batch));

	batch->extent = xcalloc(1, sizeof(*batch->extent));
	return batch;
}

struct batch *batch_free(struct batch *batch)
{
	if (!batch)
		return NULL;
	batch_reset(batch);
	arena_deinit(&batch->arena);
	free(batch->records);
	free(batch->extent);
	free(batch);
	return NULL;
}

void batch_reset(struct batch *batch)
{
	batch->n_records = 0;
	batch->n_behind = 0;
	batch->n_bytes = 0;
	batch->extent->n_ranges = 0;
	batch->extent->n_moves = 0;
	batch->n_decided = 0;
	batch->needs_load = false;
	batch->mode = BATCH_FAST;
	arena_reset(&batch->arena);
}

struct record *batch_add(struct batch *batch, struct assignment *assignment,
			 const struct kafka_record *kafka)
{
	struct record *record;

	if (batch->n_records == batch->cap) {
		batch->cap = batch->cap ? batch->cap * 2 : FIRST_CAP;
		batch->records = xreallocarray(batch->records, batch->cap,
					       sizeof(*batch->records));
	}
	record = &batch->records[batch->n_records++];
	*record = (struct record){ .kafka = *kafka, .assignment = assignment };
	if (assignment) {
		batch->n_behind += assignment->catching_up;
		batch_skip(batch, assignment, record->kafka.offset,
			   record->kafka.offset + 1);
	}
	return record;
}

void batch_enclose(const struct batch *batch, struct record *record)
{
	const struct envelope *envelope = &batch->envelope;

	record->type = envelope->type;
	record->event_id = envelope->id;
	record->traceparent = envelope->traceparent;
	record->tracestate = envelope->tracestate;
}

void batch_count(struct batch *batch, struct record *record, size_t n_bytes)
{
	record->n_bytes += n_bytes;
	batch->n_bytes += n_bytes;
}

size_t batch_bytes(const struct batch *batch)
{
	return batch->n_bytes + batch->arena.n_bytes;
}

void batch_skip(struct batch *batch, struct assignment *assignment,
		int64_t from, int64_t to)
{
	struct batch_extent *extent = batch->extent;
	struct batch_range *range = extent->ranges;
	struct batch_range *end = range + extent->n_ranges;

	while (range < end && range->assignment != assignment)
		range++;
	if (range == end) {
		assert(extent->n_ranges < READERS_MAX);
		extent->n_ranges++;
		range->assignment = assignment;
		range->from = from;
	}
	range->to = to;
}

void batch_drop_lost(struct batch *batch)
{
	struct batch_extent *extent = batch->extent;
	size_t n_ranges = 0, n_records = 0;

	for (size_t i = 0; i < extent->n_ranges; i++)
		if (assignment_is_ours(extent->ranges[i].assignment))
			extent->ranges[n_ranges++] = extent->ranges[i];
	if (n_ranges == extent->n_ranges)
		return;
	extent->n_ranges = n_ranges;
	for (size_t i = 0; i < batch->n_records; i++) {
		struct record *record = &batch->records[i];

		if (assignment_is_ours(record->assignment)) {
			batch->records[n_records++] = *record;
			continue;
		}
		batch->n_behind -= record->assignment->catching_up;
		batch->n_bytes -= record->n_bytes;
	}
	batch->n_records = n_records;
	/* They stay in the arena until nothing is left. */
	if (!n_ranges)
		batch_reset(batch);
}

static void close_range(struct batch_extent *extent, const struct lanes *lanes,
			const struct batch_range *range)
{
	struct assignment *assignment = range->assignment;

	for (size_t i = 0; i < assignment->n_lanes; i++) {
		struct assigned_position move =
			assignment_position(assignment, i, lanes);

		if (move.next_offset < range->from ||
		    move.next_offset >= range->to)
			continue;
		move.to_next = range->to;
		extent->moves[extent->n_moves++] = move;
	}
}

void batch_close(struct batch *batch, const struct lanes *lanes,
		 int64_t decided_at_ms)
{
	struct batch_extent *extent = batch->extent;

	batch->decided_at_ms = decided_at_ms;
	batch->n_decided = 0;
	extent->n_moves = 0;
	for (size_t i = 0; i < extent->n_ranges; i++)
		close_range(extent, lanes, &extent->ranges[i]);
	for (size_t i = 0; i < batch->n_records; i++)
		batch->n_decided += batch->records[i].decided;
	if (batch->n_decided)
		batch->needs_load = true;
}

void batch_expect(struct record *record)
{
	/* One more than there are facts, until publish_end(). */
	record->entry = emitted_expect(&record->assignment->emitted,
				       record->kafka.offset, 1);
}

void batch_dead(struct batch *batch, struct record *record, const char *reason,
		const char *detail)
{
	record->dead_reason = reason;
	record->dead_detail =
		arena_copy(&batch->arena, detail, strlen(detail) + 1);
}

void batch_undo(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_records; i++)
		if (!batch->records[i].poison)
			batch->records[i].dead_reason = NULL;
}
