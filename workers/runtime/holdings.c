/* SPDX-License-Identifier: MIT */
/*
 * Holdings: the partitions that the group gave us and the rows of positions
 * that we hold of them.
 *
 * A slot is read only between a take-over and the next doubt about it; how it
 * is read is in reading.c. What was in hand is dropped then: records of the
 * open batch here, those of the batch at the database when that ends (its slot
 * is not held any more).
 */
#include <inttypes.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/lag.h"
#include "workers/runtime/state.h"

#define REVOKE_JOB_MS 5000
#define REVOKE_WAIT_MS 1000

size_t holdings_keys(struct worker *worker, enum slot_state state,
		     struct position_key *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (worker->slots[i].state == state)
			ret[n++] = (struct position_key){
				.topic = worker->slots[i].topic,
				.partition = worker->slots[i].partition,
			};
	return n;
}

size_t holdings_rows(struct worker *worker, struct assigned_position *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		if (!slot_held(slot))
			continue;
		for (size_t k = 0; k < slot->n_rows; k++) {
			const struct slot_row *row = &slot->rows[k];

			ret[n++] = (struct assigned_position){
				.topic = slot->topic,
				.partition = slot->partition,
				.lane = worker->lanes.lanes[row->lane].name,
				.epoch = row->epoch,
				.next_offset = row->next_offset,
				.to_next = row->next_offset,
				.emitted = slot_emitted(slot),
			};
		}
	}
	return n;
}

void holdings_want(struct worker *worker, struct slot *slot, bool prove)
{
	struct kafka_partition partition = { .topic = slot->topic,
					     .partition = slot->partition };

	if (slot->state == SLOT_READING)
		(void)kafka_in_pause(worker->in, &partition, 1);
	slot->state = SLOT_WANTED;
	slot->prove = prove;
	slot->n_rows = 0;
	emitted_forget(&slot->emitted);
	batch_drop_slot(worker->open, slot);
	/* The one that waits to be tried again, too: its records come again,
	 * behind those whose facts are not known to be told. */
	if (worker->job != JOB_BATCH)
		batch_drop_slot(worker->running, slot);
	if (worker->ops->task)
		worker->ops->task->changed(worker->arg);
}

void holdings_want_all(struct worker *worker)
{
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		if (slot_held(slot) || slot->state == SLOT_WARM)
			holdings_want(worker, slot, false);
	}
}

int holdings_prove(struct worker *worker)
{
	struct kafka_partition partitions[SLOTS_MAX];
	size_t n = 0;
	int r;

	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		if (slot->state != SLOT_WANTED || !slot->prove)
			continue;
		partitions[n++] = (struct kafka_partition){
			.topic = slot->topic,
			.partition = slot->partition,
			.offset = slot->written,
		};
	}
	if (!n)
		return 0;
	r = kafka_in_commit(worker->in, partitions, n, true);
	if (r)
		return r;
	for (size_t i = 0; i < SLOTS_MAX; i++)
		worker->slots[i].prove = false;
	return 0;
}

static void take_row(struct worker *worker, const struct position *row)
{
	struct slot *slot = slot_of(worker, row->topic, row->partition);

	if (slot->state != SLOT_WANTED)
		return;
	if (!slot->n_rows || row->emitted_offset < slot->decided)
		slot->decided = row->emitted_offset;
	slot->rows[slot->n_rows++] = (struct slot_row){
		.lane = row->lane,
		.next_offset = row->next_offset,
		.emitted = row->emitted_offset,
		.epoch = row->epoch,
	};
}

static void settle_slot(struct slot *slot)
{
	slot->next_read = slot->decided;
	slot->known = true;
	slot->gap_to = -1;
	slot->written = slot->decided;
	slot->written_at_ms = clock_now_ms();
	slot->mirrored = 0;
	slot->begun = false;
	slot->failing_at_ms = 0;
	slot->state = slot->n_rows ? SLOT_TAKEN : SLOT_WARM;
	counter_add(&runtime_counters.takeovers, 1);
}

/* Other slots rest on the lanes that were read before these. */
static bool lanes_same(const struct lanes *a, const struct lanes *b)
{
	if (a->n_lanes != b->n_lanes)
		return false;
	for (size_t i = 0; i < a->n_lanes; i++)
		if (strcmp(a->lanes[i].name, b->lanes[i].name) != 0 ||
		    a->lanes[i].mine != b->lanes[i].mine ||
		    a->lanes[i].ended != b->lanes[i].ended)
			return false;
	return true;
}

/* Slots that are wanted since that take-over began are not of it. */
static bool was_asked(const struct worker *worker, const struct slot *slot)
{
	const struct job_args *args = worker->args;

	for (size_t i = 0; i < args->n_keys; i++)
		if (args->keys[i].topic == slot->topic &&
		    args->keys[i].partition == slot->partition)
			return true;
	return false;
}

void holdings_taken(struct worker *worker, struct positions *positions)
{
	bool same = lanes_same(&worker->lanes, &positions->lanes);
	size_t n_taken = 0;

	for (size_t i = 0; i < positions->n_rows; i++)
		take_row(worker, &positions->rows[i]);
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		if (slot->state == SLOT_WANTED) {
			if (!was_asked(worker, slot))
				continue;
			settle_slot(slot);
			n_taken++;
		} else if (!same && slot->state != SLOT_FREE) {
			holdings_want(worker, slot, true);
		}
	}
	if (!same) {
		lanes_deinit(&worker->lanes);
		worker->lanes = positions->lanes;
		positions->lanes.n_lanes = 0;
	}
	if (worker->ops->task)
		worker->ops->task->changed(worker->arg);
	log_info("TAKEN-OVER", "%zu partitions, %zu rows, %zu lanes", n_taken,
		 positions->n_rows, worker->lanes.n_lanes);
}

static const struct position *row_of(const struct positions *positions,
				     const struct slot *slot, const char *lane)
{
	for (size_t i = 0; i < positions->n_rows; i++) {
		const struct position *row = &positions->rows[i];

		if (row->topic == slot->topic &&
		    row->partition == slot->partition &&
		    !strcmp(positions->lanes.lanes[row->lane].name, lane))
			return row;
	}
	return NULL;
}

static size_t n_rows_of(const struct positions *positions,
			const struct slot *slot)
{
	size_t n = 0;

	for (size_t i = 0; i < positions->n_rows; i++)
		n += positions->rows[i].topic == slot->topic &&
		     positions->rows[i].partition == slot->partition;
	return n;
}

static bool still_ours(struct worker *worker, const struct slot *slot,
		       const struct positions *positions)
{
	if (n_rows_of(positions, slot) != slot->n_rows)
		return false;
	for (size_t i = 0; i < slot->n_rows; i++) {
		const struct position *row =
			row_of(positions, slot,
			       worker->lanes.lanes[slot->rows[i].lane].name);

		if (!row || row->epoch != slot->rows[i].epoch ||
		    row->next_offset != slot->rows[i].next_offset)
			return false;
	}
	return true;
}

bool holdings_compare(struct worker *worker, struct positions *positions)
{
	bool all = true;

	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		if (!slot_held(slot) && slot->state != SLOT_WARM)
			continue;
		if (still_ours(worker, slot, positions))
			continue;
		all = false;
		log_warn("POSITION-TAKEN",
			 "'%s' partition %" PRId32 " has another holder or "
			 "lane, will prove membership and take it over",
			 worker->topic_names[slot->topic], slot->partition);
		holdings_want(worker, slot, true);
	}
	return all;
}

void holdings_mirror(struct worker *worker, bool all)
{
	struct kafka_partition partitions[SLOTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		lag_note(worker, slot);
		if (!slot_held(slot) || slot->written <= 0)
			continue;
		if (!all && slot->written == slot->mirrored)
			continue;
		slot->mirrored = slot->written;
		partitions[n++] = (struct kafka_partition){
			.topic = slot->topic,
			.partition = slot->partition,
			.offset = slot->written,
		};
	}
	if (n)
		(void)kafka_in_commit(worker->in, partitions, n, false);
}

static void free_slots(struct worker *worker)
{
	batch_reset(worker->open);
	tell_dropped(worker);
	if (worker->job != JOB_BATCH) {
		batch_reset(worker->running);
		worker->committed = false;
	}
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &worker->slots[i];

		slot->state = SLOT_FREE;
		slot->gone = false;
		hold_end(&slot->hold);
		slot->known = false;
		slot->n_rows = 0;
		emitted_forget(&slot->emitted);
	}
	counter_set(&runtime_counters.assigned, 0);
	if (worker->ops->task)
		worker->ops->task->changed(worker->arg);
}

/* Somebody has raised the topic's partitions: keys have moved, and what lies
 * there has no position. */
static void note_undeclared(struct worker *worker,
			    const struct kafka_partition *partition)
{
	log_error("PARTITION-UNDECLARED",
		  "'%s' partition %" PRId32
		  " is not declared (the topic has %d), nothing reads it",
		  worker->topic_names[partition->topic], partition->partition,
		  TOPIC_PARTITIONS);
	worker->undeclared[partition->topic] = partition->partition;
}

void holdings_assigned(void *arg, const struct kafka_partition *partitions,
		       size_t n)
{
	struct worker *worker = arg;

	memset(worker->undeclared, 0, sizeof(worker->undeclared));
	for (size_t i = 0; i < n; i++) {
		struct slot *slot;

		hold_end(&worker->topic_holds[partitions[i].topic]);
		if (partitions[i].partition >= TOPIC_PARTITIONS) {
			note_undeclared(worker, &partitions[i]);
			continue;
		}
		slot = slot_of(worker, partitions[i].topic,
			       partitions[i].partition);
		slot->state = SLOT_WANTED;
		slot->prove = false;
	}
	worker->joined = true;
	counter_set(&runtime_counters.assigned, (int64_t)n);
	log_info("ASSIGNED", "%zu partitions by group '%s'", n, worker->group);
}

void holdings_revoked(void *arg, const struct kafka_partition *partitions,
		      size_t n, bool lost)
{
	/* A worker that leaves has had its time for both. */
	struct worker *worker = arg;
	int64_t job_ms = worker->over ? 0 : REVOKE_JOB_MS;
	int64_t wait_ms = worker->over ? 0 : REVOKE_WAIT_MS;

	(void)partitions;
	log_info("REVOKED", "%zu partitions%s", n, lost ? ", lost" : "");
	worker->joined = false;
	if (worker_finish_job(worker, job_ms) && !lost)
		worker_release(worker, wait_ms);
	free_slots(worker);
}
