/* SPDX-License-Identifier: MIT */
/*
 * Decode: which version of a pick an order gets is decided here, once, by the
 * share of customers that the flag has, and recorded with the order.
 */
#include "workers/chillybin/decode.h"

#include <string.h>

#include "schemas/lanes/lanes.h"
#include "schemas/messages/order_cancelled.h"
#include "schemas/messages/toastie.h"
#include "workers/chillybin/chillybin.h"
#include "workers/chillybin/columns.h"

/*
 * What a record costs beside its own bytes, at the most. A cancellation rests
 * on its order's row, and its fact repeats that. A return also writes a row for
 * each of its ingredients. An order's ingredients are a list twice, if all are
 * missing, and that is in memory four times before the server has it: as an
 * array, as a parameter, and in libpq's buffer, which doubles. Usual orders are
 * too small for that to matter.
 */
#define CANCEL_BYTES ((size_t)65536)
#define RETURN_BYTES ((size_t)262144)
#define LIST_COPIES 8
#define USUAL_LIST_BYTES ((size_t)1024)

const enum topic_id chillybin_topics[CHILLYBIN_TOPICS] = { TOPIC_ORDERS,
							   TOPIC_RESTOCKS,
							   TOPIC_TOASTIES };

static const struct topic *topic_of(const struct record *record)
{
	return &topic_table[chillybin_topics[record->kafka.topic]];
}

/* Where the record stands, in the arena. */
static struct text position_of(struct arena *arena, const struct record *record)
{
	char bytes[EVENT_POSITION_BYTES];
	struct str position = STR_INIT(bytes);

	str_add_position(&position, text_of(topic_of(record)->name),
			 record->kafka.partition, record->kafka.offset);
	return (struct text){ arena_copy(arena, position.p, position.n),
			      position.n };
}

static int pick_version(int64_t v2_percent, const struct batch *batch,
			const struct record *record)
{
	struct lane_key key = {
		.key = { record->kafka.key, record->kafka.n_key },
		.customer = batch->envelope.customer,
	};

	return (int64_t)lane_bucket(&key) * 100 / LANE_BUCKETS < v2_percent ? 2
									    : 1;
}

static int decode_order(int64_t v2_percent, struct batch *batch,
			struct record *record, struct input *input,
			struct schema_fault *fault)
{
	struct item items[ORDER_ITEMS_MAX] __attribute__((uninitialized));
	struct order_placed placed;
	struct order_row *own = &input->own;
	size_t n_list;
	int r;

	r = order_placed_decode(&placed, items, &batch->envelope,
				record->kafka.value, record->kafka.n_value,
				fault);
	if (r)
		return r;
	n_list = order_list_bytes(items, placed.n_items);
	if (n_list > USUAL_LIST_BYTES)
		batch_count(batch, record, LIST_COPIES * n_list);
	input->kind = INPUT_ORDER;
	*own = (struct order_row){
		.id = placed.order_id,
		.content_hash = order_placed_hash(&placed),
		.stall = placed.stall,
		.customer = placed.customer,
		.items = arena_copy(&batch->arena, items,
				    placed.n_items * sizeof(*items)),
		.n_items = placed.n_items,
		.doneness = placed.doneness,
		.grill = placed.grill,
		.metadata = placed.metadata,
		.version = placed.version,
		.pick_version = pick_version(v2_percent, batch, record),
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.traceparent = batch->envelope.traceparent,
		.tracestate = batch->envelope.tracestate,
	};
	if (order_number(&own->number, 0, own->offset, own->partition,
			 TOPIC_PARTITIONS))
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "the offset gives no order number");
	return 0;
}

static int decode_cancellation(struct batch *batch, struct record *record,
			       struct input *input, struct schema_fault *fault)
{
	struct order_cancelled cancelled;
	int r = order_cancelled_decode(&cancelled, &batch->envelope,
				       record->kafka.value,
				       record->kafka.n_value, fault);

	if (r)
		return r;
	input->kind = INPUT_CANCELLATION;
	input->order_id = cancelled.order_id;
	input->position = position_of(&batch->arena, record);
	batch_count(batch, record, CANCEL_BYTES);
	batch->needs_load = true;
	return 0;
}

/* An event's identity is its source and id; without, where it stands. */
static void identify(struct batch *batch, const struct record *record,
		     struct input *input)
{
	input->source = batch->envelope.source;
	input->event_id = batch->envelope.id;
	if (input->source.n && input->event_id.n)
		return;
	input->source = text_of(topic_of(record)->name);
	input->event_id = position_of(&batch->arena, record);
}

static int decode_stock(struct batch *batch, struct record *record,
			struct input *input, struct schema_fault *fault)
{
	int r = stock_command_decode(&input->stock, &batch->envelope,
				     record->kafka.value, record->kafka.n_value,
				     fault);

	if (r)
		return r;
	input->kind = INPUT_STOCK;
	identify(batch, record, input);
	/* A count becomes a delta, and for that the stock must be read. */
	if (input->stock.kind == STOCK_COMMAND_COUNTED)
		batch->needs_load = true;
	return 0;
}

static int decode_toastie(struct batch *batch, struct record *record,
			  struct input *input, struct schema_fault *fault)
{
	struct toastie toastie;
	int r = toastie_decode(&toastie, &batch->envelope, record->kafka.value,
			       record->kafka.n_value, fault);

	if (r)
		return r;
	input->kind = INPUT_NOTHING;
	if (toastie.state != TOASTIE_RETURNED)
		return 0;
	input->kind = INPUT_RETURN;
	identify(batch, record, input);
	input->order_id = toastie.order_id;
	batch_count(batch, record, RETURN_BYTES);
	batch->needs_load = true;
	return 0;
}

int chillybin_decode(void *arg, struct batch *batch, struct record *record,
		     struct schema_fault *fault)
{
	const struct chillybin *chillybin = arg;
	struct input *input = arena_alloc(&batch->arena, sizeof(*input));
	enum event_type type = batch->envelope.type;

	if (event_kinds[type].topic != topic_of(record)->id)
		return schema_fail(fault, SCHEMA_E_UNKNOWN_TYPE,
				   "this type does not belong on this topic");
	memset(input, 0, sizeof(*input));
	record->item = input;
	switch (type) {
	case EVENT_ORDER_PLACED:
		return decode_order(chillybin->conf.pick_v2_percent, batch,
				    record, input, fault);
	case EVENT_ORDER_CANCELLED:
		return decode_cancellation(batch, record, input, fault);
	case EVENT_STOCK_ADDED:
	case EVENT_STOCK_COUNTED:
		return decode_stock(batch, record, input, fault);
	case EVENT_TOASTIE:
		return decode_toastie(batch, record, input, fault);
	default:
		return schema_fail(fault, SCHEMA_E_UNKNOWN_TYPE,
				   "chillybin does not read this type");
	}
}
