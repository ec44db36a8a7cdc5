/* SPDX-License-Identifier: MIT */
/*
 * Order placed: the tables of both versions.
 *
 * The lines of either version go through add(), which holds an order to each
 * ingredient once and to sums that fit. The hash covers each field with its
 * length, in a fixed order, the items sorted by name.
 */
#include "schemas/messages/order_placed.h"

#include <assert.h>
#include <endian.h>

#include "infra/lib/text/hash.h"
#include "schemas/msgpack/fields.h"

/* Version 1 has names only, one for each unit. */
static const struct field_list v1_list = {
	.element_bytes = sizeof(struct item),
	.n_at = offsetof(struct order_placed, n_items),
};

static const struct field_list v2_list = {
	.of = item_fields,
	.n_of = ITEM_FIELDS,
	.element_bytes = sizeof(struct item),
	.n_at = offsetof(struct order_placed, n_items),
};

static const struct field v1_rows[] = {
	FIELD_UUID(struct order_placed, order_id, MUST),
	{ .key = TEXT_INIT("ingredients"),
	  .type = FIELD_TYPE_LIST,
	  .at = offsetof(struct order_placed, items),
	  .min = 1,
	  .max = ORDER_LINES_MAX,
	  .list = &v1_list },
	FIELD_CHOICE(struct order_placed, doneness, MAY, doneness_choice),
};

static const struct field v2_rows[] = {
	FIELD_UUID(struct order_placed, order_id, MUST),
	FIELD_TEXT(struct order_placed, stall, MUST),
	FIELD_TEXT(struct order_placed, customer, MAY),
	FIELD_LIST(struct order_placed, items, 1, ORDER_LINES_MAX, v2_list),
	FIELD_CHOICE(struct order_placed, doneness, MAY, doneness_choice),
	FIELD_BOOL(struct order_placed, grill, MAY),
	FIELD_MAP(struct order_placed, metadata, MAY, METADATA_MAX_BYTES),
};

enum {
	N_V1_ROWS = sizeof(v1_rows) / sizeof(v1_rows[0]),
	N_V2_ROWS = sizeof(v2_rows) / sizeof(v2_rows[0]),
};

/* Sums what has the same name. */
static int add(struct item *items, size_t *n_items, const struct item *line,
	       struct schema_fault *fault)
{
	size_t i = 0;

	while (i < *n_items &&
	       !text_equal(items[i].ingredient, line->ingredient))
		i++;
	if (i == ORDER_ITEMS_MAX)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "an order has at most %d ingredients",
				   ORDER_ITEMS_MAX);
	if (i == *n_items) {
		items[i] = *line;
		++*n_items;
		return 0;
	}
	if (__builtin_add_overflow(items[i].quantity, line->quantity,
				   &items[i].quantity))
		return schema_fail(
			fault, SCHEMA_E_CONTRACT,
			"quantities of one ingredient add up to more "
			"than %d",
			QUANTITY_MAX);
	return 0;
}

/* @lines: the storage of its lines. */
static int v1_decode(struct order_placed *order, struct item *lines,
		     const struct envelope *envelope,
		     const struct field_body *body, struct schema_fault *fault)
{
	char rule[CHOICE_RULE_BYTES];
	int r;

	order->doneness = N_DONENESS;
	r = fields_decode(order, v1_rows, N_V1_ROWS, body, fault);
	if (!r && order->doneness == N_DONENESS)
		r = schema_fail(fault, SCHEMA_E_CONTRACT, "doneness %s",
				choice_rule(&doneness_choice, rule));
	if (!r)
		r = envelope_grill(envelope, &order->grill, fault);
	/* The rest of what a v1 body cannot say. */
	order->stall = envelope_stall(envelope);
	order->customer = envelope->customer;
	for (size_t i = 0; !r && i < order->n_items; i++)
		lines[i].quantity = 1;
	return r;
}

int order_placed_decode(struct order_placed *ret, struct item *items,
			const struct envelope *envelope, const void *bytes,
			size_t n, struct schema_fault *fault)
{
	struct item lines[ORDER_LINES_MAX] __attribute__((uninitialized));
	const struct field_body body = { bytes, n, BODY_MAX_BYTES };
	struct order_placed order = { .version = envelope->version,
				      .doneness = DONENESS_LIGHT,
				      .grill = true,
				      .items = lines };
	size_t n_items = 0;
	int r;

	assert(envelope->type == EVENT_ORDER_PLACED);
	if (envelope->version == 1)
		r = v1_decode(&order, lines, envelope, &body, fault);
	else
		r = fields_decode(&order, v2_rows, N_V2_ROWS, &body, fault);
	for (size_t i = 0; !r && i < order.n_items; i++)
		r = add(items, &n_items, &lines[i], fault);
	if (r)
		return r;
	order.items = items;
	order.n_items = n_items;
	*ret = order;
	return 0;
}

static int v1_encode(const struct order_placed *order,
		     struct msgpack_writer *writer)
{
	struct item lines[ORDER_LINES_MAX] __attribute__((uninitialized));
	struct order_placed v1 = *order;
	int64_t n_names = 0;

	for (size_t i = 0; i < order->n_items; i++)
		n_names += order->items[i].quantity;
	if (n_names > ORDER_LINES_MAX || order->metadata.n > 0)
		return SCHEMA_E_CONTRACT;
	v1.items = lines;
	v1.n_items = 0;
	for (size_t i = 0; i < order->n_items; i++)
		for (int32_t k = 0; k < order->items[i].quantity; k++)
			lines[v1.n_items++] = order->items[i];
	return fields_encode(&v1, v1_rows, N_V1_ROWS, writer);
}

int order_placed_encode(const struct order_placed *order, int version,
			struct msgpack_writer *writer)
{
	switch (version) {
	case 1:
		return v1_encode(order, writer);
	case 2:
		return fields_encode(order, v2_rows, N_V2_ROWS, writer);
	default:
		return SCHEMA_E_UNKNOWN_VERSION;
	}
}

void order_placed_headers_v1(const struct order_placed *order,
			     struct envelope *envelope)
{
	envelope->stall = order->stall;
	if (!order->grill)
		envelope->grill = TEXT("false");
}

/* A number as eight bytes, the lowest first, on every machine. */
static void hash_number(struct hash *hash, uint64_t number)
{
	number = htole64(number);
	hash_add(hash, &number, sizeof(number));
}

static void hash_text(struct hash *hash, struct text text)
{
	hash_number(hash, text.n);
	hash_add(hash, text.p, text.n);
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
	const struct item *items[ORDER_ITEMS_MAX]
		__attribute__((uninitialized));
	struct hash hash __attribute__((uninitialized));
	uint64_t value;

	assert(order->n_items <= ORDER_ITEMS_MAX);
	sort(order, items);
	hash_begin(&hash);
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
	value = hash_end(&hash);
	return value ? value : 1;
}
