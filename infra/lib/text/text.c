/* SPDX-License-Identifier: MIT */
/*
 * Text: the check of UTF-8 runs over every text of every record, so plain
 * ASCII goes eight bytes at a time. Orders are read by UUIDs, so there are no
 * branches in their digits.
 */
#include "infra/lib/text/text.h"

static const uint64_t ONES = UINT64_C(0x0101010101010101);
static const uint64_t HIGHS = UINT64_C(0x8080808080808080);

int text_compare(struct text a, struct text b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (r != 0)
		return r;
	return (a.n > b.n) - (a.n < b.n);
}

int text_index(size_t *ret, const struct text *names, size_t n_names,
	       struct text text)
{
	for (size_t i = 0; i < n_names; i++) {
		if (text_equal(names[i], text)) {
			*ret = i;
			return 0;
		}
	}
	return TEXT_E_INVALID;
}

struct text text_cut(struct text *rest, char end)
{
	const char *p = rest->n ? memchr(rest->p, end, rest->n) : NULL;
	struct text head = *rest;

	if (!p) {
		*rest = (struct text){ NULL, 0 };
		return head;
	}
	head.n = (size_t)(p - rest->p);
	*rest = (struct text){ p + 1, rest->n - head.n - 1 };
	return head;
}

/*
 * Bytes of the well-formed character at @p (RFC 3629, table of Unicode 3-7),
 * 0 when there is none.
 */
static size_t character(const uint8_t *p, size_t n)
{
	uint8_t low = 0x80, high = 0xbf; /* what the second byte may be */
	size_t n_bytes;

	if (p[0] < 0x80)
		return p[0] != 0;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n_bytes = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n < n_bytes)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n_bytes; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n_bytes;
}

/* Not 0 when one of the eight bytes is a NUL or no ASCII. */
static inline uint64_t odd(uint64_t word)
{
	return ((word - ONES) | word) & HIGHS;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static inline uint64_t load32(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Is it all ASCII without a NUL? Loads may overlap, never reach outside. */
static inline bool is_plain(const uint8_t *p, size_t n)
{
	uint64_t bad = 0;

	if (n >= 8) {
		for (size_t i = 0; i < n - 8; i += 8)
			bad |= odd(load64(p + i));
		return (bad | odd(load64(p + n - 8))) == 0;
	}
	if (n >= 4)
		return odd(load32(p) << 32 | load32(p + n - 4)) == 0;
	for (size_t i = 0; i < n; i++)
		bad |= p[i] == 0 || p[i] > 0x7f;
	return bad == 0;
}

bool text_is_clean(struct text text)
{
	const uint8_t *p = (const uint8_t *)text.p;
	size_t n_bytes;

	if (is_plain(p, text.n))
		return true;
	for (size_t i = 0; i < text.n; i += n_bytes) {
		n_bytes = character(p + i, text.n - i);
		if (n_bytes == 0)
			return false;
	}
	return true;
}

size_t text_n_chars(struct text text)
{
	size_t n_chars = 0;

	for (size_t i = 0; i < text.n; i++)
		n_chars += ((uint8_t)text.p[i] & 0xc0) != 0x80;
	return n_chars;
}

int text_to_i64(int64_t *ret, struct text text, int64_t min, int64_t max)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	int64_t value = 0;
	int digit;

	if (text.n == (size_t)negative)
		return TEXT_E_INVALID;
	for (size_t i = negative; i < text.n; i++) {
		digit = text.p[i] - '0';
		if (digit < 0 || digit > 9)
			return TEXT_E_INVALID;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, negative ? -digit : digit,
					   &value))
			return TEXT_E_INVALID;
	}
	if (value < min || value > max)
		return TEXT_E_INVALID;
	*ret = value;
	return 0;
}

struct text text_from_i64(char out[static TEXT_I64_BYTES], int64_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char *end = out + TEXT_I64_BYTES - 1, *p = end;

	*end = '\0';
	do {
		*--p = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (value < 0)
		*--p = '-';
	return (struct text){ p, (size_t)(end - p) };
}

int text_host_port(const char *address, char host[static TEXT_HOST_BYTES],
		   uint16_t *ret_port)
{
	const char *colon = strrchr(address, ':');
	struct text name = TEXT("127.0.0.1");
	int64_t port;

	if (!colon || text_to_i64(&port, text_of(colon + 1), 0, UINT16_MAX))
		return TEXT_E_INVALID;
	if (colon != address)
		name = (struct text){ address, (size_t)(colon - address) };
	if (name.n >= TEXT_HOST_BYTES)
		return TEXT_E_INVALID;
	memcpy(host, name.p, name.n);
	host[name.n] = '\0';
	*ret_port = (uint16_t)port;
	return 0;
}

int text_unescape(struct text *ret, char *out, size_t size, struct text text,
		  char plus)
{
	size_t n = 0;
	unsigned int byte;

	for (size_t i = 0; i < text.n; i++) {
		byte = (uint8_t)text.p[i];
		if (byte == '+') {
			byte = (uint8_t)plus;
		} else if (byte == '%') {
			if (text.n - i < 3)
				return TEXT_E_INVALID;
			byte = hex_byte(text.p + i + 1);
			i += 2;
		}
		if (n == size || byte > UINT8_MAX)
			return TEXT_E_INVALID;
		out[n++] = (char)byte;
	}
	*ret = (struct text){ out, n };
	return 0;
}

/* ---- UUIDs ---- */

/* Where the sixteen bytes stand in the 36 characters. */
static const uint8_t at[UUID_BYTES] = { 0,  2,  4,  6,  9,  11, 14, 16,
					19, 21, 24, 26, 28, 30, 32, 34 };

int uuid_parse(uint8_t ret[static UUID_BYTES], const char *p, size_t n)
{
	uint8_t bytes[UUID_BYTES];
	unsigned int byte, wrong = 0;

	if (n != UUID_CHARS || p[8] != '-' || p[13] != '-' || p[18] != '-' ||
	    p[23] != '-')
		return TEXT_E_INVALID;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		byte = hex_byte(p + at[i]);
		wrong |= byte & ~0xffu;
		bytes[i] = (uint8_t)byte;
	}
	if (wrong)
		return TEXT_E_INVALID;
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
