/* SPDX-License-Identifier: MIT */
/*
 * Order id: a UUID (RFC 9562), and the whole number that people can say.
 *
 * The number is derived from the position of the order's record alone, so a
 * replay gives the same one.
 */
#ifndef SCHEMAS_ORDER_ID_H
#define SCHEMAS_ORDER_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/text/text.h"
#include "schemas/outcome.h"

enum { ORDER_ID_CHARS = 36, CALL_CODE_CHARS = 4, ORDER_NAME_BYTES = 48 };

struct order_id {
	uint8_t bytes[UUID_BYTES];
};

/* A UUID; any version and variant will do: the client chooses. */
static inline int order_id_parse(struct order_id *ret, const char *p, size_t n)
{
	return uuid_parse(ret->bytes, p, n) ? SCHEMA_E_CONTRACT : 0;
}

/* Lower case and a NUL. Returns @out. */
static inline const char *order_id_format(const struct order_id *id,
					  char out[static ORDER_ID_CHARS + 1])
{
	return uuid_format(id->bytes, out);
}

/* Order of the bytes (Postgres' order of uuid): below, equal to or above 0. */
int order_id_compare(const struct order_id *a, const struct order_id *b);

/*
 * What is called out over a counter: a letter (no I, no O) and three digits,
 * `K042`, of the id alone, so that every program says the same and a replay
 * does, too. Two open orders may share one; the id is the order's name.
 * Returns @out.
 */
const char *order_call_code(const struct order_id *id,
			    char out[static CALL_CODE_CHARS + 1]);

/* "order K042, number 6", as each program names it in a line of its log;
 * without a number when it is negative. Returns @out. */
const char *order_name(const struct order_id *id, int64_t number,
		       char out[static ORDER_NAME_BYTES]);

/* Version 7 from the Unix time and ten random bytes. */
static inline struct order_id order_id_v7(int64_t unix_ms,
					  const uint8_t random[static 10])
{
	struct order_id id;

	uuid_v7(id.bytes, unix_ms, random);
	return id;
}

/*
 * @base + @offset * @partitions + @partition. -ERANGE, and @ret as it was, for
 * a negative input, a partition beyond the partitions, or beyond int64_t.
 */
int order_number(int64_t *ret, int64_t base, int64_t offset, int32_t partition,
		 int32_t partitions);

#endif
