/* SPDX-License-Identifier: MIT */
/* Hex: UUIDs as text, without branches in the digits: orders are read by it. */
#include "infra/lib/hex.h"

#include <string.h>

/* Where the sixteen bytes stand in the 36 characters. */
static const uint8_t at[UUID_BYTES] = { 0,  2,  4,  6,  9,  11, 14, 16,
					19, 21, 24, 26, 28, 30, 32, 34 };

int uuid_parse(uint8_t ret[static UUID_BYTES], const char *p, size_t n)
{
	uint8_t bytes[UUID_BYTES];
	unsigned int byte, wrong = 0;

	if (n != UUID_CHARS || p[8] != '-' || p[13] != '-' || p[18] != '-' ||
	    p[23] != '-')
		return HEX_E_INVALID;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		byte = hex_byte(p + at[i]);
		wrong |= byte & ~0xffu;
		bytes[i] = (uint8_t)byte;
	}
	if (wrong)
		return HEX_E_INVALID;
	memcpy(ret, bytes, sizeof(bytes));
	return 0;
}

const char *uuid_format(const uint8_t uuid[static UUID_BYTES],
			char out[static UUID_CHARS + 1])
{
	out[8] = out[13] = out[18] = out[23] = '-';
	for (size_t i = 0; i < UUID_BYTES; i++)
		hex_put(out + at[i], uuid[i]);
	out[UUID_CHARS] = '\0';
	return out;
}

void uuid_v7(uint8_t ret[static UUID_BYTES], int64_t unix_ms,
	     const uint8_t random[static 10])
{
	for (int i = 0; i < 6; i++)
		ret[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
	memcpy(ret + 6, random, 10);
	ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x70);
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80);
}
