/* SPDX-License-Identifier: MIT */
/*
 * Limits: how large what comes from outside may be.
 *
 * Every decoder refuses what is beyond them, so storage that is sized by them
 * never overflows. A limit may be raised for a new version of a message, never
 * lowered: what shipped is read for ever.
 */
#ifndef SCHEMAS_LIMITS_H
#define SCHEMAS_LIMITS_H

#include <stdint.h>

enum {
	ORDER_ITEMS_MAX = 32, /* different ingredients of one order */
	ORDER_LINES_MAX =
		256, /* entries of the message, before they are summed */
	TEXT_MAX_CHARS = 255,  /* customer, stall, ingredient, reason, ... */
	TEXT_MAX_BYTES = 1020, /* the same in UTF-8 */
	METADATA_MAX_BYTES = 4096,
	/* The body of a record; HTTP_BODY_MAX_BYTES in the storefront's
	 * http/http.h bounds that of a request. */
	BODY_MAX_BYTES = 65536,
	PICK_MAX_BYTES = 98304, /* a refused one names what is missing twice */
	BODY_MAX_DEPTH = 8,
};

#define QUANTITY_MAX INT32_MAX

#endif
