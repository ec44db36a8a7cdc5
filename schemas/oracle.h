/* SPDX-License-Identifier: MIT */
/*
 * Oracle: what tests and fuzz targets judge by. Not for the product.
 */
#ifndef SCHEMAS_ORACLE_H
#define SCHEMAS_ORACLE_H

#include <msgpack/unpack.h>
#include <msgpack/zone.h>

#include "schemas/messages/order_cancelled.h"
#include "schemas/messages/order_placed.h"
#include "schemas/messages/pick.h"
#include "schemas/messages/stock_changed.h"
#include "schemas/messages/stock_command.h"
#include "schemas/messages/toastie.h"
#include "schemas/msgpack/reader.h"

/* Each key and each container counted too, as the check does. */
static inline size_t oracle_n_values(const msgpack_object *object)
{
	size_t n = 1;

	if (object->type == MSGPACK_OBJECT_ARRAY)
		for (uint32_t i = 0; i < object->via.array.size; i++)
			n += oracle_n_values(&object->via.array.ptr[i]);
	if (object->type == MSGPACK_OBJECT_MAP)
		for (uint32_t i = 0; i < object->via.map.size; i++)
			n += oracle_n_values(&object->via.map.ptr[i].key) +
			     oracle_n_values(&object->via.map.ptr[i].val);
	return n;
}

/* Does msgpack-c parse what the check lets through, and into as many values? */
static inline bool oracle_agrees(const uint8_t *bytes, size_t n)
{
	size_t n_values, off = 0;
	msgpack_unpacked unpacked;
	bool agrees;

	if (msgpack_check(bytes, n, BODY_MAX_BYTES, &n_values, NULL) != 0)
		return true;
	msgpack_unpacked_init(&unpacked);
	agrees = msgpack_unpack_next(&unpacked, (const char *)bytes, n, &off) ==
			 MSGPACK_UNPACK_SUCCESS &&
		 off == n && oracle_n_values(&unpacked.data) == n_values;
	msgpack_unpacked_destroy(&unpacked);
	return agrees;
}

/* Any message, with what its decoder stores beside it. */
struct oracle_message {
	union {
		struct order_placed order;
		struct order_cancelled cancelled;
		struct stock_command command;
		struct stock_changed changed;
		struct pick pick;
		struct toastie toastie;
	};
	union {
		struct item items[ORDER_ITEMS_MAX];
		struct pick_storage storage;
	};
};

static inline int oracle_decode(struct oracle_message *ret,
				const struct envelope *envelope,
				const void *bytes, size_t n,
				struct schema_fault *fault)
{
	switch (envelope->type) {
	case EVENT_ORDER_PLACED:
		return order_placed_decode(&ret->order, ret->items, envelope,
					   bytes, n, fault);
	case EVENT_ORDER_CANCELLED:
		return order_cancelled_decode(&ret->cancelled, envelope, bytes,
					      n, fault);
	case EVENT_STOCK_ADDED:
	case EVENT_STOCK_COUNTED:
		return stock_command_decode(&ret->command, envelope, bytes, n,
					    fault);
	case EVENT_PICK:
		return pick_decode(&ret->pick, &ret->storage, envelope, bytes,
				   n, fault);
	case EVENT_STOCK_CHANGED:
		return stock_changed_decode(&ret->changed, envelope, bytes, n,
					    fault);
	default:
		return toastie_decode(&ret->toastie, envelope, bytes, n, fault);
	}
}

/* As it came; a v1 line is written out of its whole order. */
static inline int oracle_encode_pick(const struct pick *pick,
				     struct msgpack_writer *writer)
{
	struct item lines[ORDER_ITEMS_MAX] = { 0 };
	struct pick whole = *pick;

	if (pick->version == 2)
		return pick_encode_v2(pick, writer);
	lines[pick->line] = pick->items[0];
	whole.items = lines;
	whole.n_items = (size_t)pick->lines;
	return pick_encode_v1(&whole, (size_t)pick->line, writer);
}

static inline int oracle_encode(const struct oracle_message *message,
				const struct envelope *envelope,
				struct msgpack_writer *writer)
{
	switch (envelope->type) {
	case EVENT_ORDER_PLACED:
		return order_placed_encode(&message->order, envelope->version,
					   writer);
	case EVENT_ORDER_CANCELLED:
		return order_cancelled_encode(&message->cancelled, writer);
	case EVENT_STOCK_ADDED:
	case EVENT_STOCK_COUNTED:
		return stock_command_encode(&message->command, writer);
	case EVENT_PICK:
		return oracle_encode_pick(&message->pick, writer);
	case EVENT_STOCK_CHANGED:
		return stock_changed_encode(&message->changed, writer);
	default:
		return toastie_encode(&message->toastie, writer);
	}
}

#endif
