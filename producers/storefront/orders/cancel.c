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
#include "producers/storefront/http/http.h"
#include "producers/storefront/orders/command.h"
#include "producers/storefront/orders/handlers.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/views.h"
#include "schemas/messages/order_cancelled.h"

static void accept_cancellation(struct command *command)
{
	const struct order *order = &command->order;

	counter_add(&metrics.cancellations_accepted, 1);
	command_answer_order(command, "CANCEL-ACCEPTED", "the cancellation of ",
			     order->number,
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

static void cancel(const struct order_read *read)
{
	const struct cached_order *entry =
		order_cache_find(read->shop->cache, &read->id);
	const struct order *order = read->order;
	char text[ORDER_ID_CHARS + 1];
	const char *why_not = NULL;
	struct command *command;

	if (!read->r)
		why_not = order_state_too_late(order_state_of(&order->facts));
	else if (read->r == VIEWS_E_NONE && entry && entry->accepted)
		why_not = "the order has not been decided yet";
	if (why_not) {
		http_reply_error(read->request, 409, why_not, "order_id",
				 order_id_format(&read->id, text));
		return;
	}
	if (read->r) {
		answer_no_order(read);
		return;
	}
	command = command_new(read->shop, read->request, accept_cancellation);
	command->of_order = true;
	command->order.id = read->id;
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
