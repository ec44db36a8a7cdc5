/* SPDX-License-Identifier: MIT */
/* Str: text that is put together, and its JSON form. */
#include "infra/lib/text/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/text/text.h"
#include "infra/lib/xalloc.h"

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

void str_add_i64(struct str *str, int64_t value)
{
	char digits[TEXT_I64_BYTES];
	struct text text = text_from_i64(digits, value);

	str_add(str, text.p, text.n);
}

void str_add_hex(struct str *str, uint64_t value)
{
	char digits[16];

	for (size_t i = 0; i < 8; i++)
		hex_put(digits + 2 * i, (uint8_t)(value >> (56 - 8 * i)));
	str_add(str, digits, sizeof(digits));
}

void str_add_position(struct str *str, struct text topic, int32_t partition,
		      int64_t offset)
{
	str_add(str, topic.p, topic.n);
	str_add_text(str, "/");
	str_add_i64(str, partition);
	str_add_text(str, "@");
	str_add_i64(str, offset);
}

void buf_i64(struct buf *buf, int64_t value)
{
	char digits[TEXT_I64_BYTES];
	struct text text = text_from_i64(digits, value);

	buf_add(buf, text.p, text.n);
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

char *buf_grow(struct buf *buf, size_t n)
{
	size_t cap = buf->cap ? buf->cap : 256;

	while (cap - buf->n < n)
		cap = cap * 2;
	buf->p = xreallocarray(buf->p, cap, 1);
	buf->cap = cap;
	return buf->p + buf->n;
}

void buf_add(struct buf *buf, const void *p, size_t n)
{
	char *end = buf_reserve(buf, n);

	if (n)
		memcpy(end, p, n);
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
	(void)buf_reserve(buf, (size_t)n + 1);
	va_start(args, format);
	(void)vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
	va_end(args);
	buf->n += (size_t)n;
}

void buf_json_text(struct buf *buf, const char *p, size_t n)
{
	size_t from = 0;

	buf_add(buf, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		buf_add(buf, p + from, i - from);
		if (c < ' ')
			buf_printf(buf, "\\u%04x", c);
		else
			buf_printf(buf, "\\%c", c);
		from = i + 1;
	}
	buf_add(buf, p + from, n - from);
	buf_add(buf, "\"", 1);
}

void buf_json_key(struct buf *buf, const char *key)
{
	if (buf->n && buf->p[buf->n - 1] != '{')
		buf_text(buf, ",");
	buf_json_text(buf, key, strlen(key));
	buf_text(buf, ":");
}

void buf_json_pair(struct buf *buf, const char *key, struct text text)
{
	buf_json_key(buf, key);
	if (text.p)
		buf_json_text(buf, text.p, text.n);
	else
		buf_text(buf, "null");
}

void buf_json_pair_i64(struct buf *buf, const char *key, int64_t value)
{
	buf_json_key(buf, key);
	buf_i64(buf, value);
}
