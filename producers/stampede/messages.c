/* SPDX-License-Identifier: MIT */
/* Messages: envelope, body and key; and how a poison is spoiled. */
#include "producers/stampede/messages.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/version.h"
#include "schemas/stock_command.h"
#include "schemas/topics.h"
#include "schemas/trace.h"

enum { TOPIC_NAME_MAX = 249 };
enum { ORDERS, RESTOCKS };

int messages_init(struct messages *ret, const struct conf *conf,
		  const struct orders *orders)
{
	static const enum topic_id ids[2] = {
		[ORDERS] = TOPIC_ORDERS, [RESTOCKS] = TOPIC_RESTOCKS
	};

	*ret = (struct messages){ .conf = conf, .orders = orders };
	(void)snprintf(ret->producer, sizeof(ret->producer), "stampede@%s",
		       version_of_build);
	for (int i = 0; i < 2; i++)
		if (snprintf(ret->topics[i], sizeof(ret->topics[i]), "%s%s",
			     topic_table[ids[i]].name,
			     conf->topic_suffix) > TOPIC_NAME_MAX) {
			(void)fprintf(stderr, "stampede: setting "
					      "'TOPIC_SUFFIX' is too long\n");
			return MESSAGES_E_SETTING;
		}
	return 0;
}

const char *messages_topic(const struct messages *messages, enum sent_kind kind)
{
	return messages->topics[kind == SENT_RESTOCK ? RESTOCKS : ORDERS];
}

static void replace(struct msgpack_writer *writer, const char *p, size_t n)
{
	msgpack_writer_reset(writer);
	(void)msgpack_writer_write(writer, p, n);
}

/* Spoils the body, if that is what the sort does. */
static void poison_body(enum poison poison, struct msgpack_writer *writer)
{
	/* c1 is the one byte that msgpack never uses. */
	static const char not_msgpack[] = "\xc1 cheese, please";
	/* { "order_id": 7 } */
	static const char contract[] = "\x81\xa8order_id\x07";
	/* An array of 268435456 values, of which none is there. */
	static const char huge[] = "\xdd\x10\x00\x00\x00";

	switch (poison) {
	case POISON_NOT_MSGPACK:
		replace(writer, not_msgpack, sizeof(not_msgpack) - 1);
		break;
	case POISON_TRUNCATED:
		writer->n /= 2;
		break;
	case POISON_CONTRACT:
		replace(writer, contract, sizeof(contract) - 1);
		break;
	case POISON_HUGE_COUNT:
		replace(writer, huge, sizeof(huge) - 1);
		break;
	case POISON_UNKNOWN_VERSION:
	case POISON_UNKNOWN_TYPE:
	case N_POISONS:
		break;
	}
}

/* The value that a header gets instead; NULL: it stays. */
static const char *poison_header(enum poison poison, const char *name)
{
	if (poison == POISON_UNKNOWN_VERSION && !strcmp(name, "schema-version"))
		return "99";
	if (poison == POISON_UNKNOWN_TYPE && !strcmp(name, "ce_type"))
		return "galore.order.eaten";
	return NULL;
}

/* A message being made, and the headers that its sort of poison changes. */
struct spoiled {
	struct kafka_message *message;
	enum poison poison;
};

static int spoil_header(void *arg, const char *name, const char *value,
			size_t n)
{
	const struct spoiled *spoiled = arg;
	const char *other = poison_header(spoiled->poison, name);

	if (other)
		return kafka_message_header(spoiled->message, name, other,
					    strlen(other));
	return kafka_message_header(spoiled->message, name, value, n);
}

static void set_envelope(struct messages *messages, struct envelope *envelope,
			 const char *id, char traceparent[TRACE_BYTES])
{
	int64_t now_ms = clock_wall_ms();
	struct order_id trace = { { 0 } };

	if (now_ms != messages->time_ms) {
		messages->time_ms = now_ms;
		clock_rfc3339(now_ms, messages->time);
	}
	envelope_init(envelope);
	envelope->id = (struct text){ id, ORDER_ID_CHARS };
	envelope->source = TEXT("/stampede");
	envelope->time =
		(struct text){ messages->time, sizeof(messages->time) - 1 };
	envelope->subject = envelope->id;
	(void)order_id_parse(&trace, id, ORDER_ID_CHARS);
	envelope->traceparent = trace_begin(traceparent, &trace);
	envelope->producer = text_of(messages->producer);
}

static int send_message(const struct messages *messages,
			struct kafka_message *message, struct text key,
			const struct msgpack_writer *writer, struct sent *sent)
{
	const struct kafka_body body = { .key = key.p,
					 .n_key = key.n,
					 .value = writer->p,
					 .n_value = writer->n };

	sent->sent_ms = messages->time_ms;
	return kafka_out_send(message, &body, sent);
}

static int send_order(struct messages *messages, struct kafka_out *out,
		      struct sent *sent)
{
	uint8_t bytes[4096] __attribute__((uninitialized));
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	struct made_order made __attribute__((uninitialized));
	char traceparent[TRACE_BYTES], poison_id[ORDER_ID_CHARS + 1];
	struct kafka_message *message;
	struct envelope envelope;
	const char *id;
	int r;

	orders_make(messages->orders, sent->step.index, &made);
	id = made.id;
	if (sent->step.kind == SENT_POISON) {
		orders_poison_id(messages->orders, sent->step.index, poison_id);
		id = poison_id;
	}
	set_envelope(messages, &envelope, id, traceparent);
	envelope.type = EVENT_ORDER_PLACED;
	envelope.version = made.order.version;
	envelope.stall = made.order.stall;
	envelope.customer = made.order.customer;
	if (made.order.version == 1 && !made.order.grill)
		envelope.grill = TEXT("false");
	r = order_placed_encode(&made.order, made.order.version, &writer);
	if (r)
		return r < 0 ? r : -EINVAL;
	message = kafka_out_message(out, messages->topics[ORDERS]);
	if (sent->step.kind == SENT_POISON) {
		struct spoiled spoiled = { message, sent->step.poison };

		poison_body(sent->step.poison, &writer);
		r = envelope_write(&envelope, spoil_header, &spoiled);
	} else {
		r = envelope_write(&envelope, kafka_message_header, message);
	}
	assert(!r);
	sent->version = sent->step.kind == SENT_POISON ? 0 : made.order.version;
	return send_message(messages, message, envelope.id, &writer, sent);
}

static int send_restock(struct messages *messages, struct kafka_out *out,
			struct sent *sent)
{
	uint8_t bytes[1024];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	char traceparent[TRACE_BYTES], key[STALL_NAME_MAX + 16];
	struct kafka_message *message;
	struct envelope envelope;
	struct restock row;
	int r;

	orders_restock(messages->orders, sent->step.index, &row);
	(void)snprintf(key, sizeof(key), "%s/%s", row.stall.p,
		       row.ingredient.p);
	set_envelope(messages, &envelope, row.id, traceparent);
	envelope.type = EVENT_STOCK_ADDED;
	envelope.version = 1;
	envelope.subject = text_of(key);
	envelope.stall = row.stall;
	r = stock_command_encode(
		&(struct stock_command){
			.kind = STOCK_COMMAND_ADDED,
			.stall = row.stall,
			.ingredient = row.ingredient,
			.quantity = (int32_t)messages->conf->restock },
		&writer);
	if (r)
		return r;
	sent->version = 0;
	message = kafka_out_message(out, messages->topics[RESTOCKS]);
	r = envelope_write(&envelope, kafka_message_header, message);
	assert(!r);
	return send_message(messages, message, text_of(key), &writer, sent);
}

int messages_send(struct messages *messages, struct kafka_out *out,
		  struct sent *sent)
{
	return sent->step.kind == SENT_RESTOCK
		       ? send_restock(messages, out, sent)
		       : send_order(messages, out, sent);
}
