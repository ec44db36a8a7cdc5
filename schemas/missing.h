/* SPDX-License-Identifier: MIT */
/*
 * Missing: what a refused order wanted and what was left of it.
 *
 * A v2 pick carries the list in its body. A v1 pick cannot, and carries it in
 * the header `missing`: `name=wanted/left;name=wanted/left`, names
 * percent-encoded (RFC 3986, unreserved characters stay), left `unknown` for an
 * ingredient that the stall never had.
 */
#ifndef SCHEMAS_MISSING_H
#define SCHEMAS_MISSING_H

#include "infra/lib/text.h"
#include "schemas/limits.h"
#include "schemas/msgpack/writer.h"
#include "schemas/outcome.h"

#define MISSING_UNKNOWN INT64_C(-1)

enum {
	/* Every name of a list decoded. */
	MISSING_NAMES_BYTES = ORDER_ITEMS_MAX * TEXT_MAX_BYTES,
	/* The longest header: every byte escaped, two numbers, '=', '/', ';'.
	 */
	MISSING_HEADER_BYTES = ORDER_ITEMS_MAX * (3 * TEXT_MAX_BYTES + 40),
};

struct missing {
	struct text ingredient;
	int32_t wanted; /* 1 to QUANTITY_MAX */
	int64_t left;   /* 0 and above, or MISSING_UNKNOWN */
};

/* Appends the header's text to @writer; -ENOBUFS when it does not fit. */
int missing_encode(const struct missing *missing, size_t n_missing,
		   struct msgpack_writer *writer);

/*
 * @ret has room for ORDER_ITEMS_MAX, @names for MISSING_NAMES_BYTES, which the
 * names then borrow. An empty header is an empty list. Positive: SCHEMA_E_*.
 */
int missing_decode(struct missing *ret, size_t *ret_n, char *names,
		   struct text header, struct schema_fault *fault);

#endif
