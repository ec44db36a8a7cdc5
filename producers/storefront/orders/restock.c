/* SPDX-License-Identifier: MIT */
/*
 * Restock: POST /restock, one event on `restocks` an ingredient.
 *
 * With an Idempotency-Key each event's id follows from the key and the
 * ingredient, so that sending the request again adds nothing: also when only
 * some of its events arrived the first time.
 */
#include <stdio.h>

#include "producers/storefront/http/http.h"
#include "producers/storefront/orders/command.h"
#include "producers/storefront/orders/handlers.h"
#include "producers/storefront/orders/order_json.h"
#include "producers/storefront/orders/order_key.h"
#include "schemas/messages/stock_command.h"

/* What a request says, while it is published. */
struct restocking {
	struct order_json json;
	struct order_placed order; /* its stall and items */
	struct order_key key;
};

static void accept_restock(struct command *command)
{
	struct buf json = { 0 };
	char text[64];

	(void)snprintf(text, sizeof(text),
		       "a restock of %zu ingredients was accepted",
		       command->n_events);
	command_log(command, "RESTOCK-ACCEPTED", text);
	buf_printf(&json, "{\"state\":\"accepted\",\"accepted\":%zu}",
		   command->n_events);
	http_reply_json(command->request, 202, &json, NULL);
	buf_deinit(&json);
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
	struct order_id id =
		order_key_event(&restocking->key, body.stall, body.ingredient);
	char id_text[ORDER_ID_CHARS + 1];
	uint8_t bytes[4096];
	struct event event;

	event_begin(&event, stock_command_type(body.kind), 1, bytes,
		    sizeof(bytes));
	event_about_stock(&event, body.stall, body.ingredient);
	event_id_add(&event, order_id_format(&id, id_text));
	if (stock_command_encode(&body, &event.body))
		abort(); /* two texts of 1020 bytes fit */
	command_publish(command, &event, &id);
}

/* False: it has been answered. */
static bool check(struct restocking *restocking, struct http_request *request)
{
	struct order_json_fault *fault = &restocking->json.fault;
	const char *why;

	if (order_json_restock(&restocking->json, &restocking->order,
			       http_request_body(request)))
		http_reply_error(request, 400, fault->what, "field",
				 fault->field);
	else if (order_key_read(&restocking->key, http_request_head(request),
				&why))
		http_reply_error(request, 400, why, "field", "Idempotency-Key");
	else
		return true;
	return false;
}

void restock(struct shop *shop, struct http_request *request,
	     const struct order_id *id)
{
	struct restocking restocking;
	struct command *command;

	(void)id;
	if (check(&restocking, request)) {
		command = command_new(shop, request, accept_restock);
		for (size_t i = 0; i < restocking.order.n_items; i++)
			publish(command, &restocking,
				&restocking.order.items[i]);
		command_end(command);
	}
	order_json_deinit(&restocking.json);
}
