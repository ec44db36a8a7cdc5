/* SPDX-License-Identifier: MIT */
/* Toastie row: names of its states, and galore.toastie, whose id says the
 * order and the seq. */
#include "workers/jafflr/toastie_row.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/hash.h"
#include "workers/runtime/trace.h"

#define BODY_BYTES 8192

static const struct {
	const char *name;
	enum toastie_state fact; /* N_TOASTIE_STATES: none */
	const char *log_id;
} states[N_ROW_STATES] = {
#define TOASTIE_STATE(state, name, fact, log_id, sentence)                     \
	[ROW_##state] = { name, fact, log_id },
#include "workers/jafflr/toastie_states.def"
#undef TOASTIE_STATE
};

uint64_t order_id_hash(const struct order_id *id)
{
	return hash_bytes(id->bytes, sizeof(id->bytes));
}

const char *row_state_name(enum row_state state)
{
	return states[state].name;
}

enum row_state row_state_parse(struct text name)
{
	int state = 0;

	while (state < N_ROW_STATES &&
	       !text_equal(text_of(states[state].name), name))
		state++;
	return (enum row_state)state;
}

const char *row_state_log_id(enum row_state state)
{
	return state == N_ROW_STATES ? NULL : states[state].log_id;
}

bool toastie_row_has_fact(const struct toastie_row *row)
{
	return row->state != N_ROW_STATES &&
	       states[row->state].fact != N_TOASTIE_STATES;
}

void toastie_row_publish(const struct toastie_row *row, uint64_t token,
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
		.state = states[row->state].fact,
		.plate = row->plate,
		.stall = row->stall,
		.customer = row->customer,
		.grill = row->grill,
		.reason = row->reason,
	};

	assert(toastie_row_has_fact(row));
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
	fact.envelope.traceparent = trace_next_hop(trace, row->traceparent, id);
	fact.envelope.tracestate = row->tracestate;
	fact.key = text_of(order);
	(void)toastie_encode(&toastie, &fact.body);
	publish_own(publisher, &fact, token);
}
