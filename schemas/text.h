/* SPDX-License-Identifier: MIT */
/*
 * Text: bytes that belong to somebody else, with their length, without a NUL.
 *
 * A text with @p NULL is absent. All functions are pure.
 */
#ifndef SCHEMAS_TEXT_H
#define SCHEMAS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* Longest decimal int64_t, its sign and a NUL. */
enum { TEXT_I64_BYTES = 21 };

static inline struct text text_of(const char *s)
{
	return (struct text){ s, s ? strlen(s) : 0 };
}

static inline bool text_equal(struct text a, struct text b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Order of the bytes, a prefix first: below, equal to or above 0. */
int text_compare(struct text a, struct text b);

/*
 * Which of @names equals @text: its index, below @n_names. SCHEMA_E_CONTRACT,
 * and @ret as it was, for none.
 */
int text_index(size_t *ret, const struct text *names, size_t n_names,
	       struct text text);

/* Valid UTF-8 (no surrogates, no overlong forms) without a NUL. */
bool text_is_clean(struct text text);

/* Characters (code points) of a clean text. */
size_t text_n_chars(struct text text);

/* Has a clean text more than @n_chars? Counts those of long ones only. */
static inline bool text_is_longer(struct text text, size_t n_chars)
{
	return text.n > n_chars && text_n_chars(text) > n_chars;
}

/*
 * The whole text as a decimal number: digits, perhaps one minus before them.
 * SCHEMA_E_CONTRACT, and @ret as it was, for anything else or outside
 * [min, max].
 */
int text_to_i64(int64_t *ret, struct text text, int64_t min, int64_t max);

/* Borrows @out. */
struct text text_from_i64(char out[static TEXT_I64_BYTES], int64_t value);

#endif
