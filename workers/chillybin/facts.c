/* SPDX-License-Identifier: MIT */
/*
 * Facts: a pick for each verdict (v1: one a line), cancellation and refused
 * cancellation; a change of stock for what no pick tells.
 *
 * An id says the order and the decision. seq rises per order: verdict 1,
 * cancelled or kept 2 (once kept, an order is never cancelled, nor the other
 * way round); the lines of a v1 pick share one.
 */
#include "workers/chillybin/facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/hash.h"
#include "infra/lib/str.h"
#include "schemas/trace.h"

enum { SEQ_VERDICT = 1, SEQ_CANCELLATION = 2 };

#define ID_BYTES 160
#define POSITION_BYTES 96

/* Texts that a fact is made of, while it is being sent. */
struct words {
	char id[ID_BYTES];
	char order[ORDER_ID_CHARS + 1];
	char at[CLOCK_RFC3339_MAX];
	char position[POSITION_BYTES];
	char trace[TRACE_BYTES];
	char number[TEXT_I64_BYTES];
	char key[STOCK_KEY_BYTES];
};

static void begin(struct fact *fact, struct words *words, enum event_type type,
		  int version, int64_t at_ms)
{
	*fact = (struct fact){ .topic = event_kinds[type].topic };
	envelope_init(&fact->envelope);
	clock_rfc3339(at_ms, words->at);
	fact->envelope.type = type;
	fact->envelope.version = version;
	fact->envelope.id = text_of(words->id);
	fact->envelope.source = TEXT("/chillybin");
	fact->envelope.time = text_of(words->at);
	fact->envelope.decided_at = text_of(words->at);
}

static struct text position_of(char room[static POSITION_BYTES],
			       struct text topic, int32_t partition,
			       int64_t offset)
{
	struct str position = { .p = room, .size = POSITION_BYTES };

	str_add(&position, topic.p, topic.n);
	str_add_text(&position, "/");
	str_add_i64(&position, partition);
	str_add_text(&position, "@");
	str_add_i64(&position, offset);
	return (struct text){ position.p, position.n };
}

/* ---- picks ---- */

struct pick_told {
	const struct order_row *order;
	struct pick pick;
	const char *decision; /* the end of the fact's id */
	struct text position, traceparent, tracestate;
	struct text missing; /* for the headers of version 1 */
	int64_t at_ms;
	struct facts_room *room;
};

/* Version 2: @line is -1. */
static void put_pick_headers(const struct pick_told *told, struct words *words,
			     struct fact *fact, int line)
{
	struct envelope *envelope = &fact->envelope;
	const struct pick *pick = &told->pick;

	envelope->seq = pick->seq;
	envelope->subject = text_of(words->order);
	envelope->stall = pick->stall;
	envelope->customer = pick->customer;
	envelope->source_position = told->position;
	envelope->traceparent = trace_next_hop(words->trace, told->traceparent,
					       text_of(words->id));
	envelope->tracestate = told->tracestate;
	fact->key = text_of(words->order);
	if (line < 0)
		return;
	/* What the body of version 1 lacks. */
	envelope->verdict = text_of(verdict_name(pick->verdict));
	envelope->reason = pick->reason;
	envelope->number = text_from_i64(words->number, pick->number);
	envelope->grill = pick->grill ? TEXT("true") : TEXT("false");
	if (line == 0 || told->missing.n <= MISSING_REPEATED_BYTES)
		envelope->missing = told->missing;
}

/* Version 2: @line is -1. */
static void tell_pick(const struct pick_told *told, int line,
		      struct publisher *publisher)
{
	int version = line < 0 ? 2 : 1;
	struct words words;
	struct str id = STR_INIT(words.id);
	struct fact fact;

	str_add_text(&id, order_id_format(&told->order->id, words.order));
	str_add_text(&id, ".");
	str_add_text(&id, told->decision);
	if (line >= 0) {
		str_add_text(&id, ".");
		str_add_i64(&id, line);
	}
	begin(&fact, &words, EVENT_PICK, version, told->at_ms);
	put_pick_headers(told, &words, &fact, line);
	fact.body =
		(struct msgpack_writer)MSGPACK_WRITER_INIT(told->room->body);
	if (version == 2)
		(void)pick_encode_v2(&told->pick, &fact.body);
	else
		(void)pick_encode_v1(&told->pick, (size_t)line, &fact.body);
	publish_fact(publisher, &fact);
}

static void tell_lines(struct pick_told *told, struct publisher *publisher)
{
	const struct pick *pick = &told->pick;
	struct msgpack_writer missing =
		MSGPACK_WRITER_INIT(told->room->missing);

	if (told->order->pick_version == 2) {
		tell_pick(told, -1, publisher);
		return;
	}
	if (pick->n_missing &&
	    !missing_encode(pick->missing, pick->n_missing, &missing))
		told->missing =
			(struct text){ (const char *)missing.p, missing.n };
	for (size_t i = 0; i < told->pick.n_items; i++)
		tell_pick(told, (int)i, publisher);
}

static void fill_pick(struct pick_told *told, const struct order_row *order,
		      enum verdict verdict, int64_t seq)
{
	told->order = order;
	told->pick = (struct pick){
		.order_id = order->id,
		.number = order->number,
		.seq = seq,
		.verdict = verdict,
		.doneness = order->doneness,
		.grill = order->grill,
		.stall = order->stall,
		.customer = order->customer,
		.items = order->items,
		.n_items = order->n_items,
	};
}

static void tell_order(const struct command *command, struct facts_room *room,
		       struct publisher *publisher)
{
	const struct order_row *order = command->row;
	struct pick_told told = { .decision = "pick", .room = room };
	char position[POSITION_BYTES];

	fill_pick(&told, order, order->verdict, SEQ_VERDICT);
	if (order->verdict == VERDICT_REFUSED) {
		told.pick.reason = TEXT("out of stock");
		told.pick.missing = order->missing;
		told.pick.n_missing = order->n_missing;
	}
	told.position = position_of(position, TEXT("orders"), order->partition,
				    order->offset);
	told.traceparent = order->traceparent;
	told.tracestate = order->tracestate;
	told.at_ms = order->decided_at_ms;
	tell_lines(&told, publisher);
}

static void tell_cancel(const struct record *record,
			const struct command *command, struct facts_room *room,
			struct publisher *publisher)
{
	bool kept = command->cancel_verdict == VERDICT_KEPT;
	const struct order_row *order = command->row;
	struct pick_told told = { .decision = "cancelled", .room = room };
	char decision[64];

	fill_pick(&told, order, command->cancel_verdict, SEQ_CANCELLATION);
	told.position = command->position;
	told.traceparent = order->cancel_traceparent;
	told.tracestate = order->cancel_tracestate;
	told.at_ms = order->cancelled_at_ms;
	if (kept) {
		/* Nothing was changed, so each such answer is one of its own,
		 * of the time of the order's own verdict. */
		(void)snprintf(decision, sizeof(decision),
			       "kept.%" PRId32 ".%" PRId64,
			       record->kafka.partition, record->kafka.offset);
		told.decision = decision;
		told.pick.reason = text_of(command->kept_reason);
		told.traceparent = record->envelope.traceparent;
		told.tracestate = record->envelope.tracestate;
		told.at_ms = order->decided_at_ms;
	}
	tell_lines(&told, publisher);
}

/* ---- changes of stock ---- */

static void tell_change(const struct change_row *row, struct text customer,
			struct facts_room *room, struct publisher *publisher)
{
	struct stock_changed changed = {
		.stall = row->stall,
		.ingredient = row->ingredient,
		.delta = row->delta,
		.kind = row->kind,
		.order_id = row->order_id,
	};
	struct words words;
	struct fact fact;

	/* Of a return there is one for each ingredient. */
	(void)snprintf(words.id, sizeof(words.id),
		       "%.*s.%" PRId32 ".%" PRId64 ".%016" PRIx64,
		       (int)row->topic.n, row->topic.p, row->partition,
		       row->offset,
		       hash_bytes(row->ingredient.p, row->ingredient.n));
	begin(&fact, &words, EVENT_STOCK_CHANGED, 1, row->decided_at_ms);
	fact.key = stock_key(words.key, row->stall, row->ingredient,
			     &fact.envelope.subject);
	fact.envelope.stall = row->stall;
	fact.envelope.customer = customer;
	fact.envelope.source_position = position_of(
		words.position, row->topic, row->partition, row->offset);
	fact.envelope.traceparent = trace_next_hop(
		words.trace, row->traceparent, text_of(words.id));
	fact.envelope.tracestate = row->tracestate;
	fact.body = (struct msgpack_writer)MSGPACK_WRITER_INIT(room->body);
	(void)stock_changed_encode(&changed, &fact.body);
	publish_fact(publisher, &fact);
}

void facts_of(const struct record *record, struct facts_room *room,
	      struct publisher *publisher)
{
	const struct command *command = command_of(record);
	struct text customer = { 0 };

	/* Of a return: whose order it is. */
	if (command->row)
		customer = command->row->customer;
	switch (command->kind) {
	case COMMAND_ORDER:
		if (command->row)
			tell_order(command, room, publisher);
		return;
	case COMMAND_CANCEL:
		if (command->row)
			tell_cancel(record, command, room, publisher);
		return;
	case COMMAND_STOCK:
	case COMMAND_RETURN:
		for (const struct change_row *row = command->changes; row;
		     row = row->next)
			tell_change(row, customer, room, publisher);
		return;
	case COMMAND_NOTHING:
		return;
	}
}
