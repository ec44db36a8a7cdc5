/* SPDX-License-Identifier: MIT */
/*
 * Decode: which version of a pick an order gets is decided here, once, by the
 * share of customers that the flag has, and recorded with the order.
 */
#include "workers/chillybin/decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "workers/runtime/lanes.h"

/*
 * What a record costs beside its own bytes, at the most. A cancellation rests
 * on its order's row, and tells of it. A return also writes a row for each of
 * its ingredients. An order's ingredients are JSON twice, if all are missing,
 * and that is in memory four times before the server has it: as an array, as a
 * parameter, and in libpq's buffer, which doubles. Usual orders are too small
 * for that to matter.
 */
#define CANCEL_BYTES ((size_t)65536)
#define RETURN_BYTES ((size_t)262144)
#define JSON_COPIES 8
#define USUAL_JSON_BYTES ((size_t)1024)

const enum topic_id chillybin_topics[CHILLYBIN_TOPICS] = { TOPIC_ORDERS,
							   TOPIC_RESTOCKS,
							   TOPIC_TOASTIES };

struct text command_position(struct arena *arena, const struct topic *topic,
			     int32_t partition, int64_t offset)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "%s/%" PRId32 "@%" PRId64,
			 topic->name, partition, offset);

	return (struct text){ arena_copy(arena, text, (size_t)n), (size_t)n };
}

static const struct topic *topic_of(const struct record *record)
{
	return &topic_table[chillybin_topics[record->kafka.topic]];
}

static int pick_version(int64_t v2_percent, const struct record *record)
{
	struct lane_key key = {
		.key = { record->kafka.key, record->kafka.n_key },
		.customer = record->envelope.customer,
	};

	return (int64_t)lane_bucket(&key) * 100 / LANE_BUCKETS < v2_percent ? 2
									    : 1;
}

/* About what buf_json_text() makes of the names, and what stands round them. */
static size_t json_bytes(const struct order_placed *placed)
{
	size_t n = 0;

	for (size_t i = 0; i < placed->n_items; i++) {
		const struct text *name = &placed->items[i].ingredient;

		n += name->n + 48;
		for (size_t k = 0; k < name->n; k++)
			if ((unsigned char)name->p[k] < ' ')
				n += strlen("\\u0000") - 1;
	}
	return n;
}

static void count_order(struct batch *batch, struct record *record,
			const struct order_placed *placed)
{
	size_t n = json_bytes(placed);

	if (n > USUAL_JSON_BYTES)
		batch_count(batch, record, JSON_COPIES * n);
}

static int decode_order(int64_t v2_percent, struct batch *batch,
			struct record *record, struct command *command,
			struct schema_fault *fault)
{
	struct item items[ORDER_ITEMS_MAX];
	struct order_placed *placed = &command->placed;
	struct order_row *own = &command->own;
	int r;

	r = order_placed_decode(placed, items, &record->envelope,
				record->kafka.value, record->kafka.n_value,
				fault);
	if (r)
		return r;
	placed->items = arena_copy(&batch->arena, items,
				   placed->n_items * sizeof(*items));
	count_order(batch, record, placed);
	command->kind = COMMAND_ORDER;
	*own = (struct order_row){
		.id = placed->order_id,
		.content_hash = order_placed_hash(placed),
		.stall = placed->stall,
		.customer = placed->customer,
		.items = placed->items,
		.n_items = placed->n_items,
		.doneness = placed->doneness,
		.grill = placed->grill,
		.pick_version = pick_version(v2_percent, record),
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.traceparent = record->envelope.traceparent,
		.tracestate = record->envelope.tracestate,
	};
	if (order_number(&own->number, 0, own->offset, own->partition,
			 TOPIC_PARTITIONS))
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "the offset gives no order number");
	return 0;
}

static int decode_cancel(struct batch *batch, struct record *record,
			 struct command *command, struct schema_fault *fault)
{
	struct order_cancelled cancelled;
	int r;

	r = order_cancelled_decode(&cancelled, &record->envelope,
				   record->kafka.value, record->kafka.n_value,
				   fault);
	if (r)
		return r;
	command->kind = COMMAND_CANCEL;
	command->order_id = cancelled.order_id;
	batch_count(batch, record, CANCEL_BYTES);
	command->position =
		command_position(&batch->arena, topic_of(record),
				 record->kafka.partition, record->kafka.offset);
	batch->needs_load = true;
	return 0;
}

static int decode_stock(struct batch *batch, struct record *record,
			struct command *command, struct schema_fault *fault)
{
	int r = stock_command_decode(&command->stock, &record->envelope,
				     record->kafka.value, record->kafka.n_value,
				     fault);

	if (r)
		return r;
	command->kind = COMMAND_STOCK;
	/* A count becomes a delta, and for that it must be read. */
	if (command->stock.kind == STOCK_COMMAND_COUNTED)
		batch->needs_load = true;
	return 0;
}

static int decode_toastie(struct batch *batch, struct record *record,
			  struct command *command, struct schema_fault *fault)
{
	struct toastie toastie;
	int r = toastie_decode(&toastie, &record->envelope, record->kafka.value,
			       record->kafka.n_value, fault);

	if (r)
		return r;
	command->kind = COMMAND_NOTHING;
	if (toastie.state != TOASTIE_RETURNED)
		return 0;
	command->kind = COMMAND_RETURN;
	batch_count(batch, record, RETURN_BYTES);
	command->order_id = toastie.order_id;
	batch->needs_load = true;
	return 0;
}

/* An event is known by its source and id; without, by where it stands. */
static void identify(struct batch *batch, const struct record *record,
		     struct command *command)
{
	command->source = record->envelope.source;
	command->event_id = record->envelope.id;
	if (command->source.n && command->event_id.n)
		return;
	command->source = text_of(topic_of(record)->name);
	command->event_id =
		command_position(&batch->arena, topic_of(record),
				 record->kafka.partition, record->kafka.offset);
}

int chillybin_decode(int64_t pick_v2_percent, struct batch *batch,
		     struct record *record, struct schema_fault *fault)
{
	struct command *command = arena_alloc(&batch->arena, sizeof(*command));
	enum event_type type = record->envelope.type;

	if (event_kinds[type].topic != topic_of(record)->id)
		return schema_fail(fault, SCHEMA_E_UNKNOWN_TYPE,
				   "this type does not belong on this topic");
	memset(command, 0, sizeof(*command));
	identify(batch, record, command);
	record->item = command;
	switch (type) {
	case EVENT_ORDER_PLACED:
		return decode_order(pick_v2_percent, batch, record, command,
				    fault);
	case EVENT_ORDER_CANCELLED:
		return decode_cancel(batch, record, command, fault);
	case EVENT_STOCK_ADDED:
	case EVENT_STOCK_COUNTED:
		return decode_stock(batch, record, command, fault);
	case EVENT_TOASTIE:
		return decode_toastie(batch, record, command, fault);
	default:
		return schema_fail(fault, SCHEMA_E_UNKNOWN_TYPE,
				   "this type does not belong on this topic");
	}
}
