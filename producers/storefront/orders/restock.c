/* SPDX-License-Identifier: MIT */
/*
 * Restock: see restock.h. With an Idempotency-Key each event's id follows from
 * the key and the ingredient, so that sending it again adds nothing: also when
 * only some of the first ones arrived.
 */
#include "producers/storefront/orders/restock.h"

#include <stdio.h>

#include "infra/lib/xalloc.h"
#include "producers/storefront/http/answer.h"
#include "producers/storefront/metrics.h"
#include "producers/storefront/orders/command.h"
#include "producers/storefront/orders/order_json.h"
#include "producers/storefront/orders/order_key.h"
#include "schemas/stock_command.h"

/* What one says, while it is published. */
struct restocking {
	struct order_json json;
	struct order_placed order; /* its stall and items */
	struct order_key key;
};

static void restocked(struct command *command)
{
	struct buf json = { 0 };
	char text[64];

	counter_add(&metrics.restocks_accepted, (int64_t)command->n_delivered);
	if (!command_delivered(command)) {
		command_answer_away(command);
	} else {
		(void)snprintf(text, sizeof(text),
			       "a restock of %zu ingredients was accepted",
			       command->n_events);
		command_log(command, "RESTOCK-ACCEPTED", text);
		buf_printf(&json, "{\"state\":\"accepted\",\"accepted\":%zu}",
			   command->n_events);
		answer_json(command->request, 202, &json, NULL);
		buf_deinit(&json);
	}
	free(command);
}

static void publish(struct command *command,
		    const struct restocking *restocking,
		    const struct item *item)
{
	const struct stock_command body = {
		.kind = restocking->json.counted ? STOCK_COMMAND_COUNTED
						 : STOCK_COMMAND_ADDED,
		.stall = restocking->order.stall,
		.ingredient = item->ingredient,
		.quantity = item->quantity,
	};
	struct order_id event_id =
		order_key_event(&restocking->key, body.stall, body.ingredient);
	uint8_t bytes[4096];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	char id[ORDER_ID_CHARS + 1];
	struct command_trace_room room;
	char key[STOCK_KEY_BYTES];
	struct publisher_event event = {
		.topic = TOPIC_RESTOCKS,
		.body = &writer,
	};

	if (stock_command_encode(&body, &writer))
		abort(); /* two texts of 1020 bytes fit */
	envelope_init(&event.envelope);
	event.key = stock_key(key, body.stall, body.ingredient,
			      &event.envelope.subject);
	event.envelope.type = stock_command_type(body.kind);
	event.envelope.version = 1;
	event.envelope.id = text_of(order_id_format(&event_id, id));
	event.envelope.stall = body.stall;
	command_trace(command, &event_id, &event.envelope, &room);
	command_publish(command, &event);
}

/* False: it has been answered. */
static bool check(struct restocking *restocking, struct http_request *request)
{
	struct order_json_fault fault;
	struct answer_error error = { .status = 400 };

	if (order_json_restock(&restocking->json, &restocking->order,
			       http_request_body(request), &fault)) {
		error.error = fault.what;
		error.field = fault.field;
	} else if (order_key_read(&restocking->key, http_request_head(request),
				  &error.error)) {
		error.field = "Idempotency-Key";
	} else {
		return true;
	}
	answer_error(request, &error);
	return false;
}

void restock(struct shop *shop, struct http_request *request)
{
	struct restocking restocking;
	struct command *command;

	if (check(&restocking, request)) {
		command = xcalloc(1, sizeof(*command));
		command->shop = shop;
		command->request = request;
		command->finished = restocked;
		command_begin(command);
		for (size_t i = 0; i < restocking.order.n_items; i++)
			publish(command, &restocking,
				&restocking.order.items[i]);
		command_end(command);
	}
	order_json_deinit(&restocking.json);
}
