/* SPDX-License-Identifier: MIT */
/*
 * Intake: records into the open batch.
 *
 * Whatever librdkafka hands out, only the record that must come next is
 * taken. Offsets between two records hold none when the log flowed from the
 * one to the other: the markers of somebody's transactions, and the records
 * of those that were aborted. The first record after a seek has no such
 * witness; if it is not the one that must come next, reading begins once more
 * at the right place. Behind the last record the end of the log is one: all
 * before it was handed out. A partition of which anything could not be read
 * is paused before the next record of it is looked at (reading.c).
 *
 * Decoding happens here, while the database thread commits the batch before.
 */
#include <string.h>

#include "schemas/messages/items.h"
#include "workers/runtime/counters.h"
#include "workers/runtime/state.h"

/* The longest header that a check lets pass, and a byte to see that it is
 * longer. */
#define HEADER_KEPT_BYTES ((size_t)MISSING_HEADER_BYTES + 1)

/*
 * Three batches are in hand: the open one, the one at the database, and the
 * one whose facts go out. Of large records all of them are small, and little
 * is fetched ahead: the client's own limit counts values only, and a record
 * may be all headers. What is fetched too far ahead is dropped by a pause, and
 * fetched again; so small records, which are many, may be far ahead.
 */
#define LARGE_RECORD_BYTES ((size_t)4 << 10)
#define BATCH_MAX_BYTES ((size_t)16 << 20)
#define LARGE_BATCH_MAX_BYTES ((size_t)4 << 20)
#define AHEAD_MAX_BYTES ((size_t)256 << 20)
#define LARGE_AHEAD_MAX_BYTES ((size_t)16 << 20)
/* What the client keeps of a record and of a header beside their bytes. */
#define RECORD_BYTES ((size_t)400)
#define HEADER_BYTES ((size_t)32)

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
	size_t n_bytes; /* of all headers */
};

static void read_header(void *arg, const char *name, const void *value,
			size_t n)
{
	struct reading *reading = arg;

	reading->n_bytes += strlen(name) + n + HEADER_BYTES;
	/* What no check would let pass is not worth keeping whole. */
	if (n > HEADER_KEPT_BYTES)
		n = HEADER_KEPT_BYTES;
	if (value)
		value = arena_copy(reading->arena, value, n);
	envelope_read(reading->envelope, name, value, n);
}

static size_t read_headers(struct worker *worker,
			   const struct kafka_record *kafka,
			   struct envelope *envelope)
{
	struct reading reading = { envelope, &worker->open->arena,
				   RECORD_BYTES };

	envelope_init(envelope);
	kafka_record_headers(kafka, read_header, &reading);
	return reading.n_bytes;
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

/* How large the next ones may be: as the last ones were, if not larger. */
static void expect_size(struct worker *worker, size_t n_bytes)
{
	worker->record_bytes -= worker->record_bytes / 64;
	if (n_bytes > worker->record_bytes)
		worker->record_bytes = n_bytes;
}

static void take_record(struct worker *worker, struct slot *slot,
			struct kafka_record *kafka)
{
	struct schema_fault fault = { { 0 } };
	struct envelope envelope;
	struct record *record;
	struct slot_row *row;
	size_t n_bytes;
	int checked, lane;

	n_bytes = read_headers(worker, kafka, &envelope);
	expect_size(worker, n_bytes + kafka->n_key + kafka->n_value);
	checked = envelope_check(&envelope, &fault);
	lane = lane_of(worker, kafka, &envelope);
	row = slot_row(slot, lane);
	/* Another lane's, or a fact of it is out already. */
	if (!row || kafka->offset < row->emitted) {
		counter_add(&runtime_counters.skipped, 1);
		batch_skip(worker->open, slot, kafka->offset,
			   kafka->offset + 1);
		return;
	}
	record = batch_add(worker->open, slot, kafka);
	batch_count(worker->open, record, n_bytes);
	record->envelope = envelope;
	record->lane = lane;
	record->decided = record->kafka.offset < row->next_offset;
	decode(worker, record, checked, &fault);
}

/* The offsets from next_read to @to hold no record. */
static void pass(struct worker *worker, struct slot *slot, int64_t to)
{
	counter_add(&runtime_counters.gaps, 1);
	batch_skip(worker->open, slot, slot->next_read, to);
	slot->next_read = to;
}

/* Is it the one that must come next? If not, reading is begun again. */
static bool in_turn(struct worker *worker, struct slot *slot,
		    const struct kafka_record *kafka)
{
	if (slot->state != SLOT_READING || kafka->offset < slot->next_read)
		return false;
	if (kafka->offset > slot->next_read && !slot->flowing &&
	    kafka->offset != slot->gap_to) {
		slot->gap_to = kafka->offset;
		slot->state = SLOT_TAKEN;
		return false;
	}
	if (kafka->offset > slot->next_read)
		pass(worker, slot, kafka->offset);
	slot->flowing = true;
	reading_flows(worker, slot);
	return true;
}

static bool are_large(const struct worker *worker)
{
	return worker->record_bytes > LARGE_RECORD_BYTES;
}

static size_t max_bytes(const struct worker *worker)
{
	return are_large(worker) ? LARGE_BATCH_MAX_BYTES : BATCH_MAX_BYTES;
}

static bool is_full(const struct worker *worker)
{
	return batch_bytes(worker->open) >= max_bytes(worker);
}

static void take(struct worker *worker, struct slot *slot,
		 struct kafka_record *kafka)
{
	if (!in_turn(worker, slot, kafka))
		return;
	if (is_full(worker)) {
		/* It was handed out with those that have filled the batch. */
		slot->state = SLOT_TAKEN;
		return;
	}
	slot->next_read = kafka->offset + 1;
	slot->read_stamp_ms = kafka->timestamp_ms;
	counter_add(consumed_counter(worker->identity.topics[slot->topic]->id),
		    1);
	take_record(worker, slot, kafka);
}

static void take_polled(struct worker *worker, struct kafka_record *kafka)
{
	struct slot *slot = NULL;

	if (kafka->partition >= 0 && kafka->partition < TOPIC_PARTITIONS)
		slot = slot_of(worker, kafka->topic, kafka->partition);
	switch (kafka->mark) {
	case KAFKA_RECORD:
		if (slot)
			take(worker, slot, kafka);
		break;
	case KAFKA_END:
		if (slot)
			(void)in_turn(worker, slot, kafka);
		break;
	case KAFKA_UNREADABLE:
	case KAFKA_GONE:
		reading_failed(worker, slot, kafka);
		break;
	}
	kafka_record_release(kafka);
}

bool intake_too_far(const struct worker *worker)
{
	size_t ahead = kafka_in_queued(worker->in) * worker->record_bytes;

	if (!are_large(worker))
		return ahead > AHEAD_MAX_BYTES;
	/* Half of a batch gone is room enough to go on for. */
	return ahead > LARGE_AHEAD_MAX_BYTES ||
	       batch_bytes(worker->open) >=
		       LARGE_BATCH_MAX_BYTES / (worker->paused ? 2 : 1);
}

static size_t room_in(const struct worker *worker)
{
	const struct batch *batch = worker->open;
	size_t n;

	if (batch->n_records >= worker->batch_max || is_full(worker))
		return 0;
	n = (max_bytes(worker) - batch_bytes(batch)) / worker->record_bytes + 1;
	if (n > worker->batch_max - batch->n_records)
		n = worker->batch_max - batch->n_records;
	return n;
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
			take_polled(worker, &worker->polled[i]);
	} while (n == room);
}
