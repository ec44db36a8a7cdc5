/* SPDX-License-Identifier: MIT */
/*
 * Place order: see place_order.h. A struct placing lives from the request to
 * the broker's report, which may be long after the request was answered; what
 * was parsed is let go as soon as it is published.
 */
#include "producers/storefront/orders/place_order.h"

#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/answer.h"
#include "producers/storefront/metrics.h"
#include "producers/storefront/orders/command.h"
#include "producers/storefront/orders/order_json.h"
#include "producers/storefront/orders/order_key.h"

struct placing {
	struct command command; /* first: found by it */
	struct order order;
	uint64_t content_hash;
	int64_t begun_at_us;
};

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

static void log_accepted(struct command *command, int64_t number)
{
	char text[96], name[ORDER_NAME_BYTES];

	(void)snprintf(text, sizeof(text), "%s, was accepted",
		       order_name(&command->order_id, number, name));
	command_log(command, "ORDER-ACCEPTED", text);
}

/* The broker has it. Of two under one key the first is the order. */
static void accept_order(struct placing *placing)
{
	struct command *command = &placing->command;
	struct order_cache *cache = command->shop->cache;
	const struct cached_order *entry;

	if (conflicts(command->shop, &command->order_id,
		      placing->content_hash)) {
		answer_conflict(command->request);
		return;
	}
	(void)order_number(&placing->order.number, 0, command->offset,
			   command->partition, TOPIC_PARTITIONS);
	order_cache_accept(cache, &placing->order, placing->content_hash);
	counter_add(&metrics.orders_accepted, 1);
	counter_observe_us(&metrics.accept_duration,
			   clock_now_us() - placing->begun_at_us, 1);
	entry = order_cache_find(cache, &command->order_id);
	log_accepted(command, entry->order.number);
	command_answer_accepted(command, entry->order.number, "accepted");
}

static void placed(struct command *command)
{
	struct placing *placing = (struct placing *)command;

	if (command_delivered(command))
		accept_order(placing);
	else
		command_answer_away(command);
	order_deinit(&placing->order);
	free(placing);
}

static void publish(struct placing *placing, const struct order_placed *order)
{
	int version = (int)placing->command.shop->conf->order_version;
	uint8_t bytes[BODY_MAX_BYTES];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	char id[ORDER_ID_CHARS + 1], event_id[ORDER_ID_CHARS + 8];
	struct command_trace_room room;
	struct publisher_event event = {
		.topic = TOPIC_ORDERS,
		.key = { id, ORDER_ID_CHARS },
		.body = &writer,
	};

	/* What the old version cannot say is said in the new one. */
	if (order_placed_encode(order, version, &writer)) {
		msgpack_writer_reset(&writer);
		version = event_newest(EVENT_ORDER_PLACED);
		if (order_placed_encode(order, version, &writer))
			abort(); /* bodies of 16 KiB fit into 64 */
	}
	(void)order_id_format(&order->order_id, id);
	(void)snprintf(event_id, sizeof(event_id), "%s.placed", id);
	envelope_init(&event.envelope);
	event.envelope.type = EVENT_ORDER_PLACED;
	event.envelope.version = version;
	event.envelope.id = text_of(event_id);
	event.envelope.subject = (struct text){ id, ORDER_ID_CHARS };
	command_trace(&placing->command, &placing->command.order_id,
		      &event.envelope, &room);
	event.envelope.customer = order->customer;
	event.envelope.stall = order->stall;
	if (!order->grill && version == 1)
		event.envelope.grill = TEXT("false");
	command_publish(&placing->command, &event);
}

/* False: it has been answered. */
static bool check(struct shop *shop, struct http_request *request,
		  struct order_json *json, struct order_placed *ret)
{
	struct order_json_fault fault;
	struct answer_error error = { .status = 400 };
	struct order_key key;

	if (order_json_order(json, ret, http_request_body(request), &fault)) {
		error.error = fault.what;
		error.field = fault.field;
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

static void place(struct shop *shop, struct http_request *request,
		  const struct order_placed *order)
{
	struct placing *placing = xcalloc(1, sizeof(*placing));

	placing->begun_at_us = clock_now_us();
	placing->command.shop = shop;
	placing->command.request = request;
	placing->command.finished = placed;
	placing->command.order_id = order->order_id;
	placing->command.of_order = true;
	placing->content_hash = order_placed_hash(order);
	order_of_placed(&placing->order, order);
	command_begin(&placing->command);
	publish(placing, order);
	command_end(&placing->command);
}

void place_order(struct shop *shop, struct http_request *request)
{
	struct order_placed order;
	struct order_json json;

	if (check(shop, request, &json, &order))
		place(shop, request, &order);
	order_json_deinit(&json);
}
