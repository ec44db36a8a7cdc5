/* SPDX-License-Identifier: MIT */
/*
 * Pg put: values in Postgres' binary form, each behind its length, as both
 * COPY's rows and arrays' elements have them; parameters are cut out of the
 * same form. Network byte order. Source: PostgreSQL's array_recv(), COPY.
 */
#include <assert.h>
#include <string.h>

#include "infra/lib/postgres/pg.h"

/* Milliseconds from 1970 to Postgres' own beginning, 2000-01-01. */
#define EPOCH_2000_MS INT64_C(946684800000)

static void put_u32(struct buf *buf, uint32_t value)
{
	value = __builtin_bswap32(value);
	buf_add(buf, &value, sizeof(value));
}

/* The length and the value at once: a row has many. */
static inline void put_value(struct buf *buf, const void *p, uint32_t n)
{
	char *to = buf_reserve(buf, sizeof(n) + n);
	uint32_t length = __builtin_bswap32(n);

	memcpy(to, &length, sizeof(length));
	memcpy(to + sizeof(length), p, n);
	buf->n += sizeof(length) + n;
}

void pg_put_null(struct buf *buf)
{
	put_u32(buf, UINT32_MAX);
}

void pg_put_bool(struct buf *buf, bool value)
{
	char byte = value;

	put_value(buf, &byte, sizeof(byte));
}

void pg_put_i16(struct buf *buf, int16_t value)
{
	uint16_t number = __builtin_bswap16((uint16_t)value);

	put_value(buf, &number, sizeof(number));
}

void pg_put_i32(struct buf *buf, int32_t value)
{
	uint32_t number = __builtin_bswap32((uint32_t)value);

	put_value(buf, &number, sizeof(number));
}

void pg_put_i64(struct buf *buf, int64_t value)
{
	uint64_t number = __builtin_bswap64((uint64_t)value);

	put_value(buf, &number, sizeof(number));
}

void pg_put_bytes(struct buf *buf, const void *p, size_t n)
{
	assert(n <= INT32_MAX);
	if (n)
		put_value(buf, p, (uint32_t)n);
	else
		put_u32(buf, 0);
}

void pg_put_text(struct buf *buf, const char *p, size_t n)
{
	if (n)
		pg_put_bytes(buf, p, n);
	else
		pg_put_null(buf);
}

void pg_put_uuid(struct buf *buf, const uint8_t uuid[16])
{
	put_value(buf, uuid, 16);
}

void pg_put_jsonb(struct buf *buf, const char *json, size_t n)
{
	assert(n < INT32_MAX);
	put_u32(buf, (uint32_t)n + 1);
	buf_add(buf, "\1", 1); /* the version of the form */
	buf_add(buf, json, n);
}

void pg_put_wall_ms(struct buf *buf, int64_t wall_ms)
{
	pg_put_i64(buf, (wall_ms - EPOCH_2000_MS) * 1000);
}

size_t pg_value_begin(struct buf *buf)
{
	put_u32(buf, 0);
	return buf->n;
}

void pg_value_end(struct buf *buf, size_t value)
{
	uint32_t n = (uint32_t)(buf->n - value);

	assert(buf->n - value <= INT32_MAX);
	n = __builtin_bswap32(n);
	memcpy(buf->p + value - sizeof(n), &n, sizeof(n));
}

int64_t pg_wall_ms(const struct pg *pg, int statement, int row, int column)
{
	return pg_i64(pg, statement, row, column) / 1000 + EPOCH_2000_MS;
}

int64_t pg_i64_of(const char *p, size_t n)
{
	uint64_t value = n > 1 && (p[0] & 0x80) ? UINT64_MAX : 0;

	assert(n <= sizeof(value));
	for (size_t i = 0; i < n; i++)
		value = value << 8 | (uint8_t)p[i];
	return (int64_t)value;
}

struct pg_elements pg_elements(const struct pg *pg, int statement, int row,
			       int column)
{
	/* Dimensions, flags, type, and of the one dimension size and first. */
	const size_t n_header = 20;
	struct pg_elements elements;

	elements.p = pg_bytes(pg, statement, row, column, &elements.n);
	if (elements.n < n_header)
		return (struct pg_elements){ 0 };
	elements.p += n_header;
	elements.n -= n_header;
	return elements;
}

bool pg_next_element(struct pg_elements *elements, const char **ret_p,
		     size_t *ret_n)
{
	uint32_t n;

	if (elements->n < sizeof(n))
		return false;
	memcpy(&n, elements->p, sizeof(n));
	n = __builtin_bswap32(n);
	elements->p += sizeof(n);
	elements->n -= sizeof(n);
	*ret_p = n == UINT32_MAX ? NULL : elements->p;
	*ret_n = n == UINT32_MAX ? 0 : n;
	elements->p += *ret_n;
	elements->n -= *ret_n;
	return true;
}

void pg_copy_row(struct buf *buf, int16_t n_columns)
{
	uint16_t n = __builtin_bswap16((uint16_t)n_columns);

	buf_add(buf, &n, sizeof(n));
}

void pg_args_deinit(struct pg_args *args)
{
	buf_deinit(&args->buf);
	args->n = 0;
}

void pg_args_reset(struct pg_args *args)
{
	buf_reset(&args->buf);
	args->n = 0;
}

struct buf *pg_arg(struct pg_args *args)
{
	assert(args->n < PG_ARGS_MAX);
	args->at[args->n++] = args->buf.n;
	return &args->buf;
}

void pg_array_deinit(struct pg_array *array)
{
	buf_deinit(&array->elements);
	array->n = 0;
}

struct buf *pg_element(struct pg_array *array)
{
	array->n++;
	return &array->elements;
}

void pg_arg_array(struct pg_args *args, enum pg_type element,
		  const struct pg_array *array)
{
	uint32_t n_dimensions = array->n > 0;
	size_t n_bytes = 12 + 8 * n_dimensions + array->elements.n;
	struct buf *buf = pg_arg(args);

	assert(n_bytes <= INT32_MAX);
	put_u32(buf, (uint32_t)n_bytes);
	put_u32(buf, n_dimensions);
	put_u32(buf, 1); /* may hold NULLs */
	put_u32(buf, element);
	if (n_dimensions) {
		put_u32(buf, (uint32_t)array->n);
		put_u32(buf, 1); /* the first index */
	}
	buf_add(buf, array->elements.p, array->elements.n);
}

void pg_call_begin(struct pg_call *call)
{
	pg_args_reset(&call->args);
	for (int i = 0; i < PG_CALL_ARRAYS; i++) {
		buf_reset(&call->arrays[i].elements);
		call->arrays[i].n = 0;
	}
}

struct buf *pg_call_put(struct pg_call *call, int column)
{
	return pg_element(&call->arrays[column]);
}

void pg_call_arrays(struct pg_call *call, const enum pg_type *types, int n)
{
	for (int i = 0; i < n; i++)
		pg_arg_array(&call->args, types[i], &call->arrays[i]);
}

void pg_call_deinit(struct pg_call *call)
{
	pg_args_deinit(&call->args);
	for (int i = 0; i < PG_CALL_ARRAYS; i++)
		pg_array_deinit(&call->arrays[i]);
}
