/* SPDX-License-Identifier: MIT */
/*
 * Body: see body.h.
 *
 * Reading is held to the end of the bytes a second time, by value_read(), so
 * that not even a hole in the guard could make it read outside. A read that
 * fails behind the guard is a broken invariant.
 */
#include "schemas/body.h"

#include <assert.h>
#include <stdio.h>

#include "schemas/guard.h"

static const char text_rule[] = "must be a text of 1 to 255 characters";

int body_open(struct body *ret, size_t max_bytes, const void *bytes, size_t n,
	      struct schema_fault *fault)
{
	int r = guard_check_up_to(max_bytes, bytes, n, NULL, fault);

	if (r != 0)
		return r;
	ret->p = bytes;
	ret->end = ret->p + n;
	return 0;
}

/* One head; what follows is next. */
static inline void step(struct body *body, struct value *ret)
{
	body->p = value_read(ret, body->p, body->end);
	assert(body->p);
}

/* Goes behind one value and all that is in it. */
static void skip(struct body *body)
{
	struct value value;

	for (size_t left = 1; left > 0; left--) {
		step(body, &value);
		if (value.kind == VALUE_ARRAY)
			left += value.n;
		else if (value.kind == VALUE_MAP)
			left += 2 * (size_t)value.n;
	}
}

/*
 * Index in the table of the key @name; n_keys when it is none of them. Writers
 * keep the table's order: @next is the likely one.
 */
static inline size_t find(const struct fields *fields, const struct value *name,
			  size_t next)
{
	struct text text = value_text(name);

	for (size_t i = next; i < fields->n_keys; i++)
		if (text_equal(fields->keys[i], text))
			return i;
	for (size_t i = 0; i < next; i++)
		if (text_equal(fields->keys[i], text))
			return i;
	return fields->n_keys;
}

static int no_map(const struct fields *fields)
{
	if (!fields->list)
		return schema_fail(fields->fault, SCHEMA_E_CONTRACT,
				   "the body must be a map");
	return schema_fail(fields->fault, SCHEMA_E_CONTRACT,
			   "%s[%zu] must be a map", fields->list,
			   fields->index);
}

int fields_read(struct fields *fields, struct body *body)
{
	struct value map, key;
	size_t i, next = 0;

	assert(fields->n_keys <= FIELDS_MAX);
	for (i = 0; i < fields->n_keys; i++)
		fields->at[i] = NULL;
	fields->end = body->end;
	step(body, &map);
	if (map.kind != VALUE_MAP)
		return no_map(fields);
	for (; map.n > 0; map.n--) {
		step(body, &key);
		i = find(fields, &key, next);
		if (i < fields->n_keys) {
			if (fields->at[i])
				return fields_fail(fields, i,
						   "stands there twice");
			fields->at[i] = body->p;
			next = i + 1;
		}
		skip(body);
	}
	return 0;
}

int fields_fail(const struct fields *fields, size_t key, const char *what)
{
	const char *name = fields->keys[key].p;

	if (fields->list)
		(void)schema_fail(fields->fault, SCHEMA_E_CONTRACT,
				  "%s[%zu].%s %s", fields->list, fields->index,
				  name, what);
	else
		(void)schema_fail(fields->fault, SCHEMA_E_CONTRACT, "%s %s",
				  name, what);
	return SCHEMA_E_CONTRACT;
}

/* The value of @key; nil when it is not there. */
static inline struct value get(const struct fields *fields, size_t key)
{
	struct body body = { fields->at[key], fields->end };
	struct value value = { .kind = VALUE_NIL };

	if (body.p)
		step(&body, &value);
	return value;
}

bool fields_has(const struct fields *fields, size_t key)
{
	return get(fields, key).kind != VALUE_NIL;
}

static inline bool is_long(const struct value *value)
{
	return text_is_longer(value_text(value), TEXT_MAX_CHARS);
}

int fields_text(const struct fields *fields, size_t key, struct text *ret)
{
	struct value value = get(fields, key);

	if (value.kind != VALUE_STR || value.n == 0 || is_long(&value))
		return fields_fail(fields, key, text_rule);
	*ret = value_text(&value);
	return 0;
}

int fields_text_if_any(const struct fields *fields, size_t key,
		       struct text *ret)
{
	struct value value = get(fields, key);

	if (value.kind == VALUE_NIL)
		return 0;
	if (value.kind != VALUE_STR || is_long(&value))
		return fields_fail(fields, key,
				   "must be a text of at most 255 characters");
	*ret = value_text(&value);
	return 0;
}

int fields_i64(const struct fields *fields, size_t key, int64_t min,
	       int64_t max, int64_t *ret)
{
	struct value value = get(fields, key);
	char what[80];

	if (value.kind == VALUE_I64 && value.i64 >= min && value.i64 <= max) {
		*ret = value.i64;
		return 0;
	}
	(void)snprintf(what, sizeof(what),
		       "must be an integer from %lld to %lld", (long long)min,
		       (long long)max);
	return fields_fail(fields, key, what);
}

int fields_i64_if_any(const struct fields *fields, size_t key, int64_t min,
		      int64_t max, int64_t *ret)
{
	if (!fields_has(fields, key))
		return 0;
	return fields_i64(fields, key, min, max, ret);
}

int fields_i32(const struct fields *fields, size_t key, int32_t min,
	       int32_t max, int32_t *ret)
{
	int64_t number;
	int r = fields_i64(fields, key, min, max, &number);

	if (r == 0)
		*ret = (int32_t)number;
	return r;
}

int fields_bool(const struct fields *fields, size_t key, bool *ret)
{
	struct value value = get(fields, key);

	if (value.kind != VALUE_BOOL)
		return fields_fail(fields, key, "must be true or false");
	*ret = value.i64;
	return 0;
}

int fields_bool_if_any(const struct fields *fields, size_t key, bool *ret)
{
	if (!fields_has(fields, key))
		return 0;
	return fields_bool(fields, key, ret);
}

int fields_order_id(const struct fields *fields, size_t key,
		    struct order_id *ret)
{
	struct value value = get(fields, key);

	if (value.kind != VALUE_STR ||
	    order_id_parse(ret, (const char *)value.p, value.n) != 0)
		return fields_fail(fields, key, "must be a UUID in text");
	return 0;
}

int fields_list(const struct fields *fields, size_t key, uint32_t min,
		uint32_t max, size_t *ret_n, struct body *ret)
{
	struct value value = get(fields, key);
	char what[80];

	if (value.kind == VALUE_ARRAY && value.n >= min && value.n <= max) {
		*ret_n = value.n;
		*ret = (struct body){ value.p, fields->end };
		return 0;
	}
	(void)snprintf(what, sizeof(what),
		       "must be a list of %u to %u elements", min, max);
	return fields_fail(fields, key, what);
}

int fields_list_text(const struct fields *fields, size_t key, size_t index,
		     struct body *list, struct text *ret)
{
	struct value value;

	step(list, &value);
	if (value.kind != VALUE_STR || value.n == 0 || is_long(&value))
		return schema_fail(fields->fault, SCHEMA_E_CONTRACT,
				   "%s[%zu] %s", fields->keys[key].p, index,
				   text_rule);
	*ret = value_text(&value);
	return 0;
}

int fields_map_bytes(const struct fields *fields, size_t key, size_t max_bytes,
		     struct text *ret)
{
	struct body body = { fields->at[key], fields->end };
	struct value value = get(fields, key);
	char what[80];
	size_t n;

	if (value.kind == VALUE_NIL)
		return 0;
	skip(&body);
	n = (size_t)(body.p - fields->at[key]);
	if (value.kind != VALUE_MAP || n > max_bytes) {
		(void)snprintf(what, sizeof(what),
			       "must be a map of at most %zu bytes", max_bytes);
		return fields_fail(fields, key, what);
	}
	if (value.n > 0)
		*ret = (struct text){ (const char *)fields->at[key], n };
	return 0;
}
