/* SPDX-License-Identifier: MIT */
/* Trace: the digits of an id, twice. Pure. */
#include "schemas/trace.h"

#include "schemas/hex.h"

static size_t put_hex(char *to, const uint8_t *bytes, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		hex_put(to + 2 * i, bytes[i]);
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
