/* SPDX-License-Identifier: MIT */
/* Order json: see order_json.h. */
#include "producers/storefront/orders/order_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "producers/storefront/orders/metadata.h"

/* Index of a field that is not inside an item. */
#define NO_ITEM SIZE_MAX

/* A name that was cut, or came from outside, is shown in ASCII. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

static int bad(struct order_json_fault *fault, const char *field,
	       const char *what)
{
	(void)snprintf(fault->what, sizeof(fault->what), "%s", what);
	(void)snprintf(fault->field, sizeof(fault->field), "%s", field);
	make_printable(fault->what);
	make_printable(fault->field);
	return ORDER_JSON_E_BAD;
}

static int bad_item(struct order_json_fault *fault, size_t item,
		    const char *field, const char *what)
{
	char path[sizeof(fault->field)];

	if (*field)
		(void)snprintf(path, sizeof(path), "items[%zu].%.32s", item,
			       field);
	else
		(void)snprintf(path, sizeof(path), "items[%zu]", item);
	return bad(fault, path, what);
}

static int bad_at(struct order_json_fault *fault, size_t item,
		  const char *field, const char *what)
{
	if (item == NO_ITEM)
		return bad(fault, field, what);
	return bad_item(fault, item, field, what);
}

/* A text of 1 to TEXT_MAX_CHARS characters. */
static int read_text(const json_t *object, size_t item, const char *field,
		     struct text *ret, struct order_json_fault *fault)
{
	const json_t *value = json_object_get(object, field);
	struct text text;

	if (!value)
		return bad_at(fault, item, field, "is missing");
	if (!json_is_string(value))
		return bad_at(fault, item, field, "must be a text");
	text = (struct text){ json_string_value(value),
			      json_string_length(value) };
	if (text.n == 0)
		return bad_at(fault, item, field, "must not be empty");
	if (memchr(text.p, '\0', text.n))
		return bad_at(fault, item, field, "must not hold \\u0000");
	if (!text_is_clean(text))
		return bad_at(fault, item, field, "must be UTF-8");
	if (text_n_chars(text) > TEXT_MAX_CHARS)
		return bad_at(fault, item, field,
			      "must be at most 255 characters");
	*ret = text;
	return 0;
}

static int read_quantity(const struct order_json *json, const json_t *object,
			 size_t item, int32_t *ret,
			 struct order_json_fault *fault)
{
	const json_t *value = json_object_get(object, "quantity");
	double min = json->counted ? 0 : 1, quantity;

	if (!value)
		return bad_at(fault, item, "quantity", "is missing");
	if (json_body_is_huge(&json->body, value))
		return bad_at(fault, item, "quantity", "is too large a number");
	/* A double holds every whole number that may be one exactly. */
	quantity = json_number_value(value);
	if (!json_is_number(value) || floor(quantity) != quantity)
		return bad_at(fault, item, "quantity",
			      "must be a whole number");
	if (quantity < min)
		return bad_at(fault, item, "quantity",
			      json->counted ? "must be at least 0"
					    : "must be at least 1");
	if (quantity > QUANTITY_MAX)
		return bad_at(fault, item, "quantity",
			      "must be at most 2147483647");
	*ret = (int32_t)quantity;
	return 0;
}

static int read_item(const struct order_json *json, json_t *object,
		     size_t index, struct item *ret,
		     struct order_json_fault *fault)
{
	struct item item;
	int r;

	if (!json_is_object(object))
		return bad_item(fault, index, "", "must be an object");
	r = read_text(object, index, "ingredient", &item.ingredient, fault);
	if (!r)
		r = read_quantity(json, object, index, &item.quantity, fault);
	for (void *at = json_object_iter(object); !r && at;
	     at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);

		if (strcmp(key, "ingredient") != 0 &&
		    strcmp(key, "quantity") != 0)
			r = bad_item(fault, index, key, "is not known");
	}
	if (!r)
		*ret = item;
	return r;
}

static struct item *find(struct item *items, size_t n, struct text ingredient)
{
	for (size_t i = 0; i < n; i++)
		if (text_equal(items[i].ingredient, ingredient))
			return &items[i];
	return NULL;
}

/* An order may name an ingredient twice, which is their sum; a count not. */
static int add_item(struct order_json *json, size_t *n_items, size_t index,
		    const struct item *item, struct order_json_fault *fault)
{
	struct item *known = find(json->items, *n_items, item->ingredient);

	if (known && json->counted)
		return bad_item(fault, index, "ingredient", "is named twice");
	if (known) {
		if (__builtin_add_overflow(known->quantity, item->quantity,
					   &known->quantity))
			return bad_item(fault, index, "quantity",
					"sums up to more than 2147483647");
		return 0;
	}
	if (*n_items == ORDER_ITEMS_MAX)
		return bad(fault, "items",
			   "must be at most 32 different ingredients");
	json->items[(*n_items)++] = *item;
	return 0;
}

static int read_items(struct order_json *json, struct order_placed *ret,
		      struct order_json_fault *fault)
{
	const json_t *items = json_object_get(json->body.root, "items");
	int r = 0;

	if (!items)
		return bad(fault, "items", "is missing");
	if (!json_is_array(items))
		return bad(fault, "items", "must be a list");
	if (json_array_size(items) == 0)
		return bad(fault, "items", "must not be empty");
	if (json_array_size(items) > ORDER_LINES_MAX)
		return bad(fault, "items", "must be at most 256 entries");
	ret->items = json->items;
	ret->n_items = 0;
	for (size_t i = 0; !r && i < json_array_size(items); i++) {
		struct item item;

		r = read_item(json, json_array_get(items, i), i, &item, fault);
		if (!r)
			r = add_item(json, &ret->n_items, i, &item, fault);
	}
	return r;
}

/* Null counts as not there. */
static const json_t *optional(const struct order_json *json, const char *field)
{
	const json_t *value = json_object_get(json->body.root, field);

	return json_is_null(value) ? NULL : value;
}

static int read_doneness(const struct order_json *json,
			 struct order_placed *ret,
			 struct order_json_fault *fault)
{
	const json_t *value = optional(json, "doneness");
	struct text name;

	if (!value)
		return 0;
	if (!json_is_string(value))
		return bad(fault, "doneness", "must be a text");
	name = (struct text){ json_string_value(value),
			      json_string_length(value) };
	if (doneness_parse(&ret->doneness, name))
		return bad(fault, "doneness",
			   "must be light, medium, well-done or burnt");
	return 0;
}

static int read_metadata(struct order_json *json, struct order_placed *ret,
			 struct order_json_fault *fault)
{
	const json_t *value = optional(json, "metadata");
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(json->metadata);

	if (!value)
		return 0;
	if (!json_is_object(value))
		return bad(fault, "metadata", "must be an object");
	if (json_object_size(value) == 0)
		return 0;
	if (json_body_holds_huge(&json->body, value))
		return bad(fault, "metadata",
			   "holds a number that is too large, write it as a "
			   "text");
	switch (metadata_encode(value, &writer)) {
	case 0:
		ret->metadata =
			(struct text){ (const char *)writer.p, writer.n };
		return 0;
	case METADATA_E_DEEP:
		return bad(fault, "metadata", "must be at most 6 levels deep");
	case METADATA_E_NUL:
		return bad(fault, "metadata", "must not hold \\u0000");
	default:
		return bad(fault, "metadata", "must be at most 4096 bytes");
	}
}

static int read_grill(const struct order_json *json, struct order_placed *ret,
		      struct order_json_fault *fault)
{
	const json_t *value = optional(json, "grill");

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return bad(fault, "grill", "must be true or false");
	ret->grill = json_is_true(value);
	return 0;
}

static int read_root(struct order_json *json, struct text body,
		     struct order_json_fault *fault)
{
	char what[JSON_BODY_WHAT_BYTES];

	json->counted = false;
	if (json_body_read(&json->body, body, what))
		return bad(fault, "", what);
	return 0;
}

void order_json_deinit(struct order_json *json)
{
	json_body_deinit(&json->body);
}

int order_json_order(struct order_json *json, struct order_placed *ret,
		     struct text body, struct order_json_fault *fault)
{
	struct order_placed order = { .grill = true,
				      .doneness = DONENESS_LIGHT };
	int r = read_root(json, body, fault);

	if (!r)
		r = read_text(json->body.root, NO_ITEM, "stall", &order.stall,
			      fault);
	if (!r && optional(json, "customer"))
		r = read_text(json->body.root, NO_ITEM, "customer",
			      &order.customer, fault);
	if (!r)
		r = read_items(json, &order, fault);
	if (!r)
		r = read_doneness(json, &order, fault);
	if (!r)
		r = read_metadata(json, &order, fault);
	if (!r)
		r = read_grill(json, &order, fault);
	if (!r)
		*ret = order;
	return r;
}

int order_json_restock(struct order_json *json, struct order_placed *ret,
		       struct text body, struct order_json_fault *fault)
{
	struct order_placed restock = { 0 };
	const json_t *counted;
	int r = read_root(json, body, fault);

	if (r)
		return r;
	counted = optional(json, "counted");
	if (counted && !json_is_boolean(counted))
		return bad(fault, "counted", "must be true or false");
	json->counted = json_is_true(counted);
	r = read_text(json->body.root, NO_ITEM, "stall", &restock.stall, fault);
	if (!r)
		r = read_items(json, &restock, fault);
	if (!r)
		*ret = restock;
	return r;
}
