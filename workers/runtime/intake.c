/* SPDX-License-Identifier: MIT */
/*
 * Intake: records into the open batch.
 *
 * Whatever librdkafka hands out, only the record that must come next is
 * taken. After a gap reading begins again at the right place; an offset that
 * is missing each time holds no record (somebody else's transaction has put
 * its marker there) and is passed. Decoding happens here, while the database
 * thread commits the batch before.
 */
#include <inttypes.h>

#include "infra/lib/log.h"
#include "schemas/missing.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/state.h"

/* The longest header that a check lets pass, and a byte to see that it is
 * longer. */
#define HEADER_KEPT_BYTES ((size_t)MISSING_HEADER_BYTES + 1)

/* Large records make a small batch. */
#define BATCH_MAX_BYTES ((size_t)16 << 20)

/* So often is read again what has not come; a client that hands out what it
 * fetched for another place does so once. */
#define READ_AGAIN_MAX 3

static struct counter *consumed_counter(enum topic_id id)
{
	switch (id) {
	case TOPIC_ORDERS:
		return &runtime_counters.consumed_orders;
	case TOPIC_RESTOCKS:
		return &runtime_counters.consumed_restocks;
	case TOPIC_PICKS:
		return &runtime_counters.consumed_picks;
	case TOPIC_LEDGER:
		return &runtime_counters.consumed_ledger;
	case TOPIC_TOASTIES:
		return &runtime_counters.consumed_toasties;
	default:
		abort(); /* it has no dead letters, so it cannot be read */
	}
}

/* Where an envelope is read to, and its texts are kept. */
struct reading {
	struct envelope *envelope;
	struct arena *arena;
};

static void read_header(void *arg, const char *name, const void *value,
			size_t n)
{
	const struct reading *reading = arg;

	/* What no check would let pass is not worth keeping whole. */
	if (n > HEADER_KEPT_BYTES)
		n = HEADER_KEPT_BYTES;
	if (value)
		value = arena_copy(reading->arena, value, n);
	envelope_read(reading->envelope, name, value, n);
}

static int read_envelope(struct worker *worker,
			 const struct kafka_record *kafka,
			 struct envelope *envelope, struct schema_fault *fault)
{
	struct reading reading = { envelope, &worker->open->arena };

	envelope_init(envelope);
	kafka_record_headers(kafka, read_header, &reading);
	return envelope_check(envelope, fault);
}

static struct text clean(struct text text)
{
	return text_is_clean(text) ? text : (struct text){ 0 };
}

/* Whose record is it? By its headers, whatever else is wrong with it. */
static int lane_of(const struct worker *worker,
		   const struct kafka_record *kafka,
		   const struct envelope *envelope)
{
	struct lane_key key = {
		.key = { kafka->key, kafka->n_key },
		.customer = clean(envelope->customer),
		.stall = clean(envelope->stall),
	};

	if (worker->lanes.n_lanes == 1)
		return 0;
	return lanes_find(&worker->lanes, &key);
}

static void decode(struct worker *worker, struct record *record, int checked,
		   struct schema_fault *fault)
{
	int r = checked;

	if (!r)
		r = worker->ops->decode(worker->arg, worker->open, record,
					fault);
	if (!r)
		return;
	record->poison = true;
	batch_dead(worker->open, record, schema_outcome_name(r), fault->what);
}

static void take_record(struct worker *worker, struct slot *slot,
			struct kafka_record *kafka)
{
	struct schema_fault fault = { { 0 } };
	struct envelope envelope;
	struct record *record;
	struct slot_row *row;
	int checked, lane;

	checked = read_envelope(worker, kafka, &envelope, &fault);
	lane = lane_of(worker, kafka, &envelope);
	row = slot_row(slot, lane);
	if (!row) {
		counter_add(&runtime_counters.skipped, 1);
		batch_skip(worker->open, slot, kafka->offset);
		return;
	}
	record = batch_add(worker->open, slot, kafka);
	record->envelope = envelope;
	record->lane = lane;
	record->decided = record->kafka.offset < row->next_offset;
	decode(worker, record, checked, &fault);
}

/* True: there is nothing to wait for at the offsets before @kafka. */
static bool pass_gap(struct worker *worker, struct slot *slot,
		     const struct kafka_record *kafka)
{
	bool pass = ++slot->n_gaps > READ_AGAIN_MAX;

	counter_add(&runtime_counters.gaps, 1);
	log_warn("RECORD-GAP",
		 "expected offset %" PRId64 " of '%s' partition %" PRId32
		 ", got %" PRId64 ", %s",
		 slot->next_read, worker->topic_names[slot->topic],
		 slot->partition, kafka->offset,
		 pass ? "there are no records between them"
		      : "will read again from there");
	if (pass)
		batch_skip(worker->open, slot, slot->next_read);
	else
		slot->state = SLOT_TAKEN;
	return pass;
}

/* Is it the one that must come next? If not, reading is begun again. */
static bool in_turn(struct worker *worker, struct slot *slot,
		    const struct kafka_record *kafka)
{
	if (slot->state != SLOT_READING || kafka->offset < slot->next_read)
		return false;
	if (kafka->offset > slot->next_read && !pass_gap(worker, slot, kafka))
		return false;
	slot->n_gaps = 0;
	return true;
}

static void take(struct worker *worker, struct kafka_record *kafka)
{
	struct slot *slot = slot_of(worker, kafka->topic, kafka->partition);

	if (kafka->partition < TOPIC_PARTITIONS &&
	    in_turn(worker, slot, kafka)) {
		slot->next_read = kafka->offset + 1;
		slot->read_stamp_ms = kafka->timestamp_ms;
		counter_add(consumed_counter(
				    worker->identity.topics[slot->topic]->id),
			    1);
		take_record(worker, slot, kafka);
	}
	kafka_record_release(kafka);
}

static size_t room_in(const struct worker *worker)
{
	const struct batch *batch = worker->open;

	if (batch->n_records >= worker->batch_max ||
	    batch->n_bytes >= BATCH_MAX_BYTES)
		return 0;
	return worker->batch_max - batch->n_records;
}

void intake_read(struct worker *worker)
{
	size_t n, room;

	do {
		room = room_in(worker);
		/* Full: the group is served again when the batch has gone. A
		 * hold may be long, and is no reason to leave: paused, nothing
		 * comes but the group's callbacks. */
		if (!room && !worker->paused)
			return;
		if (!room)
			room = 1;
		if (room > READ_AT_ONCE)
			room = READ_AT_ONCE;
		n = kafka_in_poll(worker->in, worker->polled, room, 0);
		for (size_t i = 0; i < n; i++)
			take(worker, &worker->polled[i]);
	} while (n == room);
}
