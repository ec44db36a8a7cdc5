/* SPDX-License-Identifier: MIT */
/*
 * Cancel: POST /orders/{id}/cancel.
 *
 * Only an order that was decided can be cancelled: the view has its customer
 * and its stall, which the cancellation must carry. For one that is on a plate,
 * or at its end, the answer is 409. One that is cancelled already is cancelled
 * again, which changes nothing. The workers decide about the cancellation, and
 * may have started the toastie meanwhile: 202 says that it is on its topic.
 */
#include <stdio.h>

#include "producers/storefront/orders/command.h"
#include "producers/storefront/orders/handlers.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/views.h"
#include "schemas/messages/order_cancelled.h"

static void cancelled(struct command *command)
{
	const struct order *order = &command->order;
	char text[96], name[ORDER_NAME_BYTES];

	if (!command_delivered(command)) {
		command_answer_away(command);
		return;
	}
	counter_add(&metrics.cancellations_accepted, 1);
	(void)snprintf(text, sizeof(text),
		       "the cancellation of %s, was accepted",
		       order_name(&order->id, order->number, name));
	command_log(command, "CANCEL-ACCEPTED", text);
	command_answer_accepted(
		command, order->number,
		order_state_name(order_state_of(&order->facts)));
}

static void publish(struct command *command)
{
	const struct order *order = &command->order;
	const struct order_cancelled body = {
		.order_id = order->id,
		.stall = text_of(order->stall),
		.customer = text_of(order->customer),
	};
	uint8_t bytes[256];
	struct event event;

	event_begin(&event, EVENT_ORDER_CANCELLED, 1, bytes, sizeof(bytes));
	event_about_order(&event, &order->id);
	event_id_add(&event, ".cancelled");
	event.envelope.customer = body.customer;
	event.envelope.stall = body.stall;
	if (order_cancelled_encode(&body, &event.body))
		abort(); /* an id always fits */
	command_publish(command, &event, &order->id);
	command_end(command);
}

/* The view does not have it: it is not decided yet, or there is none. */
static void refuse(struct shop *shop, struct http_request *request,
		   const struct order_id *id, int r)
{
	const struct cached_order *entry = order_cache_find(shop->cache, id);
	struct answer_error error = { .order_id = id };

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
	answer_error(request, &error);
}

static void cancel(struct shop *shop, struct http_request *request,
		   const struct order_id *id, int r, const struct order *order)
{
	struct answer_error too_late = { .status = 409, .order_id = id };
	struct command *command;

	if (r) {
		refuse(shop, request, id, r);
		return;
	}
	too_late.error = order_state_too_late(order_state_of(&order->facts));
	if (too_late.error) {
		answer_error(request, &too_late);
		return;
	}
	command = command_new(shop, request, cancelled);
	command->of_order = true;
	command->order.id = *id;
	command->order.number = order->number;
	command->order.facts = order->facts;
	order_set(&command->order.stall, text_of(order->stall));
	order_set(&command->order.customer, text_of(order->customer));
	publish(command);
}

void cancel_order(struct shop *shop, struct http_request *request,
		  const struct order_id *id)
{
	order_read(shop, request, id, cancel);
}
