/* SPDX-License-Identifier: MIT */
/*
 * Hex: bytes as hexadecimal digits, and UUIDs (RFC 9562), which are written
 * in them. Pure; any thread.
 */
#ifndef LIB_HEX_H
#define LIB_HEX_H

#include <stddef.h>
#include <stdint.h>

enum hex_outcome { HEX_E_INVALID = 1 };

/* Above every byte, also when shifted by a digit or combined with one. */
enum { HEX_NONE = 0x100 };

/* 0 to 15, of either case; HEX_NONE for what is no digit. */
static inline unsigned int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c = (char)(c | 0x20);
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a' + 10);
	return HEX_NONE;
}

/* The byte that the two digits at @p are; above 0xff when they are none. */
static inline unsigned int hex_byte(const char p[static 2])
{
	return hex_digit(p[0]) << 4 | hex_digit(p[1]);
}

/* Two digits, in lower case. */
static inline void hex_put(char out[static 2], uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = digits[byte >> 4];
	out[1] = digits[byte & 0xf];
}

enum { UUID_BYTES = 16, UUID_CHARS = 36 };

/*
 * The 36 characters 8-4-4-4-12, either case, of any version and variant.
 * HEX_E_INVALID, and @ret as it was, for anything else.
 */
int uuid_parse(uint8_t ret[static UUID_BYTES], const char *p, size_t n);

/* Lower case and a NUL. Returns @out. */
const char *uuid_format(const uint8_t uuid[static UUID_BYTES],
			char out[static UUID_CHARS + 1]);

/* Version 7, from the Unix time and ten random bytes. */
void uuid_v7(uint8_t ret[static UUID_BYTES], int64_t unix_ms,
	     const uint8_t random[static 10]);

#endif
