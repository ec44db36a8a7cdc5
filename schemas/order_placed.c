/* SPDX-License-Identifier: MIT */
/*
 * Order placed: see order_placed.h.
 *
 * Both versions go through add(), which holds an order to each ingredient once
 * and to sums that fit. The hash covers each field with its length, in a fixed
 * order, the items sorted by name.
 */
#include "schemas/order_placed.h"

#include <assert.h>
#include <endian.h>

#include "infra/lib/hash.h"
#include "schemas/body.h"
#include "schemas/items.h"

enum v1_key { V1_ORDER_ID, V1_INGREDIENTS, V1_DONENESS, N_V1_KEYS };

static const struct text v1_keys[] = {
	[V1_ORDER_ID] = TEXT_INIT("order_id"),
	[V1_INGREDIENTS] = TEXT_INIT("ingredients"),
	[V1_DONENESS] = TEXT_INIT("doneness"),
};

enum v2_key {
	V2_ORDER_ID,
	V2_STALL,
	V2_CUSTOMER,
	V2_ITEMS,
	V2_DONENESS,
	V2_GRILL,
	V2_METADATA,
	N_V2_KEYS,
};

static const struct text v2_keys[] = {
	[V2_ORDER_ID] = TEXT_INIT("order_id"), [V2_STALL] = TEXT_INIT("stall"),
	[V2_CUSTOMER] = TEXT_INIT("customer"), [V2_ITEMS] = TEXT_INIT("items"),
	[V2_DONENESS] = TEXT_INIT("doneness"), [V2_GRILL] = TEXT_INIT("grill"),
	[V2_METADATA] = TEXT_INIT("metadata"),
};

/* Sums what has the same name. */
static int add(struct order_placed *order, struct item *items,
	       struct text ingredient, int32_t quantity,
	       struct schema_fault *fault)
{
	size_t i = 0;

	while (i < order->n_items &&
	       !text_equal(items[i].ingredient, ingredient))
		i++;
	if (i == ORDER_ITEMS_MAX)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "an order has at most %d ingredients",
				   ORDER_ITEMS_MAX);
	if (i == order->n_items) {
		items[i] = (struct item){ ingredient, quantity };
		order->n_items++;
		return 0;
	}
	if (__builtin_add_overflow(items[i].quantity, quantity,
				   &items[i].quantity))
		return schema_fail(
			fault, SCHEMA_E_CONTRACT,
			"quantities of one ingredient add up to more "
			"than %d",
			QUANTITY_MAX);
	return 0;
}

static int doneness(const struct fields *fields, size_t key, bool needed,
		    enum doneness *ret)
{
	struct text name = { NULL, 0 };
	int r;

	r = fields_text_if_any(fields, key, &name);
	if (r != 0)
		return r;
	if (!fields_has(fields, key) && !needed)
		return 0;
	if (doneness_parse(ret, name) != 0)
		return fields_fail(fields, key, DONENESS_RULE);
	return 0;
}

static int v1_names(struct order_placed *order, struct item *items,
		    const struct fields *fields)
{
	struct body list;
	struct text name;
	size_t n;
	int r;

	r = fields_list(fields, V1_INGREDIENTS, 1, ORDER_LINES_MAX, &n, &list);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = fields_list_text(fields, V1_INGREDIENTS, i, &list, &name);
		if (r == 0)
			r = add(order, items, name, 1, fields->fault);
	}
	return r;
}

static int v1_read(struct order_placed *order, struct item *items,
		   const struct envelope *envelope, const struct fields *fields)
{
	int r;

	r = fields_order_id(fields, V1_ORDER_ID, &order->order_id);
	if (r == 0)
		r = v1_names(order, items, fields);
	if (r == 0)
		r = doneness(fields, V1_DONENESS, true, &order->doneness);
	if (r == 0)
		r = envelope_grill(envelope, &order->grill, fields->fault);
	/* The rest of what a v1 body cannot say. */
	order->stall = envelope_stall(envelope);
	order->customer = envelope->customer;
	return r;
}

static int v2_items(struct order_placed *order, struct item *items,
		    const struct fields *fields)
{
	struct items list;
	struct item item;
	int r;

	r = items_open(&list, fields, V2_ITEMS, ORDER_LINES_MAX);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		r = items_read(&list, &item);
		if (r == 0)
			r = add(order, items, item.ingredient, item.quantity,
				fields->fault);
	}
	return r;
}

static int v2_read(struct order_placed *order, struct item *items,
		   const struct fields *fields)
{
	int r;

	r = fields_order_id(fields, V2_ORDER_ID, &order->order_id);
	if (r == 0)
		r = fields_text(fields, V2_STALL, &order->stall);
	if (r == 0)
		r = fields_text_if_any(fields, V2_CUSTOMER, &order->customer);
	if (r == 0)
		r = v2_items(order, items, fields);
	if (r == 0)
		r = doneness(fields, V2_DONENESS, false, &order->doneness);
	if (r == 0)
		r = fields_bool_if_any(fields, V2_GRILL, &order->grill);
	if (r == 0)
		r = fields_map_bytes(fields, V2_METADATA, METADATA_MAX_BYTES,
				     &order->metadata);
	return r;
}

int order_placed_decode(struct order_placed *ret, struct item *items,
			const struct envelope *envelope, const void *bytes,
			size_t n, struct schema_fault *fault)
{
	struct order_placed order = { .version = envelope->version,
				      .doneness = DONENESS_LIGHT,
				      .grill = true,
				      .items = items };
	bool is_v1 = envelope->version == 1;
	struct fields fields = { .keys = is_v1 ? v1_keys : v2_keys,
				 .n_keys = is_v1 ? N_V1_KEYS : N_V2_KEYS,
				 .fault = fault };
	int r;

	assert(envelope->type == EVENT_ORDER_PLACED);
	r = fields_open(&fields, bytes, n);
	if (r == 0 && is_v1)
		r = v1_read(&order, items, envelope, &fields);
	else if (r == 0)
		r = v2_read(&order, items, &fields);
	if (r == 0)
		*ret = order;
	return r;
}

static int v1_encode(const struct order_placed *order,
		     struct msgpack_writer *writer)
{
	int64_t n_names = 0;

	for (size_t i = 0; i < order->n_items; i++)
		n_names += order->items[i].quantity;
	if (n_names > ORDER_LINES_MAX || order->metadata.n > 0)
		return SCHEMA_E_CONTRACT;
	msgpack_put_map(writer, N_V1_KEYS);
	msgpack_put_text(writer, v1_keys[V1_ORDER_ID]);
	msgpack_put_order_id(writer, &order->order_id);
	msgpack_put_text(writer, v1_keys[V1_INGREDIENTS]);
	msgpack_put_array(writer, (size_t)n_names);
	for (size_t i = 0; i < order->n_items; i++)
		for (int32_t k = 0; k < order->items[i].quantity; k++)
			msgpack_put_text(writer, order->items[i].ingredient);
	msgpack_put_text(writer, v1_keys[V1_DONENESS]);
	msgpack_put_text(writer, text_of(doneness_name(order->doneness)));
	return msgpack_writer_result(writer);
}

static int v2_encode(const struct order_placed *order,
		     struct msgpack_writer *writer)
{
	msgpack_put_map(writer,
			5u + (order->customer.n > 0) + (order->metadata.n > 0));
	msgpack_put_text(writer, v2_keys[V2_ORDER_ID]);
	msgpack_put_order_id(writer, &order->order_id);
	msgpack_put_text(writer, v2_keys[V2_STALL]);
	msgpack_put_text(writer, order->stall);
	msgpack_put_text_if_any(writer, v2_keys[V2_CUSTOMER], order->customer);
	msgpack_put_text(writer, v2_keys[V2_ITEMS]);
	items_put(writer, order->items, order->n_items);
	msgpack_put_text(writer, v2_keys[V2_DONENESS]);
	msgpack_put_text(writer, text_of(doneness_name(order->doneness)));
	msgpack_put_text(writer, v2_keys[V2_GRILL]);
	msgpack_put_bool(writer, order->grill);
	if (order->metadata.n > 0) {
		msgpack_put_text(writer, v2_keys[V2_METADATA]);
		(void)msgpack_writer_write(writer, order->metadata.p,
					   order->metadata.n);
	}
	return msgpack_writer_result(writer);
}

int order_placed_encode(const struct order_placed *order, int version,
			struct msgpack_writer *writer)
{
	switch (version) {
	case 1:
		return v1_encode(order, writer);
	case 2:
		return v2_encode(order, writer);
	default:
		return SCHEMA_E_UNKNOWN_VERSION;
	}
}

/* A number as eight bytes, the lowest first, on every machine. */
static void hash_number(struct hash_sip *hash, uint64_t number)
{
	number = htole64(number);
	hash_sip_add(hash, &number, sizeof(number));
}

static void hash_text(struct hash_sip *hash, struct text text)
{
	hash_number(hash, text.n);
	hash_sip_add(hash, text.p, text.n);
}

/* @ret: the order's items by name; a few, so by insertion. */
static void sort(const struct order_placed *order, const struct item **ret)
{
	const struct item *item;
	size_t k;

	for (size_t i = 0; i < order->n_items; i++) {
		item = &order->items[i];
		for (k = i; k > 0 && text_compare(ret[k - 1]->ingredient,
						  item->ingredient) > 0;
		     k--)
			ret[k] = ret[k - 1];
		ret[k] = item;
	}
}

uint64_t order_placed_hash(const struct order_placed *order)
{
	const struct item *items[ORDER_ITEMS_MAX];
	struct hash_sip hash;

	assert(order->n_items <= ORDER_ITEMS_MAX);
	sort(order, items);
	hash_sip_begin(&hash);
	hash_text(&hash, order->stall);
	hash_text(&hash, order->customer);
	hash_number(&hash, order->n_items);
	for (size_t i = 0; i < order->n_items; i++) {
		hash_text(&hash, items[i]->ingredient);
		hash_number(&hash, (uint64_t)items[i]->quantity);
	}
	hash_text(&hash, text_of(doneness_name(order->doneness)));
	hash_number(&hash, order->grill);
	hash_text(&hash, order->metadata);
	return hash_sip_end(&hash);
}
