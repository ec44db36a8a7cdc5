/* SPDX-License-Identifier: MIT */
/*
 * Value: see value.h.
 */
#include "schemas/value.h"

static uint64_t big_endian(const uint8_t *p, size_t n)
{
	uint64_t number = 0;

	for (size_t i = 0; i < n; i++)
		number = number << 8 | p[i];
	return number;
}

/* A str or bin whose length has @n_length bytes at @p; NULL: not all there. */
static const uint8_t *bytes(struct value *ret, enum value_kind kind,
			    const uint8_t *p, const uint8_t *end,
			    size_t n_length)
{
	if ((size_t)(end - p) < n_length)
		return NULL;
	ret->kind = kind;
	ret->n = (uint32_t)big_endian(p, n_length);
	ret->p = p + n_length;
	if ((size_t)(end - ret->p) < ret->n)
		return NULL;
	return ret->p + ret->n;
}

/* An array or map whose count has @n_count bytes at @p. */
static const uint8_t *children(struct value *ret, enum value_kind kind,
			       const uint8_t *p, const uint8_t *end,
			       size_t n_count)
{
	if ((size_t)(end - p) < n_count)
		return NULL;
	ret->kind = kind;
	ret->n = (uint32_t)big_endian(p, n_count);
	ret->p = p + n_count;
	return ret->p;
}

/* A number of @n bytes at @p, taken for an unsigned one. */
static const uint8_t *unsigned_int(struct value *ret, const uint8_t *p,
				   const uint8_t *end, size_t n)
{
	uint64_t number;

	if ((size_t)(end - p) < n)
		return NULL;
	number = big_endian(p, n);
	ret->kind = number > INT64_MAX ? VALUE_HUGE : VALUE_I64;
	ret->i64 = (int64_t)number;
	return p + n;
}

/* A number of @n bytes at @p, taken for a signed one. */
static const uint8_t *signed_int(struct value *ret, const uint8_t *p,
				 const uint8_t *end, size_t n)
{
	uint64_t sign = UINT64_C(1) << (8 * n - 1);

	if ((size_t)(end - p) < n)
		return NULL;
	ret->kind = VALUE_I64;
	ret->i64 = (int64_t)((big_endian(p, n) ^ sign) - sign);
	return p + n;
}

static const uint8_t *floating(struct value *ret, const uint8_t *p,
			       const uint8_t *end, size_t n)
{
	if ((size_t)(end - p) < n)
		return NULL;
	ret->kind = VALUE_FLOAT;
	ret->i64 = 0;
	return p + n;
}

static const uint8_t *small(struct value *ret, enum value_kind kind,
			    int64_t i64, const uint8_t *p)
{
	ret->kind = kind;
	ret->i64 = i64;
	return p;
}

const uint8_t *value_read_other(struct value *ret, const uint8_t *p,
				const uint8_t *end)
{
	uint8_t byte;

	ret->n = 0;
	byte = *p++;
	switch (byte) {
	case 0xe0 ... 0xff:
		return small(ret, VALUE_I64, byte - 0x100, p);
	case 0x80 ... 0x8f:
		ret->n = byte & 0x0f;
		ret->kind = VALUE_MAP;
		ret->p = p;
		return p;
	case 0x90 ... 0x9f:
		ret->n = byte & 0x0f;
		ret->kind = VALUE_ARRAY;
		ret->p = p;
		return p;
	case 0xc0:
		return small(ret, VALUE_NIL, 0, p);
	case 0xc2:
	case 0xc3:
		return small(ret, VALUE_BOOL, byte & 1, p);
	case 0xc4 ... 0xc6:
		return bytes(ret, VALUE_BIN, p, end, 1u << (byte & 3));
	case 0xca:
	case 0xcb:
		return floating(ret, p, end, 4u << (byte & 1));
	case 0xcc ... 0xcf:
		return unsigned_int(ret, p, end, 1u << (byte & 3));
	case 0xd0 ... 0xd3:
		return signed_int(ret, p, end, 1u << (byte & 3));
	case 0xd9:
	case 0xda:
	case 0xdb:
		return bytes(ret, VALUE_STR, p, end, 1u << (byte - 0xd9));
	case 0xdc:
	case 0xdd:
		return children(ret, VALUE_ARRAY, p, end, 2u << (byte & 1));
	case 0xde:
	case 0xdf:
		return children(ret, VALUE_MAP, p, end, 2u << (byte & 1));
	default:
		return NULL;
	}
}
