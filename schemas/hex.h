/* SPDX-License-Identifier: MIT */
/*
 * Hex: hexadecimal digits, of ids, traces and escapes. Pure.
 */
#ifndef SCHEMAS_HEX_H
#define SCHEMAS_HEX_H

#include <stddef.h>
#include <stdint.h>

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

#endif
