/* SPDX-License-Identifier: MIT */
/* Messages: envelope, body and key; and how a poison is spoiled. */
#include "producers/stampede/messages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/conf.h"
#include "schemas/event.h"

int messages_init(struct messages *ret, const struct conf *conf,
		  const struct orders *orders)
{
	*ret = (struct messages){ .conf = conf, .orders = orders };
	if (topic_names_init(&ret->topics, conf->topic_suffix)) {
		(void)fprintf(stderr, "stampede: setting 'TOPIC_SUFFIX' is too "
				      "long\n");
		return MESSAGES_E_SETTING;
	}
	return 0;
}

const char *messages_topic(const struct messages *messages, enum sent_kind kind)
{
	return messages->topics
		.of[kind == SENT_RESTOCK ? TOPIC_RESTOCKS : TOPIC_ORDERS];
}

/* A message being made, and what its sort of poison changes. */
struct spoiled {
	struct kafka_message *message;
	const struct poison_sort *sort;
};

static int spoil_header(void *arg, const char *name, const char *value,
			size_t n)
{
	const struct spoiled *spoiled = arg;
	const struct poison_sort *sort = spoiled->sort;

	if (text_equal(text_of(name), sort->header))
		return kafka_message_header(spoiled->message, name,
					    sort->value.p, sort->value.n);
	return kafka_message_header(spoiled->message, name, value, n);
}

static int send_poison(struct event *event, struct kafka_out *out,
		       const char *topic, struct sent *sent)
{
	const struct poison_sort *sort = &poison_sorts[sent->step.poison];
	struct spoiled spoiled = { kafka_out_message(out, topic), sort };

	if (sort->body.p) {
		msgpack_writer_reset(&event->body);
		(void)msgpack_writer_write(&event->body, sort->body.p,
					   sort->body.n);
	}
	if (sort->truncated)
		event->body.n /= 2;
	(void)envelope_write(&event->envelope, spoil_header, &spoiled);
	return kafka_out_send(spoiled.message,
			      &(struct kafka_body){ .key = event->key.p,
						    .n_key = event->key.n,
						    .value = event->body.p,
						    .n_value = event->body.n },
			      sent);
}

/* Who says it, when, and the trace that begins with the event's @id. */
static void add_origin(struct event *event, const struct order_id *id,
		       struct sent *sent)
{
	sent->sent_ms = clock_wall_ms();
	event_source(event, TEXT("/stampede"), sent->sent_ms);
	event_begin_trace(event, id);
}

static int send_order(const struct messages *messages, struct kafka_out *out,
		      struct sent *sent)
{
	uint8_t bytes[4096] __attribute__((uninitialized));
	struct made_order made __attribute__((uninitialized));
	struct event event __attribute__((uninitialized));
	const struct order_placed *order = &made.order;
	bool poisoned = sent->step.kind == SENT_POISON;
	struct order_id id;
	int r;

	orders_make(messages->orders, sent->step.index, &made);
	id = poisoned ? orders_poison_id(messages->orders, sent->step.index)
		      : order->order_id;
	event_begin(&event, EVENT_ORDER_PLACED, order->version, bytes,
		    sizeof(bytes));
	event_about_order(&event, &id);
	add_origin(&event, &id, sent);
	event.envelope.customer = order->customer;
	if (order->version == 1)
		order_placed_headers_v1(order, &event.envelope);
	r = order_placed_encode(order, order->version, &event.body);
	if (r)
		return r < 0 ? r : -EINVAL;
	sent->version = poisoned ? 0 : order->version;
	return poisoned ? send_poison(&event, out,
				      messages->topics.of[TOPIC_ORDERS], sent)
			: event_send(&event, out,
				     messages->topics.of[TOPIC_ORDERS], sent);
}

static int send_restock(const struct messages *messages, struct kafka_out *out,
			struct sent *sent)
{
	struct event event;
	struct restock row;
	char id[ORDER_ID_CHARS + 1];
	uint8_t bytes[1024];
	int r;

	orders_restock(messages->orders, sent->step.index, &row);
	event_begin(&event, EVENT_STOCK_ADDED, 1, bytes, sizeof(bytes));
	event_about_stock(&event, row.stall, row.ingredient);
	event_id_add(&event, order_id_format(&row.id, id));
	add_origin(&event, &row.id, sent);
	r = stock_command_encode(
		&(struct stock_command){
			.kind = STOCK_COMMAND_ADDED,
			.stall = row.stall,
			.ingredient = row.ingredient,
			.quantity = (int32_t)messages->conf->restock },
		&event.body);
	if (r)
		return r;
	sent->version = 0;
	return event_send(&event, out, messages->topics.of[TOPIC_RESTOCKS],
			  sent);
}

int messages_send(const struct messages *messages, struct kafka_out *out,
		  struct sent *sent)
{
	return sent->step.kind == SENT_RESTOCK
		       ? send_restock(messages, out, sent)
		       : send_order(messages, out, sent);
}
