/* SPDX-License-Identifier: MIT */
/*
 * Msgpack reader: the check keeps a stack of the open containers, at most
 * BODY_MAX_DEPTH, each with the values that it still waits for. The sum of
 * what is waited for is held to the bytes that are left: every value is one
 * byte at least, so no count can promise more, and the loop ends after as many
 * turns as there are bytes.
 */
#include "schemas/msgpack/reader.h"

static uint64_t big_endian(const uint8_t *p, size_t n)
{
	uint64_t number = 0;

	for (size_t i = 0; i < n; i++)
		number = number << 8 | p[i];
	return number;
}

/* A str or bin whose length has @n_length bytes at @p; NULL: not all there. */
static const uint8_t *bytes(struct msgpack_value *ret, enum msgpack_kind kind,
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
static const uint8_t *children(struct msgpack_value *ret,
			       enum msgpack_kind kind, const uint8_t *p,
			       const uint8_t *end, size_t n_count)
{
	if ((size_t)(end - p) < n_count)
		return NULL;
	ret->kind = kind;
	ret->n = (uint32_t)big_endian(p, n_count);
	ret->p = p + n_count;
	return ret->p;
}

/* A number of @n bytes at @p, taken for an unsigned one. */
static const uint8_t *unsigned_int(struct msgpack_value *ret, const uint8_t *p,
				   const uint8_t *end, size_t n)
{
	uint64_t number;

	if ((size_t)(end - p) < n)
		return NULL;
	number = big_endian(p, n);
	ret->kind = number > INT64_MAX ? MSGPACK_KIND_HUGE : MSGPACK_KIND_I64;
	ret->i64 = (int64_t)number;
	return p + n;
}

/* A number of @n bytes at @p, taken for a signed one. */
static const uint8_t *signed_int(struct msgpack_value *ret, const uint8_t *p,
				 const uint8_t *end, size_t n)
{
	uint64_t sign = UINT64_C(1) << (8 * n - 1);

	if ((size_t)(end - p) < n)
		return NULL;
	ret->kind = MSGPACK_KIND_I64;
	ret->i64 = (int64_t)((big_endian(p, n) ^ sign) - sign);
	return p + n;
}

static const uint8_t *floating(struct msgpack_value *ret, const uint8_t *p,
			       const uint8_t *end, size_t n)
{
	if ((size_t)(end - p) < n)
		return NULL;
	ret->kind = MSGPACK_KIND_FLOAT;
	ret->i64 = 0;
	return p + n;
}

static const uint8_t *small(struct msgpack_value *ret, enum msgpack_kind kind,
			    int64_t i64, const uint8_t *p)
{
	ret->kind = kind;
	ret->i64 = i64;
	return p;
}

const uint8_t *msgpack_read_other(struct msgpack_value *ret, const uint8_t *p,
				  const uint8_t *end)
{
	uint8_t byte;

	ret->n = 0;
	byte = *p++;
	switch (byte) {
	case 0xe0 ... 0xff:
		return small(ret, MSGPACK_KIND_I64, byte - 0x100, p);
	case 0x80 ... 0x8f:
		ret->n = byte & 0x0f;
		ret->kind = MSGPACK_KIND_MAP;
		ret->p = p;
		return p;
	case 0x90 ... 0x9f:
		ret->n = byte & 0x0f;
		ret->kind = MSGPACK_KIND_ARRAY;
		ret->p = p;
		return p;
	case 0xc0:
		return small(ret, MSGPACK_KIND_NIL, 0, p);
	case 0xc2:
	case 0xc3:
		return small(ret, MSGPACK_KIND_BOOL, byte & 1, p);
	case 0xc4 ... 0xc6:
		return bytes(ret, MSGPACK_KIND_BIN, p, end, 1u << (byte & 3));
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
		return bytes(ret, MSGPACK_KIND_STR, p, end,
			     1u << (byte - 0xd9));
	case 0xdc:
	case 0xdd:
		return children(ret, MSGPACK_KIND_ARRAY, p, end,
				2u << (byte & 1));
	case 0xde:
	case 0xdf:
		return children(ret, MSGPACK_KIND_MAP, p, end,
				2u << (byte & 1));
	default:
		return NULL;
	}
}

/* ---- the check ---- */

static const char nothing[] = "no value that is taken whole";

/* A container that is open. */
struct level {
	size_t left; /* values that it still waits for */
	bool is_map; /* then an even @left means: a key is next */
};

struct check {
	struct level now;    /* the innermost */
	size_t promised;     /* values that all of them wait for */
	size_t depth, floor; /* levels below @floor are not ours */
	struct level outer[BODY_MAX_DEPTH];
};

/* NULL, or what is wrong with opening a container before @n_left bytes. */
static inline const char *
container(struct check *check, const struct msgpack_value *value, size_t n_left)
{
	bool is_map = value->kind == MSGPACK_KIND_MAP;
	size_t count = is_map ? 2 * (size_t)value->n : value->n;

	if (check->depth == BODY_MAX_DEPTH)
		return "too deep";
	if (count > n_left || check->promised > n_left - count)
		return "count beyond the bytes left";
	if (count == 0)
		return NULL;
	check->promised += count;
	check->outer[check->depth++] = check->now;
	check->now.left = count;
	check->now.is_map = is_map;
	return NULL;
}

/* NULL, or what is wrong with @value; @n_left bytes are behind it. */
static inline const char *check_value(struct check *check,
				      const struct msgpack_value *value,
				      size_t n_left)
{
	const char *what = NULL;

	check->promised--;
	check->now.left--;
	if (value->kind == MSGPACK_KIND_STR) {
		if (!text_is_clean(msgpack_text(value)))
			return "text that is not UTF-8 or has a NUL";
	} else if (check->now.is_map && check->now.left % 2 == 1) {
		return "key that is no text";
	} else if (value->kind == MSGPACK_KIND_ARRAY ||
		   value->kind == MSGPACK_KIND_MAP) {
		what = container(check, value, n_left);
	}
	while (check->now.left == 0 && check->depth > check->floor)
		check->now = check->outer[--check->depth];
	return what;
}

static int fail(struct schema_fault *fault, const char *what, size_t at)
{
	return schema_fail(fault, SCHEMA_E_MALFORMED, "%s at byte %zu", what,
			   at);
}

/* Walks the value at *@p, of which @check->promised is 1, and moves *@p behind
 * it. NULL, or what is wrong with the value at *@p. */
static const char *walk(struct check *check, const uint8_t **p,
			const uint8_t *end, size_t *n_values)
{
	struct msgpack_value value;
	const uint8_t *next;
	const char *what;

	for (; check->promised > 0; ++*n_values) {
		next = msgpack_read(&value, *p, end);
		if (!next)
			return nothing;
		what = check_value(check, &value, (size_t)(end - next));
		if (what)
			return what;
		*p = next;
	}
	return NULL;
}

int msgpack_check(const void *bytes, size_t n, size_t max_bytes,
		  size_t *ret_n_values, struct schema_fault *fault)
{
	const uint8_t *begin = bytes, *p = begin;
	struct check check = { .promised = 1, .now.left = 1 };
	const char *what;
	size_t n_values = 0;

	if (n > max_bytes)
		return schema_fail(fault, SCHEMA_E_MALFORMED,
				   "body of %zu bytes, at most %zu are taken",
				   n, max_bytes);
	if (n == 0) /* @bytes may then be NULL, which has no end */
		return fail(fault, nothing, 0);
	what = walk(&check, &p, begin + n, &n_values);
	if (!what && p != begin + n)
		what = "more behind the value";
	if (what)
		return fail(fault, what, (size_t)(p - begin));
	if (ret_n_values)
		*ret_n_values = n_values;
	return 0;
}

const uint8_t *msgpack_skip(const uint8_t *p, const uint8_t *end, size_t depth)
{
	struct check check = {
		.promised = 1, .now.left = 1, .depth = depth, .floor = depth
	};
	size_t n_values = 0;

	assert(depth <= BODY_MAX_DEPTH);
	return walk(&check, &p, end, &n_values) ? NULL : p;
}
