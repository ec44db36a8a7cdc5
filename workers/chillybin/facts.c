/* SPDX-License-Identifier: MIT */
/*
 * Facts: a pick for each verdict (v1: one a line), cancellation and refused
 * cancellation; a change of stock for what no pick says.
 *
 * A fact's id names the order and the decision. seq rises per order: verdict
 * 1, cancelled or kept 2 (an order that was kept is never cancelled later, nor
 * the other way round); the lines of a v1 pick share one.
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

/* Texts that a fact is made of, until it is sent. */
struct texts {
	char id[ID_BYTES];
	char order[ORDER_ID_CHARS + 1];
	char at[CLOCK_RFC3339_MAX];
	char position[POSITION_BYTES];
	char trace[TRACE_BYTES];
	char number[TEXT_I64_BYTES];
	char key[STOCK_KEY_BYTES];
};

/* What picks and changes of stock have in common. */
struct origin {
	struct text stall, customer, position, traceparent, tracestate;
	int64_t at_ms;
};

/* @texts has the id. */
static void begin(struct fact *fact, struct texts *texts, enum event_type type,
		  int version, const struct origin *origin)
{
	struct envelope *envelope = &fact->envelope;

	*fact = (struct fact){ .topic = event_kinds[type].topic };
	envelope_init(envelope);
	clock_rfc3339(origin->at_ms, texts->at);
	envelope->type = type;
	envelope->version = version;
	envelope->id = text_of(texts->id);
	envelope->source = TEXT("/chillybin");
	envelope->time = text_of(texts->at);
	envelope->decided_at = text_of(texts->at);
	envelope->stall = origin->stall;
	envelope->customer = origin->customer;
	envelope->source_position = origin->position;
	envelope->traceparent =
		trace_next_hop(texts->trace, origin->traceparent, envelope->id);
	envelope->tracestate = origin->tracestate;
}

/* ---- picks ---- */

struct pick_fact {
	struct pick pick;
	int version;
	const char *decision; /* the end of the fact's id */
	struct origin origin;
	struct text missing; /* for the headers of version 1 */
	struct facts_scratch *scratch;
};

/* What the body of version 1 lacks. */
static void put_line_headers(const struct pick_fact *from, struct texts *texts,
			     struct envelope *envelope, int line)
{
	const struct pick *pick = &from->pick;

	envelope->verdict = text_of(verdict_name(pick->verdict));
	envelope->reason = pick->reason;
	envelope->number = text_from_i64(texts->number, pick->number);
	envelope->grill = pick->grill ? TEXT("true") : TEXT("false");
	if (line == 0 || from->missing.n <= MISSING_REPEATED_BYTES)
		envelope->missing = from->missing;
}

/* Version 2: @line is -1. */
static void publish_pick(const struct pick_fact *from, int line,
			 struct publisher *publisher)
{
	struct texts texts;
	struct str id = STR_INIT(texts.id);
	struct fact fact;

	str_add_text(&id, order_id_format(&from->pick.order_id, texts.order));
	str_add_text(&id, ".");
	str_add_text(&id, from->decision);
	if (line >= 0) {
		str_add_text(&id, ".");
		str_add_i64(&id, line);
	}
	begin(&fact, &texts, EVENT_PICK, from->version, &from->origin);
	fact.key = fact.envelope.subject = text_of(texts.order);
	fact.envelope.seq = from->pick.seq;
	fact.body =
		(struct msgpack_writer)MSGPACK_WRITER_INIT(from->scratch->body);
	if (line < 0) {
		(void)pick_encode_v2(&from->pick, &fact.body);
	} else {
		put_line_headers(from, &texts, &fact.envelope, line);
		(void)pick_encode_v1(&from->pick, (size_t)line, &fact.body);
	}
	publish_fact(publisher, &fact);
}

static void publish_lines(struct pick_fact *from, struct publisher *publisher)
{
	const struct pick *pick = &from->pick;
	struct msgpack_writer missing =
		MSGPACK_WRITER_INIT(from->scratch->missing);

	if (from->version == 2) {
		publish_pick(from, -1, publisher);
		return;
	}
	if (pick->n_missing &&
	    !missing_encode(pick->missing, pick->n_missing, &missing))
		from->missing =
			(struct text){ (const char *)missing.p, missing.n };
	for (size_t i = 0; i < pick->n_items; i++)
		publish_pick(from, (int)i, publisher);
}

/* The pick of the order's own verdict. */
static void fill_pick(struct pick_fact *ret, const struct order_row *order,
		      struct facts_scratch *scratch)
{
	*ret = (struct pick_fact){
		.pick = {
			.order_id = order->id,
			.number = order->number,
			.seq = SEQ_VERDICT,
			.verdict = order->verdict,
			.doneness = order->doneness,
			.grill = order->grill,
			.stall = order->stall,
			.customer = order->customer,
			.items = order->items,
			.n_items = order->n_items,
		},
		.version = order->pick_version == 2 ? 2 : 1,
		.decision = "pick",
		.origin = {
			.stall = order->stall,
			.customer = order->customer,
			.traceparent = order->traceparent,
			.tracestate = order->tracestate,
			.at_ms = order->decided_at_ms,
		},
		.scratch = scratch,
	};
}

static void publish_order(const struct order_row *order,
			  struct facts_scratch *scratch,
			  struct publisher *publisher)
{
	char position[POSITION_BYTES];
	struct pick_fact fact;

	fill_pick(&fact, order, scratch);
	fact.origin.position = position_text(position, TEXT("orders"),
					     order->partition, order->offset);
	if (order->verdict == VERDICT_REFUSED) {
		fact.pick.reason = TEXT("out of stock");
		fact.pick.missing = order->missing;
		fact.pick.n_missing = order->n_missing;
	}
	publish_lines(&fact, publisher);
}

static void publish_cancellation(const struct record *record,
				 const struct input *input,
				 struct facts_scratch *scratch,
				 struct publisher *publisher)
{
	const struct order_row *order = input->row;
	struct pick_fact fact;
	char decision[64];

	fill_pick(&fact, order, scratch);
	fact.pick.seq = SEQ_CANCELLATION;
	fact.pick.verdict = input->cancel_verdict;
	fact.origin.position = input->position;
	if (input->cancel_verdict == VERDICT_KEPT) {
		/* Nothing was changed, so each such answer has an id of its
		 * own, and the time of the order's verdict. */
		(void)snprintf(decision, sizeof(decision),
			       "kept.%" PRId32 ".%" PRId64,
			       record->kafka.partition, record->kafka.offset);
		fact.decision = decision;
		fact.pick.reason = text_of(input->kept_reason);
		fact.origin.traceparent = record->envelope.traceparent;
		fact.origin.tracestate = record->envelope.tracestate;
	} else {
		fact.decision = "cancelled";
		fact.origin.traceparent = order->cancel_traceparent;
		fact.origin.tracestate = order->cancel_tracestate;
		fact.origin.at_ms = order->cancelled_at_ms;
	}
	publish_lines(&fact, publisher);
}

/* ---- changes of stock ---- */

static void publish_change(const struct change_row *row, struct text customer,
			   struct facts_scratch *scratch,
			   struct publisher *publisher)
{
	struct stock_changed changed = {
		.stall = row->stall,
		.ingredient = row->ingredient,
		.delta = row->delta,
		.kind = row->kind,
		.order_id = row->order_id,
	};
	struct texts texts;
	struct origin origin = {
		.stall = row->stall,
		.customer = customer,
		.position = position_text(texts.position, row->topic,
					  row->partition, row->offset),
		.traceparent = row->traceparent,
		.tracestate = row->tracestate,
		.at_ms = row->decided_at_ms,
	};
	struct fact fact;

	/* A return has one for each ingredient. */
	(void)snprintf(texts.id, sizeof(texts.id),
		       "%.*s.%" PRId32 ".%" PRId64 ".%016" PRIx64,
		       (int)row->topic.n, row->topic.p, row->partition,
		       row->offset,
		       hash_bytes(row->ingredient.p, row->ingredient.n));
	begin(&fact, &texts, EVENT_STOCK_CHANGED, 1, &origin);
	fact.key = stock_key(texts.key, row->stall, row->ingredient,
			     &fact.envelope.subject);
	fact.body = (struct msgpack_writer)MSGPACK_WRITER_INIT(scratch->body);
	(void)stock_changed_encode(&changed, &fact.body);
	publish_fact(publisher, &fact);
}

void facts_publish(const struct record *record, struct facts_scratch *scratch,
		   struct publisher *publisher)
{
	const struct input *input = input_of(record);
	struct text customer = { 0 };

	switch (input->kind) {
	case INPUT_ORDER:
		if (input->row)
			publish_order(input->row, scratch, publisher);
		return;
	case INPUT_CANCELLATION:
		if (input->row)
			publish_cancellation(record, input, scratch, publisher);
		return;
	case INPUT_STOCK:
	case INPUT_RETURN:
		/* Of a return: whose order it is. */
		if (input->row)
			customer = input->row->customer;
		for (const struct change_row *row = input->changes; row;
		     row = row->next)
			publish_change(row, customer, scratch, publisher);
		return;
	case INPUT_NOTHING:
		return;
	}
}
