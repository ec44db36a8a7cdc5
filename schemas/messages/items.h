/* SPDX-License-Identifier: MIT */
/*
 * Items: the ingredients of an order, and what a refused order was missing.
 *
 * A v2 pick carries what was missing in its body. A v1 pick cannot, and
 * carries it in the header `missing`: `name=wanted/left;name=wanted/left`,
 * names percent-encoded (RFC 3986, unreserved characters stay), left `unknown`
 * for an ingredient that the stall never had.
 */
#ifndef SCHEMAS_MESSAGES_ITEMS_H
#define SCHEMAS_MESSAGES_ITEMS_H

#include "schemas/limits.h"
#include "schemas/msgpack/fields.h"

struct item {
	struct text ingredient; /* 1 to TEXT_MAX_CHARS characters */
	int32_t quantity;       /* 1 to QUANTITY_MAX */
};

#define MISSING_UNKNOWN INT64_C(-1)

struct missing {
	struct text ingredient;
	int32_t wanted; /* 1 to QUANTITY_MAX */
	int64_t left;   /* 0 and above, or MISSING_UNKNOWN */
};

/* The rows of one element of such a list. */
enum { ITEM_FIELDS = 2, MISSING_FIELDS = 3 };
extern const struct field item_fields[ITEM_FIELDS];
extern const struct field missing_fields[MISSING_FIELDS];

enum {
	/* Every name of a list decoded. */
	MISSING_NAMES_BYTES = ORDER_ITEMS_MAX * TEXT_MAX_BYTES,
	/* The longest header: every byte escaped, two numbers, '=', '/', ';'.
	 */
	MISSING_HEADER_BYTES = ORDER_ITEMS_MAX * (3 * TEXT_MAX_BYTES + 40),
};

/* Appends the header's text to @writer; -ENOBUFS when it does not fit. */
int missing_encode(const struct missing *missing, size_t n_missing,
		   struct msgpack_writer *writer);

/*
 * @ret is an array of ORDER_ITEMS_MAX, @names for MISSING_NAMES_BYTES, which
 * the names then borrow. An empty header is an empty list. Positive:
 * SCHEMA_E_*.
 */
int missing_decode(struct missing *ret, size_t *ret_n, char *names,
		   struct text header, struct schema_fault *fault);

#endif
