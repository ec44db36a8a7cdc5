/* SPDX-License-Identifier: MIT */
/* Facts: galore.toastie; its id says the order and the seq. */
#include "workers/jafflr/facts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "schemas/trace.h"

#define BODY_BYTES 8192

static const enum toastie_state states[N_ROW_STATES] = {
	[ROW_QUEUED] = TOASTIE_QUEUED,       [ROW_GRILLING] = TOASTIE_GRILLING,
	[ROW_DONE] = TOASTIE_DONE,           [ROW_FAILED] = TOASTIE_FAILED,
	[ROW_UNCERTAIN] = TOASTIE_UNCERTAIN, [ROW_RETURNED] = TOASTIE_RETURNED,
};

bool facts_has(const struct toastie_row *row)
{
	return row->state != ROW_COLLECTING && row->state != ROW_CANCELLED &&
	       row->state != N_ROW_STATES;
}

void facts_tell(const struct toastie_row *row, uint64_t token,
		struct publisher *publisher)
{
	char order[ORDER_ID_CHARS + 1], id[80], position[64],
		trace[TRACE_BYTES];
	char at[CLOCK_RFC3339_MAX];
	uint8_t body[BODY_BYTES];
	struct fact fact = { .topic = TOPIC_TOASTIES,
			     .body = MSGPACK_WRITER_INIT(body) };
	struct toastie toastie = {
		.order_id = row->order_id,
		.number = row->number,
		.seq = row->seq,
		.state = states[row->state],
		.plate = row->plate,
		.stall = row->stall,
		.customer = row->customer,
		.grill = row->grill,
		.reason = row->reason,
	};

	assert(facts_has(row));
	clock_rfc3339(row->changed_at_ms, at);
	toastie.at = text_of(at);
	(void)order_id_format(&row->order_id, order);
	(void)snprintf(id, sizeof(id), "%s.toastie.%" PRId64, order, row->seq);
	(void)snprintf(position, sizeof(position), "picks/%" PRId32 "@%" PRId64,
		       row->partition, row->offset);
	envelope_init(&fact.envelope);
	fact.envelope.type = EVENT_TOASTIE;
	fact.envelope.version = 1;
	fact.envelope.seq = row->seq;
	fact.envelope.id = text_of(id);
	fact.envelope.source = TEXT("/jafflr");
	fact.envelope.time = toastie.at;
	fact.envelope.decided_at = toastie.at;
	fact.envelope.subject = text_of(order);
	fact.envelope.stall = row->stall;
	fact.envelope.customer = row->customer;
	fact.envelope.source_position = text_of(position);
	fact.envelope.traceparent =
		trace_next_hop(trace, row->traceparent, text_of(id));
	fact.envelope.tracestate = row->tracestate;
	fact.key = text_of(order);
	(void)toastie_encode(&toastie, &fact.body);
	publish_own(publisher, &fact, token);
}
