/* SPDX-License-Identifier: MIT */
/* Event: every header that more than one program writes, filled in once. */
#include "schemas/event.h"

#include <assert.h>

void event_begin(struct event *event, enum event_type type, int version,
		 void *body, size_t n_body)
{
	event->topic = event_kinds[type].topic;
	envelope_init(&event->envelope);
	event->envelope.type = type;
	event->envelope.version = version;
	event->wall_ms = 0;
	event->key = (struct text){ NULL, 0 };
	event->body = (struct msgpack_writer){ .p = body, .cap = n_body };
	event->id = (struct str)STR_INIT(event->id_bytes);
	event->id_bytes[0] = '\0';
}

void event_source(struct event *event, struct text source, int64_t wall_ms)
{
	event->envelope.source = source;
	event->wall_ms = wall_ms;
}

void event_id_add_text(struct event *event, struct text text)
{
	str_add(&event->id, text.p, text.n);
	event->envelope.id = str_text(&event->id);
}

void event_id_add(struct event *event, const char *s)
{
	event_id_add_text(event, text_of(s));
}

void event_id_add_i64(struct event *event, int64_t value)
{
	char digits[TEXT_I64_BYTES];

	event_id_add_text(event, text_from_i64(digits, value));
}

void event_id_add_hex(struct event *event, uint64_t value)
{
	str_add_hex(&event->id, value);
	event->envelope.id = str_text(&event->id);
}

void event_about_order(struct event *event, const struct order_id *id)
{
	event->key = (struct text){ order_id_format(id, event->key_bytes),
				    ORDER_ID_CHARS };
	event_id_add_text(event, event->key);
}

void event_about_stock(struct event *event, struct text stall,
		       struct text ingredient)
{
	event->key = stock_key(event->key_bytes, stall, ingredient);
}

void event_follow(struct event *event, struct text traceparent,
		  struct text tracestate)
{
	event->envelope.traceparent = trace_next_hop(
		event->traceparent, traceparent, event->envelope.id);
	event->envelope.tracestate = tracestate;
}

void event_begin_trace(struct event *event, const struct order_id *id)
{
	event->envelope.traceparent = trace_begin(event->traceparent, id);
}

void event_position(struct event *event, struct text topic, int32_t partition,
		    int64_t offset)
{
	struct str position = STR_INIT(event->position);

	str_add_position(&position, topic, partition, offset);
	event->envelope.source_position = str_text(&position);
}

void event_number(struct event *event, int64_t number)
{
	event->envelope.number = text_from_i64(event->number, number);
}

int event_send(const struct event *event, struct kafka_out *out,
	       const char *topic, void *opaque)
{
	const struct kafka_body body = {
		.key = event->key.p,
		.n_key = event->key.n,
		.value = event->body.p,
		.n_value = event->body.n,
	};
	struct kafka_message *message = kafka_out_message(out, topic);

	assert(!event->body.full);
	/* Our type and version exist, and headers never fail. */
	(void)envelope_write(&event->envelope, kafka_message_header, message);
	kafka_message_timestamp(message, event->wall_ms);
	return kafka_out_send(message, &body, opaque);
}
