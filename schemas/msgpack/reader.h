/* SPDX-License-Identifier: MIT */
/*
 * Msgpack reader: values, read in place and held to their bounds.
 *
 * No body reaches msgpack-c that msgpack_check() has not let pass: five bytes
 * (dd 10 00 00 00) can make that reserve gigabytes. The check makes one pass,
 * without allocation and without recursion; time and the number of values are
 * bounded by the number of bytes. Messages are read by fields.h, which holds
 * them to the same in its own pass. (Building msgpack-c's tree takes more time
 * than all of this; the tests hold the two to the same values.)
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
#ifndef SCHEMAS_MSGPACK_READER_H
#define SCHEMAS_MSGPACK_READER_H

#include <assert.h>

#include "infra/lib/text/text.h"
#include "schemas/limits.h"
#include "schemas/outcome.h"

enum msgpack_kind {
	MSGPACK_KIND_NIL,
	MSGPACK_KIND_BOOL,
	MSGPACK_KIND_I64,
	MSGPACK_KIND_HUGE, /* an integer above INT64_MAX */
	MSGPACK_KIND_FLOAT,
	MSGPACK_KIND_STR,
	MSGPACK_KIND_BIN,
	MSGPACK_KIND_ARRAY,
	MSGPACK_KIND_MAP,
};

struct msgpack_value {
	enum msgpack_kind kind;
	uint32_t n; /* bytes of a str or bin, elements, pairs */
	union {
		const uint8_t *p; /* of a str or bin */
		int64_t i64;      /* of an I64 or BOOL */
	};
};

/*
 * 0 when all of this holds, and then msgpack-c parses the same bytes:
 *	at most @max_bytes, exactly one value, no byte after it;
 *	each container's count fits into the bytes that are left;
 *	containers in containers at most BODY_MAX_DEPTH deep;
 *	each str and bin lies inside; no ext, no reserved byte;
 *	each key of a map is a str; each str is clean (text_is_clean()).
 * Else SCHEMA_E_MALFORMED. @ret_n_values (may be NULL) gets the number of
 * values, each key and each container counted too: as many as a tree has.
 */
int msgpack_check(const void *bytes, size_t n, size_t max_bytes,
		  size_t *ret_n_values, struct schema_fault *fault);

/* Whatever is no short text and no small number. */
const uint8_t *msgpack_read_other(struct msgpack_value *ret, const uint8_t *p,
				  const uint8_t *end);

/*
 * Reads the value at @p, of a container its head only: its elements follow.
 * Gives where the next value begins; NULL, and @ret undefined, for an end in
 * the middle or what is refused.
 */
static inline const uint8_t *msgpack_read(struct msgpack_value *ret,
					  const uint8_t *p, const uint8_t *end)
{
	/* Most of what comes; the rest stands out of the way. */
	if (p == end)
		return NULL;
	if (*p < 0x80) {
		ret->kind = MSGPACK_KIND_I64;
		ret->n = 0;
		ret->i64 = *p;
		return p + 1;
	}
	if ((*p & 0xe0) == 0xa0) {
		ret->kind = MSGPACK_KIND_STR;
		ret->n = *p & 0x1f;
		ret->p = p + 1;
		return (size_t)(end - ret->p) < ret->n ? NULL : ret->p + ret->n;
	}
	return msgpack_read_other(ret, p, end);
}

static inline struct text msgpack_text(const struct msgpack_value *value)
{
	return (struct text){ (const char *)value->p, value->n };
}

/*
 * Holds the value at @p, inside @depth containers, to what msgpack_check() asks
 * for. Gives where the next value begins; NULL: it does not hold.
 */
const uint8_t *msgpack_skip(const uint8_t *p, const uint8_t *end, size_t depth);

#endif
