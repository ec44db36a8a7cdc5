/* SPDX-License-Identifier: MIT */
/*
 * Event: a record that is being made: its topic, key, headers and body, with
 * the storage that its headers borrow. Every program makes its events here,
 * so that what all events have in common is filled in once:
 *
 *	uint8_t bytes[4096];
 *	struct event event;
 *
 *	event_begin(&event, EVENT_TOASTIE, 1, bytes, sizeof(bytes));
 *	event_source(&event, TEXT("/jafflr"), changed_at_ms);
 *	event_about_order(&event, &order_id);	 key, "ORDER"
 *	event_id_add(&event, ".toastie.");
 *	event_id_add_i64(&event, seq);		 "ORDER.toastie.7"
 *	event_follow(&event, parent, state);	 after the id is complete
 *	event.envelope.customer = customer;
 *	(void)toastie_encode(&toastie, &event.body);
 *
 * event_send() then sends it by the program's kafka_out: that is how all
 *programs publish their events. An event points into itself, so it is not
 *copied. Pure, but for event_send().
 */
#ifndef SCHEMAS_EVENT_H
#define SCHEMAS_EVENT_H

#include "infra/lib/kafka/kafka_out.h"
#include "infra/lib/text/str.h"
#include "schemas/envelope.h"
#include "schemas/messages/stock_command.h"
#include "schemas/msgpack/writer.h"
#include "schemas/order_id.h"
#include "schemas/trace.h"

enum { EVENT_ID_BYTES = 160, EVENT_POSITION_BYTES = 288 };

struct event {
	enum topic_id topic;
	struct envelope envelope;
	int64_t wall_ms; /* the record's timestamp */
	struct text key;
	struct msgpack_writer body;

	struct str id;
	char id_bytes[EVENT_ID_BYTES];
	char traceparent[TRACE_BYTES];
	char position[EVENT_POSITION_BYTES];
	char number[TEXT_I64_BYTES];
	char key_bytes[STOCK_KEY_BYTES];
};

/* On @type's own topic; nothing else is set. Borrows @body, of @n_body bytes.
 */
void event_begin(struct event *event, enum event_type type, int version,
		 void *body, size_t n_body);

/* Which program says so, and when: of a fact, when it was decided. */
void event_source(struct event *event, struct text source, int64_t wall_ms);

/* The key; the event's id begins with it, too. */
void event_about_order(struct event *event, const struct order_id *id);
/* The key; not the id. The names are clean. */
void event_about_stock(struct event *event, struct text stall,
		       struct text ingredient);

/* Adds to the end of the event's id. */
void event_id_add(struct event *event, const char *s);
void event_id_add_text(struct event *event, struct text text);
void event_id_add_i64(struct event *event, int64_t value);
void event_id_add_hex(struct event *event, uint64_t value); /* 16 digits */

/*
 * The trace, after the id is complete: a fact follows the record that it came
 * from, a command begins a trace of its own, which @id names.
 */
void event_follow(struct event *event, struct text traceparent,
		  struct text tracestate);
void event_begin_trace(struct event *event, const struct order_id *id);

/* Of a fact: the record that it came from. */
void event_position(struct event *event, struct text topic, int32_t partition,
		    int64_t offset);
/* The order's number, in a header (version 1 of a pick). */
void event_number(struct event *event, int64_t number);

/* Sends it to @topic; returns what kafka_out_send() returned. */
int event_send(const struct event *event, struct kafka_out *out,
	       const char *topic, void *opaque);

#endif
