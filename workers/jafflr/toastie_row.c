/* SPDX-License-Identifier: MIT */
/* Toastie row: names of its states, and galore.toastie, whose id says the
 * order and the seq. */
#include "workers/jafflr/toastie_row.h"

#include <assert.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/hash.h"

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
	uint8_t body[BODY_BYTES];
	char at[CLOCK_RFC3339_MAX];
	struct event event;
	const struct toastie toastie = {
		.order_id = row->order_id,
		.number = row->number,
		.seq = row->seq,
		.state = states[row->state].fact,
		.plate = row->plate,
		.stall = row->stall,
		.customer = row->customer,
		.grill = row->grill,
		.reason = row->reason,
		.at = { at, sizeof(at) - 1 },
	};

	assert(toastie_row_has_fact(row));
	clock_rfc3339(row->changed_at_ms, at);
	event_begin(&event, EVENT_TOASTIE, 1, body, sizeof(body));
	event_source(&event, TEXT("/jafflr"), row->changed_at_ms);
	event_about_order(&event, &row->order_id);
	event_id_add(&event, ".toastie.");
	event_id_add_i64(&event, row->seq);
	event_follow(&event, row->traceparent, row->tracestate);
	event_position(&event, TEXT("picks"), row->partition, row->offset);
	event.envelope.seq = row->seq;
	event.envelope.customer = row->customer;
	(void)toastie_encode(&toastie, &event.body);
	publish_own(publisher, &event, token);
}
