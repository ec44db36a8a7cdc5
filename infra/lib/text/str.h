/* SPDX-License-Identifier: MIT */
/*
 * Str: text that is put together: in storage of a fixed size (struct str) or
 * in a buffer that grows (struct buf), and JSON into the latter.
 */
#ifndef LIB_STR_H
#define LIB_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/text/text.h"

/* The whole of @s as a decimal number in [min, max], else TEXT_E_INVALID. */
static inline int str_to_i64(int64_t *ret, const char *s, int64_t min,
			     int64_t max)
{
	return text_to_i64(ret, text_of(s), min, max);
}

static inline int str_n_to_i64(int64_t *ret, const char *p, size_t n,
			       int64_t min, int64_t max)
{
	return text_to_i64(ret, (struct text){ p, n }, min, max);
}

/* Copies into @ret of @size bytes with a NUL; false (and cut) if too long. */
bool str_copy(char *ret, size_t size, const char *s);
bool str_n_copy(char *ret, size_t size, const char *p, size_t n);

/*
 * Text put together in storage of a fixed size, where printf would take too
 * long: what does not fit is left out. A NUL stands behind the result.
 */
struct str {
	char *p;
	size_t n;
	size_t size;
};

#define STR_INIT(storage)                                                      \
	{                                                                      \
		.p = (storage), .size = sizeof(storage)                        \
	}

static inline struct text str_text(const struct str *str)
{
	return (struct text){ str->p, str->n };
}

void str_add(struct str *str, const char *p, size_t n);
void str_add_text(struct str *str, const char *s);
void str_add_i64(struct str *str, int64_t value);
void str_add_hex(struct str *str, uint64_t value); /* 16 digits */
/* Where a record stands: "topic/partition@offset". */
void str_add_position(struct str *str, struct text topic, int32_t partition,
		      int64_t offset);

/* Bytes that grow at the end. { 0 } is an empty one. */
struct buf {
	char *p;
	size_t n;
	size_t cap;
};

void buf_deinit(struct buf *buf);
void buf_reset(struct buf *buf);           /* empties it, keeps the memory */
char *buf_grow(struct buf *buf, size_t n); /* for buf_reserve() */
/* Room for @n more bytes at the end: write there, then add to buf->n. */
static inline char *buf_reserve(struct buf *buf, size_t n)
{
	return buf->cap - buf->n < n ? buf_grow(buf, n) : buf->p + buf->n;
}
void buf_add(struct buf *buf, const void *p, size_t n);
void buf_text(struct buf *buf, const char *s);
void buf_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* JSON text, in quotes and with escapes, appended. @p is valid UTF-8. */
void buf_json_text(struct buf *buf, const char *p, size_t n);
/* "key": of an object's next pair, with a comma when one came before it. */
void buf_json_key(struct buf *buf, const char *key);
/* A whole pair each; @text with p NULL is null. */
void buf_json_pair(struct buf *buf, const char *key, struct text text);
void buf_json_pair_i64(struct buf *buf, const char *key, int64_t value);

#endif
