/* SPDX-License-Identifier: MIT */
/*
 * Place: POST /orders.
 *
 * An order is checked, gets its id and is published; 202 goes out after the
 * broker's acknowledgement and not before. The same key again is the same
 * order: it is published again, and the workers answer it by its recorded
 * verdict. Another order under that key is a conflict, also when both come at
 * once. What was parsed is freed as soon as it is published.
 */
#include <stdio.h>

#include "infra/lib/clock.h"
#include "producers/storefront/http/http.h"
#include "producers/storefront/orders/command.h"
#include "producers/storefront/orders/handlers.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/orders/order_json.h"
#include "producers/storefront/orders/order_key.h"

/* Was another order accepted here under the same id? */
static bool conflicts(const struct shop *shop, const struct order_id *id,
		      uint64_t content_hash)
{
	const struct cached_order *entry = order_cache_find(shop->cache, id);

	return entry && entry->content_hash &&
	       entry->content_hash != content_hash;
}

static void answer_conflict(struct http_request *request)
{
	static const struct answer_error error = {
		.status = 409,
		.error = "another order was placed under this key",
		.field = "Idempotency-Key",
	};

	answer_error(request, &error);
}

/* The broker has it. Of two under one key the first is the order. */
static void accept_order(struct command *command)
{
	struct order_cache *cache = command->shop->cache;
	struct order *order = &command->order;
	char text[96], name[ORDER_NAME_BYTES];
	int64_t number;

	if (conflicts(command->shop, &order->id, command->content_hash)) {
		answer_conflict(command->request);
		return;
	}
	(void)order_number(&order->number, 0, command->offset,
			   command->partition, TOPIC_PARTITIONS);
	order_cache_accept(cache, order, command->content_hash);
	number = order_cache_find(cache, &order->id)->order.number;
	counter_add(&metrics.orders_accepted, 1);
	counter_observe_us(&metrics.accept_duration,
			   clock_now_us() - command->begun_at_us, 1);
	(void)snprintf(text, sizeof(text), "%s, was accepted",
		       order_name(&order->id, number, name));
	command_log(command, "ORDER-ACCEPTED", text);
	command_answer_accepted(command, number, "accepted");
}

static void placed(struct command *command)
{
	if (command_delivered(command))
		accept_order(command);
	else
		command_answer_away(command);
}

static void publish(struct command *command, const struct order_placed *order)
{
	int version = (int)command->shop->conf->order_version;
	uint8_t bytes[BODY_MAX_BYTES];
	struct event event;

	event_begin(&event, EVENT_ORDER_PLACED, version, bytes, sizeof(bytes));
	/* What the old version cannot say is said in the new one. */
	if (order_placed_encode(order, version, &event.body)) {
		msgpack_writer_reset(&event.body);
		version = event_newest(EVENT_ORDER_PLACED);
		event.envelope.version = version;
		if (order_placed_encode(order, version, &event.body))
			abort(); /* bodies of 16 KiB fit into 64 */
	}
	event_about_order(&event, &order->order_id);
	event_id_add(&event, ".placed");
	event.envelope.customer = order->customer;
	if (version == 1)
		order_placed_headers_v1(order, &event.envelope);
	command_publish(command, &event, &order->order_id);
	command_end(command);
}

/* False: it has been answered. */
static bool check(struct shop *shop, struct http_request *request,
		  struct order_json *json, struct order_placed *ret)
{
	struct answer_error error = { .status = 400 };
	struct order_key key;

	if (order_json_order(json, ret, http_request_body(request))) {
		error.error = json->fault.what;
		error.field = json->fault.field;
	} else if (order_key_read(&key, http_request_head(request),
				  &error.error)) {
		error.field = "Idempotency-Key";
	} else {
		ret->order_id = order_key_id(&key, ret->stall);
		if (!conflicts(shop, &ret->order_id, order_placed_hash(ret)))
			return true;
	}
	counter_add(&metrics.orders_invalid, 1);
	if (error.error)
		answer_error(request, &error);
	else
		answer_conflict(request);
	return false;
}

void place_order(struct shop *shop, struct http_request *request,
		 const struct order_id *id)
{
	struct order_placed order;
	struct order_json json;
	struct command *command;

	(void)id;
	if (check(shop, request, &json, &order)) {
		command = command_new(shop, request, placed);
		command->of_order = true;
		command->content_hash = order_placed_hash(&order);
		order_of_placed(&command->order, &order);
		publish(command, &order);
	}
	order_json_deinit(&json);
}
