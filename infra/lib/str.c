/* SPDX-License-Identifier: MIT */
/* Str: numbers from text, and a byte buffer that grows. Any thread. */
#include "infra/lib/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/xalloc.h"

int str_n_to_i64(int64_t *ret, const char *p, size_t n, int64_t min,
		 int64_t max)
{
	bool negative = n > 0 && p[0] == '-';
	int64_t value = 0;

	if (n == (negative ? 1u : 0u))
		return STR_E_NUMBER;
	for (size_t i = negative; i < n; i++) {
		int digit = p[i] - '0';

		if (digit < 0 || digit > 9)
			return STR_E_NUMBER;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, negative ? -digit : digit,
					   &value))
			return STR_E_NUMBER;
	}
	if (value < min || value > max)
		return STR_E_NUMBER;
	*ret = value;
	return 0;
}

int str_to_i64(int64_t *ret, const char *s, int64_t min, int64_t max)
{
	return str_n_to_i64(ret, s, strlen(s), min, max);
}

bool str_n_copy(char *ret, size_t size, const char *p, size_t n)
{
	size_t n_copied = n < size ? n : size - 1;

	assert(size > 0);
	if (n_copied)
		memcpy(ret, p, n_copied);
	ret[n_copied] = '\0';
	return n < size;
}

bool str_copy(char *ret, size_t size, const char *s)
{
	return str_n_copy(ret, size, s, strlen(s));
}

void str_add(struct str *str, const char *p, size_t n)
{
	if (n >= str->size - str->n)
		n = str->size - str->n - 1;
	if (n)
		memcpy(str->p + str->n, p, n);
	str->n += n;
	str->p[str->n] = '\0';
}

void str_add_text(struct str *str, const char *s)
{
	str_add(str, s, strlen(s));
}

#define I64_DIGITS 20

/* Decimal digits at the end of @digits; gives where they begin. */
static const char *digits_of(int64_t value, char digits[I64_DIGITS])
{
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char *at = digits + I64_DIGITS;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	return at;
}

void str_add_i64(struct str *str, int64_t value)
{
	char digits[I64_DIGITS];
	const char *at = digits_of(value, digits);

	str_add(str, at, (size_t)(digits + I64_DIGITS - at));
}

void str_add_hex(struct str *str, uint64_t value)
{
	char digits[16];

	for (int i = 15; i >= 0; i--, value >>= 4)
		digits[i] = "0123456789abcdef"[value & 15];
	str_add(str, digits, sizeof(digits));
}

void buf_i64(struct buf *buf, int64_t value)
{
	char digits[I64_DIGITS];
	const char *at = digits_of(value, digits);

	buf_add(buf, at, (size_t)(digits + I64_DIGITS - at));
}

void buf_deinit(struct buf *buf)
{
	free(buf->p);
	*buf = (struct buf){ 0 };
}

void buf_reset(struct buf *buf)
{
	buf->n = 0;
}

char *buf_room(struct buf *buf, size_t n)
{
	size_t cap = buf->cap ? buf->cap : 256;

	if (buf->cap - buf->n < n) {
		while (cap - buf->n < n)
			cap = cap * 2;
		buf->p = xreallocarray(buf->p, cap, 1);
		buf->cap = cap;
	}
	return buf->p + buf->n;
}

void buf_add(struct buf *buf, const void *p, size_t n)
{
	char *room = buf_room(buf, n);

	if (n)
		memcpy(room, p, n);
	buf->n += n;
}

void buf_text(struct buf *buf, const char *s)
{
	buf_add(buf, s, strlen(s));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(n >= 0);
	(void)buf_room(buf, (size_t)n + 1);
	va_start(args, format);
	(void)vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
	va_end(args);
	buf->n += (size_t)n;
}
