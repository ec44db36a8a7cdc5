/* SPDX-License-Identifier: MIT */
/* Trace: the digits of an id, twice. Pure. */
#include "schemas/trace.h"

static size_t put_hex(char *to, const uint8_t *bytes, size_t n_bytes)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n_bytes; i++) {
		to[2 * i] = digits[bytes[i] >> 4];
		to[2 * i + 1] = digits[bytes[i] & 15];
	}
	return 2 * n_bytes;
}

struct text trace_begin(char room[static TRACE_BYTES],
			const struct order_id *id)
{
	size_t n = 0;

	room[n++] = '0';
	room[n++] = '0';
	room[n++] = '-';
	n += put_hex(room + n, id->bytes, 16);
	room[n++] = '-';
	n += put_hex(room + n, id->bytes + 8, 8);
	room[n++] = '-';
	room[n++] = '0';
	room[n++] = '1';
	room[n] = '\0';
	return (struct text){ room, n };
}
