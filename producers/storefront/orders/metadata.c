/* SPDX-License-Identifier: MIT */
/*
 * Metadata: see metadata.h. Each value in the shortest form that msgpack has
 * for it (https://github.com/msgpack/msgpack/blob/master/spec.md). Recursion
 * is bounded by METADATA_MAX_DEPTH.
 */
#include "producers/storefront/orders/metadata.h"

#include <string.h>

static void put_tagged(struct msgpack_writer *writer, uint8_t tag,
		       uint64_t value, size_t n_bytes)
{
	char bytes[9] = { (char)tag };

	for (size_t i = 0; i < n_bytes; i++)
		bytes[1 + i] = (char)(value >> (8 * (n_bytes - 1 - i)));
	(void)msgpack_writer_write(writer, bytes, 1 + n_bytes);
}

static void put_integer(struct msgpack_writer *writer, int64_t value)
{
	uint64_t bits = (uint64_t)value;

	if (value >= -32 && value <= 127)
		put_tagged(writer, (uint8_t)bits, 0, 0);
	else if (value > 0 && value <= UINT16_MAX)
		put_tagged(writer, 0xcd, bits, 2);
	else if (value > 0 && value <= UINT32_MAX)
		put_tagged(writer, 0xce, bits, 4);
	else if (value > 0)
		put_tagged(writer, 0xcf, bits, 8);
	else if (value >= INT16_MIN)
		put_tagged(writer, 0xd1, bits, 2);
	else if (value >= INT32_MIN)
		put_tagged(writer, 0xd2, bits, 4);
	else
		put_tagged(writer, 0xd3, bits, 8);
}

static void put_real(struct msgpack_writer *writer, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put_tagged(writer, 0xcb, bits, 8);
}

static int put_text(struct msgpack_writer *writer, const char *p, size_t n)
{
	if (memchr(p, '\0', n))
		return METADATA_E_NUL;
	if (n <= 31)
		put_tagged(writer, (uint8_t)(0xa0 | n), 0, 0);
	else if (n <= UINT8_MAX)
		put_tagged(writer, 0xd9, n, 1);
	else
		put_tagged(writer, 0xda, n, 2);
	(void)msgpack_writer_write(writer, p, n);
	return 0;
}

static void put_count(struct msgpack_writer *writer, uint8_t small,
		      uint8_t large, size_t n)
{
	if (n <= 15)
		put_tagged(writer, (uint8_t)(small | n), 0, 0);
	else
		put_tagged(writer, large, n, 2);
}

static int put_value(struct msgpack_writer *writer, const json_t *value,
		     int depth);

static int put_array(struct msgpack_writer *writer, const json_t *array,
		     int depth)
{
	int r = 0;

	put_count(writer, 0x90, 0xdc, json_array_size(array));
	for (size_t i = 0; !r && i < json_array_size(array); i++)
		r = put_value(writer, json_array_get(array, i), depth + 1);
	return r;
}

static int put_object(struct msgpack_writer *writer, const json_t *object,
		      int depth)
{
	/* jansson iterates over const objects through non-const pointers. */
	json_t *map = (json_t *)(uintptr_t)object;
	int r = 0;

	put_count(writer, 0x80, 0xde, json_object_size(map));
	for (void *at = json_object_iter(map); !r && at;
	     at = json_object_iter_next(map, at)) {
		const char *key = json_object_iter_key(at);

		(void)put_text(writer, key, strlen(key));
		r = put_value(writer, json_object_iter_value(at), depth + 1);
	}
	return r;
}

static int put_value(struct msgpack_writer *writer, const json_t *value,
		     int depth)
{
	bool container = json_is_object(value) || json_is_array(value);

	if (container && depth > METADATA_MAX_DEPTH)
		return METADATA_E_DEEP;
	/* Checked on the way, so that no count or length is beyond 16 bits. */
	if (writer->full)
		return METADATA_E_LARGE;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return put_object(writer, value, depth);
	case JSON_ARRAY:
		return put_array(writer, value, depth);
	case JSON_STRING:
		return put_text(writer, json_string_value(value),
				json_string_length(value));
	case JSON_INTEGER:
		put_integer(writer, json_integer_value(value));
		return 0;
	case JSON_REAL:
		put_real(writer, json_real_value(value));
		return 0;
	case JSON_TRUE:
		put_tagged(writer, 0xc3, 0, 0);
		return 0;
	case JSON_FALSE:
		put_tagged(writer, 0xc2, 0, 0);
		return 0;
	case JSON_NULL:
		put_tagged(writer, 0xc0, 0, 0);
		return 0;
	}
	return 0;
}

int metadata_encode(const json_t *object, struct msgpack_writer *writer)
{
	int r = put_value(writer, object, 1);

	if (r)
		return r;
	return msgpack_writer_result(writer) ? METADATA_E_LARGE : 0;
}
