/* SPDX-License-Identifier: MIT */
/* Batch: filling, closing and emptying it. */
#include "workers/runtime/batch.h"

#include <assert.h>
#include <string.h>

#include "infra/lib/xalloc.h"

#define FIRST_CAP ((size_t)64)

struct batch *batch_new(void)
{
	return xcalloc(1, sizeof(struct batch));
}

struct batch *batch_free(struct batch *batch)
{
	if (!batch)
		return NULL;
	batch_reset(batch);
	arena_deinit(&batch->arena);
	free(batch->records);
	free(batch);
	return NULL;
}

void batch_reset(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_records; i++)
		kafka_record_release(&batch->records[i].kafka);
	batch->n_records = 0;
	batch->n_bytes = 0;
	batch->n_ranges = 0;
	batch->n_moves = 0;
	batch->n_decided = 0;
	batch->needs_load = false;
	batch->mode = BATCH_FAST;
	arena_reset(&batch->arena);
}

static void extend(struct batch *batch, struct slot *slot, int64_t from,
		   int64_t to)
{
	struct batch_range *range = batch->ranges;

	while (range < batch->ranges + batch->n_ranges && range->slot != slot)
		range++;
	if (range == batch->ranges + batch->n_ranges) {
		assert(batch->n_ranges < SLOTS_MAX);
		batch->n_ranges++;
		range->slot = slot;
		range->from = from;
	}
	range->to = to;
}

struct record *batch_add(struct batch *batch, struct slot *slot,
			 struct kafka_record *kafka)
{
	struct record *record;

	if (batch->n_records == batch->cap) {
		batch->cap = batch->cap ? batch->cap * 2 : FIRST_CAP;
		batch->records = xreallocarray(batch->records, batch->cap,
					       sizeof(*batch->records));
	}
	record = &batch->records[batch->n_records++];
	*record = (struct record){ .kafka = *kafka, .slot = slot };
	batch_count(batch, record, kafka->n_key + kafka->n_value);
	kafka->handle = NULL;
	extend(batch, slot, record->kafka.offset, record->kafka.offset + 1);
	return record;
}

void batch_count(struct batch *batch, struct record *record, size_t n_bytes)
{
	record->n_bytes += n_bytes;
	batch->n_bytes += n_bytes;
}

void batch_skip(struct batch *batch, struct slot *slot, int64_t from,
		int64_t to)
{
	extend(batch, slot, from, to);
}

size_t batch_bytes(const struct batch *batch)
{
	return batch->n_bytes + batch->arena.n_bytes;
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

static void close_range(struct batch *batch, const struct batch_range *range)
{
	for (size_t i = 0; i < range->slot->n_rows; i++) {
		const struct slot_row *row = &range->slot->rows[i];

		if (row->next_offset < range->from ||
		    row->next_offset >= range->to)
			continue;
		batch->moves[batch->n_moves++] = (struct batch_move){
			.slot = range->slot,
			.lane = row->lane,
			.epoch = row->epoch,
			.from_next = row->next_offset,
			.to_next = range->to,
			.emitted = slot_emitted(range->slot),
		};
	}
}

void batch_close(struct batch *batch, int64_t decided_at_ms)
{
	batch->decided_at_ms = decided_at_ms;
	batch->n_moves = 0;
	batch->n_decided = 0;
	for (size_t i = 0; i < batch->n_ranges; i++)
		close_range(batch, &batch->ranges[i]);
	for (size_t i = 0; i < batch->n_records; i++)
		batch->n_decided += batch->records[i].decided;
	if (batch->n_decided)
		batch->needs_load = true;
}

void batch_drop_slot(struct batch *batch, const struct slot *slot)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->n_records; i++) {
		if (batch->records[i].slot == slot) {
			batch->n_bytes -= batch->records[i].n_bytes;
			kafka_record_release(&batch->records[i].kafka);
		} else {
			batch->records[n++] = batch->records[i];
		}
	}
	batch->n_records = n;
	n = 0;
	for (size_t i = 0; i < batch->n_ranges; i++)
		if (batch->ranges[i].slot != slot)
			batch->ranges[n++] = batch->ranges[i];
	batch->n_ranges = n;
	/* What was read of them stays in the arena until nothing is left. */
	if (!n)
		batch_reset(batch);
}
