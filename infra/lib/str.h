/* SPDX-License-Identifier: MIT */
/*
 * Str: numbers from text, and a byte buffer that grows.
 *
 * Text is a pointer and a length; NUL only where a system call wants it.
 */
#ifndef LIB_STR_H
#define LIB_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum str_outcome { STR_E_NUMBER = 1 };

/* The whole of @s as a decimal number in [min, max], else STR_E_NUMBER. */
int str_to_i64(int64_t *ret, const char *s, int64_t min, int64_t max);
int str_n_to_i64(int64_t *ret, const char *p, size_t n, int64_t min,
		 int64_t max);

/* Copies into @ret of @size bytes with a NUL; false (and cut) if too long. */
bool str_copy(char *ret, size_t size, const char *s);
bool str_n_copy(char *ret, size_t size, const char *p, size_t n);

/*
 * Text put together in a fixed room, where printf would be felt: what does
 * not fit is left out. The result is NUL-terminated.
 */
struct str {
	char *p;
	size_t n;
	size_t size;
};

#define STR_INIT(room)                                                         \
	{                                                                      \
		.p = (room), .size = sizeof(room)                              \
	}

void str_add(struct str *str, const char *p, size_t n);
void str_add_text(struct str *str, const char *s);
void str_add_i64(struct str *str, int64_t value);
void str_add_hex(struct str *str, uint64_t value); /* 16 digits */

/* Bytes that grow at the end. { 0 } is an empty one. */
struct buf {
	char *p;
	size_t n;
	size_t cap;
};

void buf_deinit(struct buf *buf);
void buf_reset(struct buf *buf); /* empties it, keeps the memory */
/* Room for @n more bytes at the end: write there, then add to buf->n. */
char *buf_room(struct buf *buf, size_t n);
void buf_add(struct buf *buf, const void *p, size_t n);
void buf_text(struct buf *buf, const char *s);
void buf_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
