/* SPDX-License-Identifier: MIT */
/*
 * Order id: see order_id.h.
 */
#include "schemas/order_id.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/hash.h"
#include "schemas/hex.h"
#include "schemas/outcome.h"

/* Where the sixteen bytes stand in the 36 characters. */
static const uint8_t at[16] = { 0,  2,  4,  6,  9,  11, 14, 16,
				19, 21, 24, 26, 28, 30, 32, 34 };

int order_id_parse(struct order_id *ret, const char *p, size_t n)
{
	struct order_id id;
	unsigned int byte, wrong = 0;

	if (n != ORDER_ID_CHARS || p[8] != '-' || p[13] != '-' ||
	    p[18] != '-' || p[23] != '-')
		return SCHEMA_E_CONTRACT;
	for (size_t i = 0; i < sizeof(id.bytes); i++) {
		byte = hex_byte(p + at[i]);
		wrong |= byte & ~0xffu;
		id.bytes[i] = (uint8_t)byte;
	}
	if (wrong)
		return SCHEMA_E_CONTRACT;
	*ret = id;
	return 0;
}

const char *order_id_format(const struct order_id *id,
			    char out[static ORDER_ID_CHARS + 1])
{
	out[8] = out[13] = out[18] = out[23] = '-';
	for (size_t i = 0; i < sizeof(id->bytes); i++)
		hex_put(out + at[i], id->bytes[i]);
	out[ORDER_ID_CHARS] = '\0';
	return out;
}

int order_id_compare(const struct order_id *a, const struct order_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

const char *order_call_code(const struct order_id *id,
			    char out[static CALL_CODE_CHARS + 1])
{
	/* Without the two that are read as digits. */
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
	uint64_t code = hash_bytes(id->bytes, sizeof(id->bytes)) %
			((sizeof(letters) - 1) * 1000);

	out[0] = letters[code / 1000];
	out[1] = (char)('0' + code / 100 % 10);
	out[2] = (char)('0' + code / 10 % 10);
	out[3] = (char)('0' + code % 10);
	out[4] = '\0';
	return out;
}

const char *order_name(const struct order_id *id, int64_t number,
		       char out[static ORDER_NAME_BYTES])
{
	char code[CALL_CODE_CHARS + 1];

	order_call_code(id, code);
	if (number < 0)
		(void)snprintf(out, ORDER_NAME_BYTES, "order %s", code);
	else
		(void)snprintf(out, ORDER_NAME_BYTES,
			       "order %s, number %" PRId64, code, number);
	return out;
}

struct order_id order_id_v7(int64_t unix_ms, const uint8_t random[static 10])
{
	struct order_id id;

	for (int i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
	memcpy(id.bytes + 6, random, 10);
	id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x70);
	id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
	return id;
}

int order_number(int64_t *ret, int64_t base, int64_t offset, int32_t partition,
		 int32_t partitions)
{
	int64_t number;

	if (base < 0 || offset < 0 || partition < 0 || partition >= partitions)
		return -ERANGE;
	if (__builtin_mul_overflow(offset, partitions, &number) ||
	    __builtin_add_overflow(number, partition, &number) ||
	    __builtin_add_overflow(number, base, &number))
		return -ERANGE;
	*ret = number;
	return 0;
}
