/* SPDX-License-Identifier: MIT */
/*
 * Cancel order: see cancel_order.h. A struct cancelling lives from the request
 * to the broker's report, or to the view's answer if that is the end of it.
 */
#include "producers/storefront/orders/cancel_order.h"

#include <stdio.h>

#include "infra/lib/xalloc.h"
#include "producers/storefront/http/answer.h"
#include "producers/storefront/metrics.h"
#include "producers/storefront/orders/command.h"
#include "schemas/order_cancelled.h"

struct cancelling {
	struct command command; /* first: found by it */
	struct order order;
};

static void cancelling_free(struct cancelling *cancelling)
{
	order_deinit(&cancelling->order);
	free(cancelling);
}

static void log_accepted(struct command *command, int64_t number)
{
	char text[96], name[ORDER_NAME_BYTES];

	(void)snprintf(text, sizeof(text),
		       "the cancellation of %s, was accepted",
		       order_name(&command->order_id, number, name));
	command_log(command, "CANCEL-ACCEPTED", text);
}

static void cancelled(struct command *command)
{
	struct cancelling *cancelling = (struct cancelling *)command;
	const struct order *order = &cancelling->order;

	if (!command_delivered(command)) {
		command_answer_away(command);
	} else {
		counter_add(&metrics.cancellations_accepted, 1);
		log_accepted(command, order->number);
		command_answer_accepted(
			command, order->number,
			order_state_name(order_state_of(&order->facts)));
	}
	cancelling_free(cancelling);
}

static void publish(struct cancelling *cancelling)
{
	const struct order *order = &cancelling->order;
	const struct order_cancelled body = {
		.order_id = order->id,
		.stall = text_of(order->stall),
		.customer = text_of(order->customer),
	};
	uint8_t bytes[256];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	char id[ORDER_ID_CHARS + 1], event_id[ORDER_ID_CHARS + 11];
	struct command_trace_room room;
	struct publisher_event event = {
		.topic = TOPIC_ORDERS,
		.key = { id, ORDER_ID_CHARS },
		.body = &writer,
	};

	if (order_cancelled_encode(&body, &writer))
		abort(); /* an id always fits */
	(void)order_id_format(&order->id, id);
	(void)snprintf(event_id, sizeof(event_id), "%s.cancelled", id);
	envelope_init(&event.envelope);
	event.envelope.type = EVENT_ORDER_CANCELLED;
	event.envelope.version = 1;
	event.envelope.id = text_of(event_id);
	event.envelope.subject = (struct text){ id, ORDER_ID_CHARS };
	command_trace(&cancelling->command, &cancelling->command.order_id,
		      &event.envelope, &room);
	event.envelope.customer = body.customer;
	event.envelope.stall = body.stall;
	command_publish(&cancelling->command, &event);
}

/* Not in the view: not decided yet, or never heard of. */
static void refuse(struct cancelling *cancelling, int r)
{
	struct command *command = &cancelling->command;
	const struct cached_order *entry =
		order_cache_find(command->shop->cache, &command->order_id);
	struct answer_error error = { .order_id = &command->order_id };

	if (r != VIEWS_E_NONE) {
		error.status = 503;
		error.error = "the database is away or busy, send it again";
	} else if (entry && entry->accepted) {
		error.status = 409;
		error.error = "the order has not been decided yet";
	} else {
		error.status = 404;
		error.error = "there is no such order";
	}
	answer_error(command->request, &error);
	cancelling_free(cancelling);
}

/* False: it can be taken back; true: it has been answered that it cannot. */
static bool is_too_late(struct cancelling *cancelling,
			const struct order *order)
{
	struct command *command = &cancelling->command;
	const struct answer_error error = {
		.status = 409,
		.error = order_state_too_late(order_state_of(&order->facts)),
		.order_id = &command->order_id,
	};

	if (!error.error)
		return false;
	answer_error(command->request, &error);
	cancelling_free(cancelling);
	return true;
}

static void take_order(void *arg, int r, const struct order *order)
{
	struct cancelling *cancelling = arg;
	struct order_cache *cache = cancelling->command.shop->cache;
	const struct cached_order *entry;

	if (r) {
		refuse(cancelling, r);
		return;
	}
	order_cache_learn(cache, order);
	entry = order_cache_find(cache, &order->id);
	if (entry)
		order = &entry->order; /* may know more by now */
	if (is_too_late(cancelling, order))
		return;
	cancelling->order.number = order->number;
	cancelling->order.facts = order->facts;
	order_set(&cancelling->order.stall, text_of(order->stall));
	order_set(&cancelling->order.customer, text_of(order->customer));
	command_begin(&cancelling->command);
	publish(cancelling);
	command_end(&cancelling->command);
}

void cancel_order(struct shop *shop, struct http_request *request,
		  const struct order_id *id)
{
	struct cancelling *cancelling = xcalloc(1, sizeof(*cancelling));

	cancelling->command.shop = shop;
	cancelling->command.request = request;
	cancelling->command.finished = cancelled;
	cancelling->command.order_id = *id;
	cancelling->command.of_order = true;
	order_init(&cancelling->order, id);
	views_order(shop->views, id, take_order, cancelling);
}
