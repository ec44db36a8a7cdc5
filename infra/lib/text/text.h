/* SPDX-License-Identifier: MIT */
/*
 * Text: a pointer and a length, and what is asked of text that came from
 * outside: is it clean UTF-8, which number is it, which host and port, what
 * do its percent escapes mean, which bytes are its hexadecimal digits, which
 * UUID (RFC 9562) is it. A NUL stands behind a text only where a system call
 * wants one. Pure; any thread.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The text is not what was asked for; the result is as it was before. */
enum text_outcome { TEXT_E_INVALID = 1 };

struct text {
	const char *p;
	size_t n;
};

/* Of a literal; also in the initialiser of a table. */
#define TEXT_INIT(literal)                                                     \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}
#define TEXT(literal) ((struct text)TEXT_INIT(literal))

static inline struct text text_of(const char *s)
{
	return (struct text){ s, s ? strlen(s) : 0 };
}

/* Do the @n bytes from @offset on differ? A size that the compiler knows is
 * compared without a call. */
static inline bool text_differs(struct text a, struct text b, size_t offset,
				size_t n)
{
	return memcmp(a.p + offset, b.p + offset, n) != 0;
}

/* Keys and names are short: two pieces, which may overlap, cover them. */
static inline bool text_equal(struct text a, struct text b)
{
	if (a.n != b.n)
		return false;
	if (a.n > 16)
		return memcmp(a.p, b.p, a.n) == 0;
	if (a.n >= 8)
		return !text_differs(a, b, 0, 8) &&
		       !text_differs(a, b, a.n - 8, 8);
	if (a.n >= 4)
		return !text_differs(a, b, 0, 4) &&
		       !text_differs(a, b, a.n - 4, 4);
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i])
			return false;
	return true;
}

/* Order of the bytes, a prefix first: below, equal to or above 0. */
int text_compare(struct text a, struct text b);

/* Which of @names equals @text: its index, below @n_names. */
int text_index(size_t *ret, const struct text *names, size_t n_names,
	       struct text text);

/* What stands before the first @end, or all of it; @rest continues behind. */
struct text text_cut(struct text *rest, char end);

/* Valid UTF-8 (no surrogates, no overlong forms) without a NUL. */
bool text_is_clean(struct text text);

/* Characters (code points) of a clean text. */
size_t text_n_chars(struct text text);

/* Has a clean text more than @n_chars? Counts those of long ones only. */
static inline bool text_is_longer(struct text text, size_t n_chars)
{
	return text.n > n_chars && text_n_chars(text) > n_chars;
}

/* Longest decimal int64_t, its sign and a NUL. */
enum { TEXT_I64_BYTES = 21 };

/*
 * The whole text as a decimal number in [min, max]: digits, perhaps one minus
 * before them.
 */
int text_to_i64(int64_t *ret, struct text text, int64_t min, int64_t max);

/* Borrows @out. */
struct text text_from_i64(char out[static TEXT_I64_BYTES], int64_t value);

/* "host:port" or ":port" (of 127.0.0.1) into its parts. */
enum { TEXT_HOST_BYTES = 64 };
int text_host_port(const char *address, char host[static TEXT_HOST_BYTES],
		   uint16_t *ret_port);

/*
 * @text with each %XX replaced by its byte and each '+' by @plus (the query of
 * a URL has ' ' there). Built in @out, which has @size bytes; invalid too when
 * that is too small.
 */
int text_unescape(struct text *ret, char *out, size_t size, struct text text,
		  char plus);

/* ---- hexadecimal digits and UUIDs ---- */

/* Above every byte, also when shifted by a digit or combined with one. */
enum { HEX_NONE = 0x100 };

/* 0 to 15, of either case; HEX_NONE for what is no digit. */
static inline unsigned int hex_digit(char c)
{
	/* One more than the digit's value; every id has 32 of them. */
	static const uint8_t values[256] = {
		['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,
		['5'] = 6,  ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10,
		['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15,
		['f'] = 16, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14,
		['E'] = 15, ['F'] = 16,
	};

	return values[(uint8_t)c] ? values[(uint8_t)c] - 1u : HEX_NONE;
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
 * TEXT_E_INVALID, and @ret as it was, for anything else.
 */
int uuid_parse(uint8_t ret[static UUID_BYTES], const char *p, size_t n);

/* Lower case and a NUL. Returns @out. */
const char *uuid_format(const uint8_t uuid[static UUID_BYTES],
			char out[static UUID_CHARS + 1]);

/* Version 7, from the Unix time and ten random bytes. */
void uuid_v7(uint8_t ret[static UUID_BYTES], int64_t unix_ms,
	     const uint8_t random[static 10]);

#endif
