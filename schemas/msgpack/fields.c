/* SPDX-License-Identifier: MIT */
/* Fields: the table is walked once to read, and once to write. */
#include "schemas/msgpack/fields.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the map ---- */

/*
 * Index of the row of the key @name; n_rows when it is none of them. Writers
 * keep the table's order: @next is the likely one.
 */
static inline size_t find(const struct fields *fields, struct text name,
			  size_t next)
{
	for (size_t i = next; i < fields->n_rows; i++)
		if (text_equal(fields->rows[i].key, name))
			return i;
	for (size_t i = 0; i < next; i++)
		if (text_equal(fields->rows[i].key, name))
			return i;
	return fields->n_rows;
}

/* "<path of @field> <what>". */
static int fail(const struct fields *fields, const struct field *field,
		const char *what)
{
	if (fields->list)
		return schema_fail(fields->fault, SCHEMA_E_CONTRACT,
				   "%s[%zu].%s %s", fields->list, fields->index,
				   field->key.p, what);
	return schema_fail(fields->fault, SCHEMA_E_CONTRACT, "%s %s",
			   field->key.p, what);
}

/* What the row's bounds are. Apart from what checks them, so that reading what
 * is right has no buffer on its stack. */
static __attribute__((noinline)) int fail_bounds(const struct fields *fields,
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
	return fail(fields, field, what);
}

static __attribute__((noinline)) int fail_choice(const struct fields *fields,
						 const struct field *field)
{
	char rule[CHOICE_RULE_BYTES];

	return fail(fields, field, choice_rule(field->choice, rule));
}

static int fail_no_map(const struct fields *fields)
{
	if (!fields->list)
		return schema_fail(fields->fault, SCHEMA_E_CONTRACT,
				   "the body must be a map");
	return schema_fail(fields->fault, SCHEMA_E_CONTRACT,
			   "%s[%zu] must be a map", fields->list,
			   fields->index);
}

static int read_map(struct fields *fields, struct msgpack_reader *reader)
{
	struct msgpack_value map, key, unknown, *value;
	size_t i, next = 0;

	assert(fields->n_rows <= FIELDS_MAX);
	for (i = 0; i < fields->n_rows; i++) {
		fields->at[i] = NULL;
		fields->values[i].kind = MSGPACK_KIND_NIL;
	}
	fields->end = reader->end;
	msgpack_next(reader, &map);
	if (map.kind != MSGPACK_KIND_MAP)
		return fail_no_map(fields);
	for (; map.n > 0; map.n--) {
		msgpack_next(reader, &key);
		i = find(fields, msgpack_text(&key), next);
		value = &unknown;
		if (i < fields->n_rows) {
			if (fields->at[i])
				return fail(fields, &fields->rows[i],
					    "stands there twice");
			fields->at[i] = reader->p;
			value = &fields->values[i];
			next = i + 1;
		}
		msgpack_next_whole(reader, value);
	}
	return 0;
}

int fields_read(struct fields *ret, const struct field *rows, size_t n_rows,
		const struct field_body *body, struct schema_fault *fault)
{
	const uint8_t *p = body->bytes;
	struct msgpack_reader reader;
	int r = msgpack_check(p, body->n, body->max_bytes, NULL, fault);

	if (r)
		return r;
	reader = (struct msgpack_reader){ p, p + body->n };
	ret->rows = rows;
	ret->n_rows = n_rows;
	ret->list = NULL;
	ret->index = 0;
	ret->fault = fault;
	return read_map(ret, &reader);
}

/* ---- one field out of the map ---- */

static inline bool is_text(const struct msgpack_value *value, bool may_be_empty)
{
	return value->kind == MSGPACK_KIND_STR &&
	       (value->n > 0 || may_be_empty) &&
	       !text_is_longer(msgpack_text(value), TEXT_MAX_CHARS);
}

static const char *text_rule(bool may_be_empty)
{
	return may_be_empty ? "must be a text of at most 255 characters"
			    : "must be a text of 1 to 255 characters";
}

static int get_choice(const struct fields *fields, const struct field *field,
		      struct text name, void *to)
{
	unsigned int number;
	size_t value;

	if (choice_parse(field->choice, &value, name))
		return fail_choice(fields, field);
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

static int get_number(const struct fields *fields, const struct field *field,
		      const struct msgpack_value *value, void *to)
{
	if (value->kind == MSGPACK_KIND_I64 && value->i64 >= field->min &&
	    value->i64 <= field->max) {
		set_number(field, to, value->i64);
		return 0;
	}
	return fail_bounds(fields, field);
}

/* @at is where the map itself stands. */
static int get_map(const struct fields *fields, const struct field *field,
		   const uint8_t *at, struct text *to)
{
	struct msgpack_reader reader = { at, fields->end };
	struct msgpack_value value = { .kind = MSGPACK_KIND_NIL };
	size_t n;

	if (at)
		msgpack_next_whole(&reader, &value);
	n = (size_t)(reader.p - at);
	if (value.kind != MSGPACK_KIND_MAP || n > (size_t)field->max)
		return fail_bounds(fields, field);
	if (value.n > 0)
		*to = (struct text){ (const char *)at, n };
	return 0;
}

static int get_elements(const struct fields *fields, const struct field *field,
			struct msgpack_reader *reader, size_t n, char *to)
{
	const struct field_list *list = field->list;
	struct msgpack_value value;
	struct fields one __attribute__((uninitialized));
	int r = 0;

	one.rows = list->of;
	one.n_rows = list->n_of;
	one.list = field->key.p;
	one.fault = fields->fault;
	for (size_t i = 0; !r && i < n; i++, to += list->element_bytes) {
		one.index = i;
		if (list->of) {
			r = read_map(&one, reader);
			if (!r)
				r = fields_get(&one, 0, one.n_rows, to);
			continue;
		}
		msgpack_next(reader, &value);
		if (!is_text(&value, false))
			r = schema_fail(fields->fault, SCHEMA_E_CONTRACT,
					"%s[%zu] %s", field->key.p, i,
					text_rule(false));
		*(struct text *)to = msgpack_text(&value);
	}
	return r;
}

static int get_list(const struct fields *fields, const struct field *field,
		    const struct msgpack_value *value, char *message)
{
	struct msgpack_reader reader = { value->p, fields->end };
	/* read_map() has filled in a value for each row. */
	size_t n = value->n; /* NOLINT(clang-analyzer-core.*) */
	char *to;

	if (value->kind != MSGPACK_KIND_ARRAY || n < (size_t)field->min ||
	    n > (size_t)field->max)
		return fail_bounds(fields, field);
	memcpy(&to, message + field->at, sizeof(to));
	memcpy(message + field->list->n_at, &n, sizeof(n));
	return get_elements(fields, field, &reader, n, to);
}

static int get(const struct fields *fields, size_t i, char *message)
{
	const struct msgpack_value *value = &fields->values[i];
	const struct field *field = &fields->rows[i];
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
			return fail(fields, field, "must be a UUID in text");
		return 0;
	case FIELD_TYPE_TEXT:
		if (!is_text(value, may))
			return fail(fields, field, text_rule(may));
		*(struct text *)to = msgpack_text(value);
		return 0;
	case FIELD_TYPE_CHOICE:
		if (!is_text(value, may))
			return fail(fields, field, text_rule(may));
		return get_choice(fields, field, msgpack_text(value), to);
	case FIELD_TYPE_I64:
	case FIELD_TYPE_I32:
		return get_number(fields, field, value, to);
	case FIELD_TYPE_BOOL:
		if (value->kind != MSGPACK_KIND_BOOL)
			return fail(fields, field, "must be true or false");
		*(bool *)to = value->i64;
		return 0;
	case FIELD_TYPE_MAP:
		return get_map(fields, field, fields->at[i], (struct text *)to);
	case FIELD_TYPE_LIST:
		return get_list(fields, field, value, message);
	}
	abort();
}

int fields_get(const struct fields *fields, size_t from, size_t to,
	       void *message)
{
	int r = 0;

	for (size_t i = from; !r && i < to; i++)
		r = get(fields, i, message);
	return r;
}

int fields_decode(void *message, const struct field *rows, size_t n_rows,
		  const struct field_body *body, struct schema_fault *fault)
{
	struct fields fields __attribute__((uninitialized));
	int r = fields_read(&fields, rows, n_rows, body, fault);

	return r ? r : fields_get(&fields, 0, n_rows, message);
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
