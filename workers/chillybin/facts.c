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

#include "infra/lib/text/hash.h"

enum { SEQ_VERDICT = 1, SEQ_CANCELLATION = 2 };

/* When a fact was decided, and the trace that it goes on with. The event's id
 * is complete. */
static void add_origin(struct event *event, int64_t decided_at_ms,
		       struct text traceparent, struct text tracestate)
{
	event_source(event, TEXT("/chillybin"), decided_at_ms);
	event_follow(event, traceparent, tracestate);
}

/* ---- picks ---- */

struct pick_fact {
	struct pick pick;
	int version;
	const char *decision; /* the end of the fact's id */
	struct text position, traceparent, tracestate;
	int64_t decided_at_ms;
	struct text missing; /* for the headers of version 1 */
	struct facts_scratch *scratch;
};

/* What the body of version 1 lacks. */
static void put_line_headers(const struct pick_fact *from, struct event *event,
			     int line)
{
	const struct pick *pick = &from->pick;

	event_number(event, pick->number);
	event->envelope.stall = pick->stall;
	event->envelope.verdict = text_of(verdict_name(pick->verdict));
	event->envelope.reason = pick->reason;
	event->envelope.grill = pick->grill ? TEXT("true") : TEXT("false");
	if (line == 0 || from->missing.n <= MISSING_REPEATED_BYTES)
		event->envelope.missing = from->missing;
}

/* Version 2: @line is -1. */
static void publish_pick(const struct pick_fact *from, int line,
			 struct publisher *publisher)
{
	const struct pick *pick = &from->pick;
	struct event event __attribute__((uninitialized));

	event_begin(&event, EVENT_PICK, from->version, from->scratch->body,
		    sizeof(from->scratch->body));
	event_about_order(&event, &pick->order_id);
	event_id_add(&event, from->decision);
	if (line >= 0) {
		event_id_add(&event, ".");
		event_id_add_i64(&event, line);
	}
	add_origin(&event, from->decided_at_ms, from->traceparent,
		   from->tracestate);
	event.envelope.source_position = from->position;
	event.envelope.seq = pick->seq;
	event.envelope.customer = pick->customer;
	if (line < 0) {
		(void)pick_encode_v2(pick, &event.body);
	} else {
		put_line_headers(from, &event, line);
		(void)pick_encode_v1(pick, (size_t)line, &event.body);
	}
	publish_fact(publisher, &event);
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
		.decision = ".pick",
		.traceparent = order->traceparent,
		.tracestate = order->tracestate,
		.decided_at_ms = order->decided_at_ms,
		.scratch = scratch,
	};
}

static void publish_order(const struct order_row *order,
			  struct facts_scratch *scratch,
			  struct publisher *publisher)
{
	char bytes[EVENT_POSITION_BYTES];
	struct str position = STR_INIT(bytes);
	struct pick_fact fact;

	str_add_position(&position, TEXT("orders"), order->partition,
			 order->offset);
	fill_pick(&fact, order, scratch);
	fact.position = str_text(&position);
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
	fact.position = input->position;
	if (input->cancel_verdict == VERDICT_KEPT) {
		/* Nothing was changed, so each such answer has an id of its
		 * own, and the time of the order's verdict. */
		(void)snprintf(decision, sizeof(decision),
			       ".kept.%" PRId32 ".%" PRId64,
			       record->kafka.partition, record->kafka.offset);
		fact.decision = decision;
		fact.pick.reason = text_of(input->kept_reason);
		fact.traceparent = record->envelope.traceparent;
		fact.tracestate = record->envelope.tracestate;
	} else {
		fact.decision = ".cancelled";
		fact.traceparent = order->cancel_traceparent;
		fact.tracestate = order->cancel_tracestate;
		fact.decided_at_ms = order->cancelled_at_ms;
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
	struct event event;

	event_begin(&event, EVENT_STOCK_CHANGED, 1, scratch->body,
		    sizeof(scratch->body));
	event_about_stock(&event, row->stall, row->ingredient);
	event_id_add_text(&event, row->topic);
	event_id_add(&event, ".");
	event_id_add_i64(&event, row->partition);
	event_id_add(&event, ".");
	event_id_add_i64(&event, row->offset);
	/* A return has one for each ingredient. */
	event_id_add(&event, ".");
	event_id_add_hex(&event,
			 hash_bytes(row->ingredient.p, row->ingredient.n));
	add_origin(&event, row->decided_at_ms, row->traceparent,
		   row->tracestate);
	event_position(&event, row->topic, row->partition, row->offset);
	event.envelope.customer = customer;
	(void)stock_changed_encode(&changed, &event.body);
	publish_fact(publisher, &event);
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
