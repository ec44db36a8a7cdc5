/* SPDX-License-Identifier: MIT */
/* Order json: the text to a tree, then field by field. */
#include "producers/storefront/orders/order_json.h"

#include <inttypes.h>
#include <math.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/text/str.h"

/* Of metadata: maps and arrays inside each other, the outermost counted. */
enum { METADATA_MAX_DEPTH = 6 };

/* A name that was cut, or came from outside, is shown in ASCII. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

/* @field is inside the item that is being read, if one is. */
static int bad(struct order_json *json, const char *field, const char *what)
{
	struct order_json_fault *fault = &json->fault;

	(void)snprintf(fault->what, sizeof(fault->what), "%s", what);
	if (json->item < 0)
		(void)snprintf(fault->field, sizeof(fault->field), "%s", field);
	else
		(void)snprintf(fault->field, sizeof(fault->field),
			       "items[%d]%s%.32s", json->item,
			       *field ? "." : "", field);
	make_printable(fault->what);
	make_printable(fault->field);
	return ORDER_JSON_E_BAD;
}

/* ---- the text ---- */

enum {
	FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
	HUGE_MIN_BYTES = 5, /* "1e999" */
};

/* The bytes of the text that begins at @p with its quote, of @n at most. */
static size_t text_at(const char *p, size_t n)
{
	size_t i = 1;

	while (i < n && p[i] != '"')
		i += p[i] == '\\' ? 2 : 1;
	return i < n ? i + 1 : n;
}

/* How many of @n bytes could be a number; 0: none begins here. */
static size_t number_at(const char *p, size_t n)
{
	size_t i = 0;

	if (!p[0] || !strchr("-0123456789", p[0]))
		return 0;
	while (i < n && p[i] && strchr("+-.0123456789Ee", p[i]))
		i++;
	return i;
}

/* The bytes of the number that begins at @p, if jansson cannot represent it,
 * else 0. */
static size_t huge_at(const char *p, size_t n)
{
	json_error_t error;
	json_t *value;

	if (n < HUGE_MIN_BYTES)
		return 0;
	value = json_loadb(p, n, JSON_DECODE_ANY, &error);
	json_decref(value);
	if (value || json_error_code(&error) != json_error_numeric_overflow)
		return 0;
	return (size_t)error.position;
}

static void mark_numbers(struct buf *out, struct text text, const char *mark)
{
	size_t n, n_huge;

	for (const char *p = text.p, *end = p + text.n; p < end; p += n) {
		size_t n_left = (size_t)(end - p);

		n = *p == '"' ? text_at(p, n_left) : number_at(p, n_left);
		n_huge = *p == '"' ? 0 : huge_at(p, n);
		if (n_huge) {
			buf_printf(out, "[\"%s\"]", mark);
			n = n_huge;
			continue;
		}
		n = n ? n : 1;
		buf_add(out, p, n);
	}
}

/* Each number that jansson cannot represent becomes a list of one random text,
 * which no client can guess: a list may stand where a number may. */
static json_t *load_marked(struct order_json *json, struct text text,
			   json_error_t *error)
{
	struct buf marked = { 0 };
	uint64_t random;
	json_t *root;

	if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
		abort();
	(void)snprintf(json->mark, sizeof(json->mark), "%016" PRIx64, random);
	mark_numbers(&marked, text, json->mark);
	root = json_loadb(marked.p, marked.n, FLAGS, error);
	buf_deinit(&marked);
	return root;
}

static int read_root(struct order_json *json, struct text body)
{
	char what[sizeof(json->fault.what)];
	json_error_t error;

	json->counted = false;
	json->item = -1;
	json->root = NULL;
	json->mark[0] = '\0';
	if (body.n == 0)
		return bad(json, "", "the body is empty, it must be JSON");
	json->root = json_loadb(body.p, body.n, FLAGS, &error);
	if (!json->root &&
	    json_error_code(&error) == json_error_numeric_overflow)
		json->root = load_marked(json, body, &error);
	if (json_is_object(json->root))
		return 0;
	if (json->root)
		return bad(json, "", "the body must be an object");
	(void)snprintf(what, sizeof(what), "not JSON: %.90s", error.text);
	return bad(json, "", what);
}

/* Was @value a number that jansson cannot represent? */
static bool is_huge(const struct order_json *json, const json_t *value)
{
	const char *text = json_string_value(json_array_get(value, 0));

	return *json->mark && text && strcmp(text, json->mark) == 0;
}

/* Is it one, or does it contain one? */
static bool has_huge(const struct order_json *json, json_t *value)
{
	bool found = is_huge(json, value);
	json_t *child;
	const char *key;
	size_t i;

	if (!*json->mark)
		return false;
	json_array_foreach(value, i, child) found |= has_huge(json, child);
	json_object_foreach(value, key, child) found |= has_huge(json, child);
	return found;
}

/* ---- fields ---- */

static struct text text_in(const json_t *string)
{
	return (struct text){ json_string_value(string),
			      json_string_length(string) };
}

/* A text of 1 to TEXT_MAX_CHARS characters. */
static int read_text(struct order_json *json, const json_t *object,
		     const char *field, struct text *ret)
{
	const json_t *value = json_object_get(object, field);
	struct text text;

	if (!value)
		return bad(json, field, "is missing");
	if (!json_is_string(value))
		return bad(json, field, "must be a text");
	text = text_in(value);
	if (text.n == 0)
		return bad(json, field, "must not be empty");
	if (memchr(text.p, '\0', text.n))
		return bad(json, field, "must not hold \\u0000");
	if (!text_is_clean(text))
		return bad(json, field, "must be UTF-8");
	if (text_n_chars(text) > TEXT_MAX_CHARS)
		return bad(json, field, "must be at most 255 characters");
	*ret = text;
	return 0;
}

static int read_quantity(struct order_json *json, const json_t *object,
			 int32_t *ret)
{
	const json_t *value = json_object_get(object, "quantity");
	double min = json->counted ? 0 : 1, quantity;

	if (!value)
		return bad(json, "quantity", "is missing");
	if (is_huge(json, value))
		return bad(json, "quantity", "is too large a number");
	/* A double is exact for every whole number that may be a quantity. */
	quantity = json_number_value(value);
	if (!json_is_number(value) || floor(quantity) != quantity)
		return bad(json, "quantity", "must be a whole number");
	if (quantity < min)
		return bad(json, "quantity",
			   json->counted ? "must be at least 0"
					 : "must be at least 1");
	if (quantity > QUANTITY_MAX)
		return bad(json, "quantity", "must be at most 2147483647");
	*ret = (int32_t)quantity;
	return 0;
}

static int read_item(struct order_json *json, json_t *object, struct item *ret)
{
	const char *key;
	json_t *value;
	int r;

	if (!json_is_object(object))
		return bad(json, "", "must be an object");
	r = read_text(json, object, "ingredient", &ret->ingredient);
	if (!r)
		r = read_quantity(json, object, &ret->quantity);
	json_object_foreach(object, key, value)
	{
		if (!r && strcmp(key, "ingredient") != 0 &&
		    strcmp(key, "quantity") != 0)
			r = bad(json, key, "is not known");
	}
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
static int add_item(struct order_json *json, size_t *n_items,
		    const struct item *item)
{
	struct item *known = find(json->items, *n_items, item->ingredient);

	if (known && json->counted)
		return bad(json, "ingredient", "is named twice");
	if (known) {
		if (__builtin_add_overflow(known->quantity, item->quantity,
					   &known->quantity))
			return bad(json, "quantity",
				   "sums up to more than 2147483647");
		return 0;
	}
	if (*n_items == ORDER_ITEMS_MAX) {
		json->item = -1;
		return bad(json, "items",
			   "must be at most 32 different ingredients");
	}
	json->items[(*n_items)++] = *item;
	return 0;
}

static int read_items(struct order_json *json, struct order_placed *ret)
{
	const json_t *items = json_object_get(json->root, "items");
	struct item item;
	json_t *value;
	size_t i;
	int r = 0;

	if (!items)
		return bad(json, "items", "is missing");
	if (!json_is_array(items))
		return bad(json, "items", "must be a list");
	if (json_array_size(items) == 0)
		return bad(json, "items", "must not be empty");
	if (json_array_size(items) > ORDER_LINES_MAX)
		return bad(json, "items", "must be at most 256 entries");
	ret->items = json->items;
	ret->n_items = 0;
	json_array_foreach(items, i, value)
	{
		json->item = (int)i;
		if (!r)
			r = read_item(json, value, &item);
		if (!r)
			r = add_item(json, &ret->n_items, &item);
	}
	json->item = -1;
	return r;
}

/* Null counts as not there. */
static const json_t *optional(const struct order_json *json, const char *field)
{
	const json_t *value = json_object_get(json->root, field);

	return json_is_null(value) ? NULL : value;
}

static int read_bool(struct order_json *json, const char *field, bool *ret)
{
	const json_t *value = optional(json, field);

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return bad(json, field, "must be true or false");
	*ret = json_is_true(value);
	return 0;
}

static int read_doneness(struct order_json *json, struct order_placed *ret)
{
	const json_t *value = optional(json, "doneness");

	if (!value)
		return 0;
	if (!json_is_string(value))
		return bad(json, "doneness", "must be a text");
	if (doneness_parse(&ret->doneness, text_in(value)))
		return bad(json, "doneness",
			   "must be light, medium, well-done or burnt");
	return 0;
}

/* ---- metadata: JSON -> msgpack ---- */

static int put_value(struct order_json *json, struct msgpack_writer *writer,
		     json_t *value, int depth);

static int too_large(struct order_json *json)
{
	return bad(json, "metadata", "must be at most 4096 bytes");
}

/* Never in one byte after the head. chillybin knows a repeated order from
 * another one of the same id by a hash of these bytes, so they stay as they
 * were. */
static void put_integer(struct msgpack_writer *writer, int64_t value)
{
	bool is_short = (value > INT8_MAX && value <= UINT8_MAX) ||
			(value >= INT8_MIN && value < -32);
	const char bytes[] = { value < 0 ? '\xd1' : '\xcd',
			       value < 0 ? '\xff' : '\0', (char)value };

	if (is_short)
		(void)msgpack_writer_write(writer, bytes, sizeof(bytes));
	else
		msgpack_put_i64(writer, value);
}

static int put_children(struct order_json *json, struct msgpack_writer *writer,
			json_t *value, int depth)
{
	json_t *child;
	const char *key;
	size_t i;
	int r = 0;

	if (json_is_array(value)) {
		msgpack_put_array(writer, json_array_size(value));
		json_array_foreach(value, i, child) if (!r) r =
			put_value(json, writer, child, depth);
		return r;
	}
	msgpack_put_map(writer, json_object_size(value));
	json_object_foreach(value, key, child)
	{
		msgpack_put_text(writer, text_of(key));
		if (!r)
			r = put_value(json, writer, child, depth);
	}
	return r;
}

/* Recursion is bounded by METADATA_MAX_DEPTH. */
static int put_value(struct order_json *json, struct msgpack_writer *writer,
		     json_t *value, int depth)
{
	if ((json_is_object(value) || json_is_array(value)) &&
	    depth == METADATA_MAX_DEPTH)
		return bad(json, "metadata", "must be at most 6 levels deep");
	if (writer->full)
		return too_large(json);
	switch (json_typeof(value)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		return put_children(json, writer, value, depth + 1);
	case JSON_STRING:
		if (memchr(json_string_value(value), '\0',
			   json_string_length(value)))
			return bad(json, "metadata", "must not hold \\u0000");
		msgpack_put_text(writer, text_in(value));
		break;
	case JSON_INTEGER:
		put_integer(writer, json_integer_value(value));
		break;
	case JSON_REAL:
		msgpack_put_real(writer, json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		msgpack_put_bool(writer, json_is_true(value));
		break;
	case JSON_NULL:
		msgpack_put_nil(writer);
		break;
	}
	return 0;
}

static int read_metadata(struct order_json *json, struct order_placed *ret)
{
	json_t *value = json_object_get(json->root, "metadata");
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(json->metadata);
	int r;

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return bad(json, "metadata", "must be an object");
	if (json_object_size(value) == 0)
		return 0;
	if (has_huge(json, value))
		return bad(json, "metadata",
			   "holds a number that is too large, write it as a "
			   "text");
	r = put_value(json, &writer, value, 0);
	if (!r && writer.full)
		r = too_large(json);
	ret->metadata = (struct text){ (const char *)writer.p, writer.n };
	return r;
}

/* ---- the whole body ---- */

void order_json_deinit(struct order_json *json)
{
	json_decref(json->root);
	json->root = NULL;
}

int order_json_order(struct order_json *json, struct order_placed *ret,
		     struct text body)
{
	struct order_placed order = { .grill = true,
				      .doneness = DONENESS_LIGHT };
	int r = read_root(json, body);

	if (!r)
		r = read_text(json, json->root, "stall", &order.stall);
	if (!r && optional(json, "customer"))
		r = read_text(json, json->root, "customer", &order.customer);
	if (!r)
		r = read_items(json, &order);
	if (!r)
		r = read_doneness(json, &order);
	if (!r)
		r = read_metadata(json, &order);
	if (!r)
		r = read_bool(json, "grill", &order.grill);
	if (!r)
		*ret = order;
	return r;
}

int order_json_restock(struct order_json *json, struct order_placed *ret,
		       struct text body)
{
	struct order_placed restock = { 0 };
	int r = read_root(json, body);

	if (!r)
		r = read_bool(json, "counted", &json->counted);
	if (!r)
		r = read_text(json, json->root, "stall", &restock.stall);
	if (!r)
		r = read_items(json, &restock);
	if (!r)
		*ret = restock;
	return r;
}
