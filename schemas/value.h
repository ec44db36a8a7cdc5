/* SPDX-License-Identifier: MIT */
/*
 * Value: the head of one msgpack value, read in place. For guard and body.
 *
 * Reading never goes beyond @end and allocates nothing. What follows the head
 * of a container is its children, which the caller reads in turn.
 *
 *	byte	     what		 and then
 *	00-7f e0-ff  small integer
 *	80-8f de df  map of n pairs	 2n values
 *	90-9f dc dd  array of n		 n values
 *	a0-bf d9-db  str of n bytes	 n bytes
 *	c0 c2 c3     nil, false, true
 *	c4-c6	     bin of n bytes	 n bytes
 *	ca cb	     float		 4 8 bytes
 *	cc-cf d0-d3  uint, int		 1 2 4 8 bytes each
 *	c1 c7-c9 d4-d8			 refused: reserved, ext
 */
#ifndef SCHEMAS_VALUE_H
#define SCHEMAS_VALUE_H

#include "infra/lib/text.h"

enum value_kind {
	VALUE_NIL,
	VALUE_BOOL,
	VALUE_I64,
	VALUE_HUGE, /* an integer above INT64_MAX */
	VALUE_FLOAT,
	VALUE_STR,
	VALUE_BIN,
	VALUE_ARRAY,
	VALUE_MAP,
};

struct value {
	enum value_kind kind;
	uint32_t n; /* bytes of a str or bin, elements, pairs */
	union {
		const uint8_t *p; /* behind the head */
		int64_t i64;      /* VALUE_I64, VALUE_BOOL */
	};
};

/* Whatever is no short text and no small number. */
const uint8_t *value_read_other(struct value *ret, const uint8_t *p,
				const uint8_t *end);

/*
 * Reads the value at @p, a container's head only. Where what follows begins;
 * NULL, and @ret undefined, for an end in the middle or what is refused.
 */
static inline const uint8_t *value_read(struct value *ret, const uint8_t *p,
					const uint8_t *end)
{
	/* Most of what comes; the rest stands out of the way. */
	if (p == end)
		return NULL;
	if (*p < 0x80) {
		ret->kind = VALUE_I64;
		ret->n = 0;
		ret->i64 = *p;
		return p + 1;
	}
	if ((*p & 0xe0) == 0xa0) {
		ret->kind = VALUE_STR;
		ret->n = *p & 0x1f;
		ret->p = p + 1;
		return (size_t)(end - ret->p) < ret->n ? NULL : ret->p + ret->n;
	}
	return value_read_other(ret, p, end);
}

static inline struct text value_text(const struct value *value)
{
	return (struct text){ (const char *)value->p, value->n };
}

#endif
