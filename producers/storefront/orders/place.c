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
	http_reply_error(request, 409,
			 "another order was placed under this key", "field",
			 "Idempotency-Key");
}

/* The broker has it. Of two under one key the first is the order. */
static void accept_order(struct command *command)
{
	struct order_cache *cache = command->shop->cache;
	struct order *order = &command->order;
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
	command_answer_order(command, "ORDER-ACCEPTED", "", number, "accepted");
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
	struct order_key key;
	const char *why;

	if (order_json_order(json, ret, http_request_body(request))) {
		http_reply_error(request, 400, json->fault.what, "field",
				 json->fault.field);
	} else if (order_key_read(&key, http_request_head(request), &why)) {
		http_reply_error(request, 400, why, "field", "Idempotency-Key");
	} else {
		ret->order_id = order_key_id(&key, ret->stall);
		if (!conflicts(shop, &ret->order_id, order_placed_hash(ret)))
			return true;
		answer_conflict(request);
	}
	counter_add(&metrics.orders_invalid, 1);
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
		command = command_new(shop, request, accept_order);
		command->of_order = true;
		command->content_hash = order_placed_hash(&order);
		order_of_placed(&command->order, &order);
		publish(command, &order);
	}
	order_json_deinit(&json);
}
