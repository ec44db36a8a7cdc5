/* SPDX-License-Identifier: MIT */
/*
 * Place order: see place_order.h. A struct placing lives from the request to
 * the broker's report, which may be long after the request was answered.
 */
#include "producers/storefront/place_order.h"

#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/answer.h"
#include "producers/storefront/command.h"
#include "producers/storefront/metrics.h"
#include "producers/storefront/order_json.h"
#include "producers/storefront/order_key.h"
#include "schemas/order_cancelled.h"

struct placing {
	struct command command; /* first: found by it */
	struct order_json json;
	struct order_placed placed;
	int64_t begun_at_us;
};

struct cancelling {
	struct command command; /* first: found by it */
	struct order order;
};

/* The trace that the request came with, or a new one. */
static struct text trace_of(const struct http_request *request,
			    char fresh[static TRACEPARENT_CHARS + 1])
{
	struct text given =
		http_head_field(http_request_head(request), "traceparent");

	if (given.n == TRACEPARENT_CHARS)
		return given;
	order_key_traceparent(fresh);
	return (struct text){ fresh, TRACEPARENT_CHARS };
}

/* 202 {"order_id","number","state"} */
static void answer_accepted(struct command *command, int64_t number,
			    const char *state)
{
	char id[ORDER_ID_CHARS + 1], path[64];
	struct http_field location = { TEXT("Location"), { path, 0 } };
	struct buf json = { 0 };
	int n;

	n = snprintf(path, sizeof(path), "/orders/%s",
		     order_id_format(&command->order_id, id));
	location.value.n = (size_t)n;
	buf_printf(&json,
		   "{\"order_id\":\"%s\",\"number\":%" PRId64
		   ",\"state\":\"%s\"}",
		   id, number, state);
	answer_json(command->request, 202, &json, &location);
	command->request = NULL;
	buf_deinit(&json);
}

static void placed(struct command *command)
{
	struct placing *placing = (struct placing *)command;
	struct order_board *board = command->shop->board;
	int64_t number = 0;

	if (!command_delivered(command)) {
		command_answer_away(command);
	} else {
		(void)order_number(&number, 0, command->offset,
				   command->partition, TOPIC_PARTITIONS);
		order_board_accept(board, &placing->placed, number);
		counter_add(&metrics.orders_accepted, 1);
		counter_observe_us(&metrics.accept_duration,
				   clock_now_us() - placing->begun_at_us, 1);
		number = order_board_find(board, &command->order_id)
				 ->order.number;
		answer_accepted(command, number, "accepted");
	}
	order_json_deinit(&placing->json);
	free(placing);
}

static void publish(struct placing *placing, struct text trace)
{
	const struct order_placed *order = &placing->placed;
	int version = (int)placing->command.shop->conf->order_version;
	uint8_t bytes[BODY_MAX_BYTES];
	struct wire wire = WIRE_INIT(bytes);
	char id[ORDER_ID_CHARS + 1], event_id[ORDER_ID_CHARS + 8];
	struct publisher_event event = {
		.topic = TOPIC_ORDERS,
		.key = { id, ORDER_ID_CHARS },
		.body = &wire,
	};

	/* What the old version cannot say is said in the new one. */
	if (order_placed_encode(order, version, &wire)) {
		wire_reset(&wire);
		version = event_newest(EVENT_ORDER_PLACED);
		if (order_placed_encode(order, version, &wire))
			abort(); /* bodies of 16 KiB fit into 64 */
	}
	(void)order_id_format(&order->order_id, id);
	(void)snprintf(event_id, sizeof(event_id), "%s.placed", id);
	envelope_init(&event.envelope);
	event.envelope.type = EVENT_ORDER_PLACED;
	event.envelope.version = version;
	event.envelope.id = text_of(event_id);
	event.envelope.subject = (struct text){ id, ORDER_ID_CHARS };
	event.envelope.traceparent = trace;
	event.envelope.customer = order->customer;
	event.envelope.stall = order->stall;
	if (!order->grill && version == 1)
		event.envelope.grill = TEXT("false");
	command_publish(&placing->command, &event);
}

/* The id, from the client's key if it gave one. */
static int identify(const struct http_request *request,
		    struct order_placed *order)
{
	struct text key =
		http_head_field(http_request_head(request), "idempotency-key");

	if (!key.p) {
		order->order_id = order_key_fresh();
		return 0;
	}
	return order_key_id(&order->order_id, order->stall, key);
}

/* Was another order accepted here under the same id? */
static bool conflicts(const struct shop *shop, const struct order_placed *order)
{
	const struct board_entry *entry =
		order_board_find(shop->board, &order->order_id);

	return entry && entry->content_hash &&
	       entry->content_hash != order_placed_hash(order);
}

/* NULL: it has been answered. */
static struct placing *check(struct shop *shop, struct http_request *request)
{
	struct placing *placing = xcalloc(1, sizeof(*placing));
	struct order_json_fault fault;
	struct answer_error error = { .status = 400 };

	if (order_json_order(&placing->json, &placing->placed,
			     http_request_body(request), &fault)) {
		error.error = fault.what;
		error.field = fault.field;
	} else if (identify(request, &placing->placed)) {
		error.error = "must be a text of 1 to 255 characters";
		error.field = "Idempotency-Key";
	} else if (conflicts(shop, &placing->placed)) {
		error.status = 409;
		error.error = "another order was placed under this key";
		error.field = "Idempotency-Key";
	} else {
		return placing;
	}
	counter_add(&metrics.orders_invalid, 1);
	answer_error(request, &error);
	order_json_deinit(&placing->json);
	free(placing);
	return NULL;
}

void place_order(struct shop *shop, struct http_request *request)
{
	struct placing *placing = check(shop, request);
	char fresh[TRACEPARENT_CHARS + 1];

	if (!placing)
		return;
	placing->begun_at_us = clock_now_us();
	placing->command.shop = shop;
	placing->command.request = request;
	placing->command.finished = placed;
	placing->command.order_id = placing->placed.order_id;
	placing->command.of_order = true;
	command_begin(&placing->command);
	publish(placing, trace_of(request, fresh));
	command_end(&placing->command);
}

/* ---- cancellation ---- */

static void cancelling_free(struct cancelling *cancelling)
{
	order_deinit(&cancelling->order);
	free(cancelling);
}

static void cancelled(struct command *command)
{
	struct cancelling *cancelling = (struct cancelling *)command;
	const struct order *order = &cancelling->order;

	if (!command_delivered(command)) {
		command_answer_away(command);
	} else {
		counter_add(&metrics.cancellations_accepted, 1);
		answer_accepted(
			command, order->number,
			order_state_name(order_state_of(&order->facts)));
	}
	cancelling_free(cancelling);
}

static void publish_cancellation(struct cancelling *cancelling)
{
	const struct order *order = &cancelling->order;
	const struct order_cancelled body = {
		.order_id = order->id,
		.stall = text_of(order->stall),
		.customer = text_of(order->customer),
	};
	uint8_t bytes[256];
	struct wire wire = WIRE_INIT(bytes);
	char id[ORDER_ID_CHARS + 1], event_id[ORDER_ID_CHARS + 11];
	char fresh[TRACEPARENT_CHARS + 1];
	struct publisher_event event = {
		.topic = TOPIC_ORDERS,
		.key = { id, ORDER_ID_CHARS },
		.body = &wire,
	};

	if (order_cancelled_encode(&body, &wire))
		abort(); /* an id always fits */
	(void)order_id_format(&order->id, id);
	(void)snprintf(event_id, sizeof(event_id), "%s.cancelled", id);
	envelope_init(&event.envelope);
	event.envelope.type = EVENT_ORDER_CANCELLED;
	event.envelope.version = 1;
	event.envelope.id = text_of(event_id);
	event.envelope.subject = (struct text){ id, ORDER_ID_CHARS };
	event.envelope.traceparent =
		trace_of(cancelling->command.request, fresh);
	event.envelope.customer = body.customer;
	event.envelope.stall = body.stall;
	command_publish(&cancelling->command, &event);
}

/* Not in the view: not decided yet, or never heard of. */
static void refuse_cancellation(struct cancelling *cancelling, int r)
{
	struct command *command = &cancelling->command;
	const struct board_entry *entry =
		order_board_find(command->shop->board, &command->order_id);
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

static void take_order(void *arg, int r, const struct order *order)
{
	struct cancelling *cancelling = arg;
	struct order_board *board = cancelling->command.shop->board;
	const struct board_entry *entry;

	if (r) {
		refuse_cancellation(cancelling, r);
		return;
	}
	order_board_learn(board, order);
	entry = order_board_find(board, &order->id);
	if (entry)
		order = &entry->order; /* may know more by now */
	cancelling->order.number = order->number;
	cancelling->order.facts = order->facts;
	order_set(&cancelling->order.stall, text_of(order->stall));
	order_set(&cancelling->order.customer, text_of(order->customer));
	command_begin(&cancelling->command);
	publish_cancellation(cancelling);
	command_end(&cancelling->command);
}

void place_cancellation(struct shop *shop, struct http_request *request,
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
