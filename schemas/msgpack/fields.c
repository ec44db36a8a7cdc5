/* SPDX-License-Identifier: MIT */
/*
 * Fields: the body is walked once to read it. Each value is checked, bounded
 * and put into its place when it is met; only the body of which something is
 * wrong is walked again, to say what.
 */
#include "schemas/msgpack/fields.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/msgpack/reader.h"

/* ---- faults ---- */

/* Where reading is. */
struct decoder {
	const uint8_t *p, *end;
	size_t depth;     /* containers that are open */
	const char *list; /* element @index of it is read; or NULL */
	size_t index;
	struct schema_fault *fault;
};

/* "<path of @field> <what>". */
static int fail(const struct decoder *decoder, const struct field *field,
		const char *what)
{
	if (decoder->list)
		return schema_fail(decoder->fault, SCHEMA_E_CONTRACT,
				   "%s[%zu].%s %s", decoder->list,
				   decoder->index, field->key.p, what);
	return schema_fail(decoder->fault, SCHEMA_E_CONTRACT, "%s %s",
			   field->key.p, what);
}

/* What the row's bounds are. Apart from what checks them, so that reading what
 * is right has no buffer on its stack. */
static __attribute__((noinline)) int fail_bounds(const struct decoder *decoder,
						 const struct field *field)
{
	long long min = field->min, max = field->max;
	char what[80];

	if (field->type == FIELD_TYPE_LIST)
		(void)snprintf(what, sizeof(what),
			       "must be a list of %lld to %lld elements", min,
			       max);
	else if (field->type == FIELD_TYPE_MAP)
		(void)snprintf(what, sizeof(what),
			       "must be a map of at most %lld bytes", max);
	else
		(void)snprintf(what, sizeof(what),
			       "must be an integer from %lld to %lld", min,
			       max);
	return fail(decoder, field, what);
}

static __attribute__((noinline)) int fail_choice(const struct decoder *decoder,
						 const struct field *field)
{
	char rule[CHOICE_RULE_BYTES];

	return fail(decoder, field, choice_rule(field->choice, rule));
}

static int fail_no_map(const struct decoder *decoder)
{
	if (!decoder->list)
		return schema_fail(decoder->fault, SCHEMA_E_CONTRACT,
				   "the body must be a map");
	return schema_fail(decoder->fault, SCHEMA_E_CONTRACT,
			   "%s[%zu] must be a map", decoder->list,
			   decoder->index);
}

static const char *text_rule(bool may_be_empty)
{
	return may_be_empty ? "must be a text of at most 255 characters"
			    : "must be a text of 1 to 255 characters";
}

/* ---- one field ---- */

/* The next value's head. SCHEMA_E_MALFORMED: there is none, or a text is not
 * clean. */
static inline int next(struct decoder *decoder, struct msgpack_value *ret)
{
	decoder->p = msgpack_read(ret, decoder->p, decoder->end);
	if (!decoder->p || (ret->kind == MSGPACK_KIND_STR &&
			    !text_is_clean(msgpack_text(ret))))
		return SCHEMA_E_MALFORMED;
	return 0;
}

/* Checks the next value, whatever it is, and goes behind it. */
static int skip(struct decoder *decoder)
{
	decoder->p = msgpack_skip(decoder->p, decoder->end, decoder->depth);
	return decoder->p ? 0 : SCHEMA_E_MALFORMED;
}

static inline bool is_text(const struct msgpack_value *value, bool may_be_empty)
{
	return value->kind == MSGPACK_KIND_STR &&
	       (value->n > 0 || may_be_empty) &&
	       !text_is_longer(msgpack_text(value), TEXT_MAX_CHARS);
}

static int get_choice(const struct decoder *decoder, const struct field *field,
		      struct text name, void *to)
{
	unsigned int number;
	size_t value;

	if (choice_parse(field->choice, &value, name))
		return fail_choice(decoder, field);
	/* An enum of ours has the size of an unsigned int. */
	number = (unsigned int)value;
	memcpy(to, &number, sizeof(number));
	return 0;
}

static bool is_number(const struct field *field)
{
	return field->type == FIELD_TYPE_I64 || field->type == FIELD_TYPE_I32;
}

static void set_number(const struct field *field, void *to, int64_t number)
{
	int32_t i32 = (int32_t)number;

	if (field->type == FIELD_TYPE_I32)
		memcpy(to, &i32, sizeof(i32));
	else
		memcpy(to, &number, sizeof(number));
}

static int get_number(const struct decoder *decoder, const struct field *field,
		      const struct msgpack_value *value, void *to)
{
	if (value->kind == MSGPACK_KIND_I64 && value->i64 >= field->min &&
	    value->i64 <= field->max) {
		set_number(field, to, value->i64);
		return 0;
	}
	return fail_bounds(decoder, field);
}

/* @value is its head, which stands at @at. */
static int get_map(struct decoder *decoder, const struct field *field,
		   const struct msgpack_value *value, const uint8_t *at,
		   struct text *to)
{
	if (value->kind != MSGPACK_KIND_MAP)
		return fail_bounds(decoder, field);
	decoder->p = at;
	if (skip(decoder))
		return SCHEMA_E_MALFORMED;
	if (decoder->p - at > field->max)
		return fail_bounds(decoder, field);
	if (value->n > 0)
		*to = (struct text){ (const char *)at,
				     (size_t)(decoder->p - at) };
	return 0;
}

static int get_fields(struct decoder *decoder, const struct field *rows,
		      size_t n_rows, char *message);

static int get_element(struct decoder *decoder, const struct field *field,
		       char *to)
{
	struct msgpack_value value;

	if (field->list->of)
		return get_fields(decoder, field->list->of, field->list->n_of,
				  to);
	if (next(decoder, &value))
		return SCHEMA_E_MALFORMED;
	if (!is_text(&value, false))
		return schema_fail(decoder->fault, SCHEMA_E_CONTRACT,
				   "%s[%zu] %s", field->key.p, decoder->index,
				   text_rule(false));
	*(struct text *)to = msgpack_text(&value);
	return 0;
}

static int get_list(struct decoder *decoder, const struct field *field,
		    const struct msgpack_value *value, char *message)
{
	const struct field_list *list = field->list;
	size_t n = value->n;
	char *to;
	int r = 0;

	if (value->kind != MSGPACK_KIND_ARRAY || n < (size_t)field->min ||
	    n > (size_t)field->max)
		return fail_bounds(decoder, field);
	memcpy(&to, message + field->at, sizeof(to));
	memcpy(message + list->n_at, &n, sizeof(n));
	decoder->depth++;
	decoder->list = field->key.p;
	for (size_t i = 0; !r && i < n; i++, to += list->element_bytes) {
		decoder->index = i;
		r = get_element(decoder, field, to);
	}
	decoder->list = NULL;
	decoder->depth--;
	return r;
}

/* @value is the head of the field's value, which stands at @at; nil when the
 * map does not have it. */
static int get(struct decoder *decoder, const struct field *field,
	       const struct msgpack_value *value, const uint8_t *at,
	       char *message)
{
	bool may = field->need != FIELD_MUST;
	char *to = message + field->at;

	if (may && value->kind == MSGPACK_KIND_NIL) {
		if (is_number(field))
			set_number(field, to, field->min - 1);
		return 0;
	}
	switch (field->type) {
	case FIELD_TYPE_UUID:
		if (value->kind != MSGPACK_KIND_STR ||
		    uuid_parse((uint8_t *)to, (const char *)value->p, value->n))
			return fail(decoder, field, "must be a UUID in text");
		return 0;
	case FIELD_TYPE_TEXT:
		if (!is_text(value, may))
			return fail(decoder, field, text_rule(may));
		*(struct text *)to = msgpack_text(value);
		return 0;
	case FIELD_TYPE_CHOICE:
		if (!is_text(value, may))
			return fail(decoder, field, text_rule(may));
		return get_choice(decoder, field, msgpack_text(value), to);
	case FIELD_TYPE_I64:
	case FIELD_TYPE_I32:
		return get_number(decoder, field, value, to);
	case FIELD_TYPE_BOOL:
		if (value->kind != MSGPACK_KIND_BOOL)
			return fail(decoder, field, "must be true or false");
		*(bool *)to = value->i64;
		return 0;
	case FIELD_TYPE_MAP:
		return get_map(decoder, field, value, at, (struct text *)to);
	case FIELD_TYPE_LIST:
		return get_list(decoder, field, value, message);
	}
	abort();
}

/* ---- a map of fields ---- */

/*
 * Index of the row of the key @name; @n_rows when it is none of them. Writers
 * keep the table's order: @likely is the one behind the last.
 */
static inline size_t find(const struct field *rows, size_t n_rows,
			  struct text name, size_t likely)
{
	for (size_t i = likely; i < n_rows; i++)
		if (text_equal(rows[i].key, name))
			return i;
	for (size_t i = 0; i < likely; i++)
		if (text_equal(rows[i].key, name))
			return i;
	return n_rows;
}

static int get_absent(struct decoder *decoder, const struct field *rows,
		      size_t n_rows, unsigned int seen, char *message)
{
	static const struct msgpack_value nil = { .kind = MSGPACK_KIND_NIL };
	int r = 0;

	for (size_t i = 0; !r && i < n_rows; i++)
		if (!(seen & 1u << i))
			r = get(decoder, &rows[i], &nil, NULL, message);
	return r;
}

static int get_pair(struct decoder *decoder, const struct field *rows,
		    size_t n_rows, char *message, unsigned int *seen,
		    size_t *likely)
{
	struct msgpack_value key, value;
	const uint8_t *at;
	size_t i;

	decoder->p = msgpack_read(&key, decoder->p, decoder->end);
	if (!decoder->p || key.kind != MSGPACK_KIND_STR)
		return SCHEMA_E_MALFORMED;
	i = find(rows, n_rows, msgpack_text(&key), *likely);
	if (i == n_rows)
		return text_is_clean(msgpack_text(&key)) ? skip(decoder)
							 : SCHEMA_E_MALFORMED;
	if (*seen & 1u << i)
		return fail(decoder, &rows[i], "stands there twice");
	*seen |= 1u << i;
	*likely = i + 1;
	at = decoder->p;
	if (next(decoder, &value))
		return SCHEMA_E_MALFORMED;
	return get(decoder, &rows[i], &value, at, message);
}

static int get_fields(struct decoder *decoder, const struct field *rows,
		      size_t n_rows, char *message)
{
	struct msgpack_value map;
	unsigned int seen = 0;
	size_t likely = 0;
	int r = next(decoder, &map);

	assert(n_rows <= FIELDS_MAX);
	if (!r && map.kind != MSGPACK_KIND_MAP)
		return fail_no_map(decoder);
	decoder->depth++;
	for (; !r && map.n > 0; map.n--)
		r = get_pair(decoder, rows, n_rows, message, &seen, &likely);
	decoder->depth--;
	return r ? r : get_absent(decoder, rows, n_rows, seen, message);
}

int fields_decode(void *message, const struct field *rows, size_t n_rows,
		  const struct field_body *body, struct schema_fault *fault)
{
	struct decoder decoder = { .p = body->bytes, .fault = fault };
	int r = SCHEMA_E_MALFORMED, r_check;

	if (body->n > 0 && body->n <= body->max_bytes) {
		decoder.end = decoder.p + body->n;
		r = get_fields(&decoder, rows, n_rows, message);
		if (!r && decoder.p == decoder.end)
			return 0;
	}
	/* What is malformed is that above all, whatever else is wrong; the
	 * check names the place. */
	r_check = msgpack_check(body->bytes, body->n, body->max_bytes, NULL,
				fault);
	assert(r || r_check);
	return r_check ? r_check : r;
}

/* ---- writing ---- */

static int64_t number_of(const struct field *field, const char *from)
{
	int64_t i64;
	int32_t i32;

	if (field->type == FIELD_TYPE_I32) {
		memcpy(&i32, from, sizeof(i32));
		return i32;
	}
	memcpy(&i64, from, sizeof(i64));
	return i64;
}

/* Is there nothing to write? */
static bool is_absent(const struct field *field, const char *from)
{
	if (field->need == FIELD_MUST)
		return false;
	switch (field->type) {
	case FIELD_TYPE_TEXT:
	case FIELD_TYPE_MAP:
		return ((const struct text *)from)->n == 0;
	case FIELD_TYPE_I64:
	case FIELD_TYPE_I32:
		return number_of(field, from) < field->min;
	default:
		return false;
	}
}

static void put_list(const struct field *field, const char *message,
		     struct msgpack_writer *writer)
{
	const struct field_list *list = field->list;
	const char *element;
	size_t n;

	memcpy(&element, message + field->at, sizeof(element));
	memcpy(&n, message + list->n_at, sizeof(n));
	msgpack_put_array(writer, n);
	for (; n > 0; n--, element += list->element_bytes)
		if (list->of)
			(void)fields_encode(element, list->of, list->n_of,
					    writer);
		else
			msgpack_put_text(writer, *(const struct text *)element);
}

static void put(const struct field *field, const char *message,
		struct msgpack_writer *writer)
{
	const char *from = message + field->at;
	const struct text *text = (const struct text *)from;
	unsigned int choice;

	switch (field->type) {
	case FIELD_TYPE_UUID:
		msgpack_put_uuid(writer, (const uint8_t *)from);
		return;
	case FIELD_TYPE_TEXT:
		msgpack_put_text(writer, *text);
		return;
	case FIELD_TYPE_CHOICE:
		memcpy(&choice, from, sizeof(choice));
		msgpack_put_text(writer, field->choice->names[choice]);
		return;
	case FIELD_TYPE_I64:
	case FIELD_TYPE_I32:
		msgpack_put_i64(writer, number_of(field, from));
		return;
	case FIELD_TYPE_BOOL:
		msgpack_put_bool(writer, *(const bool *)from);
		return;
	case FIELD_TYPE_MAP:
		(void)msgpack_writer_write(writer, text->p, text->n);
		return;
	case FIELD_TYPE_LIST:
		put_list(field, message, writer);
		return;
	}
	abort();
}

int fields_encode(const void *message, const struct field *rows, size_t n_rows,
		  struct msgpack_writer *writer)
{
	const char *from = message;
	bool absent[FIELDS_MAX];
	size_t n = 0;

	assert(n_rows <= FIELDS_MAX);
	for (size_t i = 0; i < n_rows; i++) {
		absent[i] = is_absent(&rows[i], from + rows[i].at);
		n += !absent[i] || rows[i].need == FIELD_NIL;
	}
	msgpack_put_map(writer, n);
	for (size_t i = 0; i < n_rows; i++) {
		if (absent[i] && rows[i].need == FIELD_MAY)
			continue;
		msgpack_put_text(writer, rows[i].key);
		if (absent[i])
			msgpack_put_nil(writer);
		else
			put(&rows[i], from, writer);
	}
	return msgpack_writer_result(writer);
}
