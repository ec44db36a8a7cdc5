/* SPDX-License-Identifier: MIT */
/*
 * Guard: is this one whole msgpack value within our bounds?
 *
 * It runs before anything else reads a body, msgpack-c too: five bytes
 * (dd 10 00 00 00) can make that reserve gigabytes. One pass, no allocation, no
 * recursion; time and the number of values are bounded by the number of bytes.
 */
#ifndef SCHEMAS_GUARD_H
#define SCHEMAS_GUARD_H

#include "infra/lib/text.h"
#include "schemas/limits.h"
#include "schemas/outcome.h"

/*
 * 0 when all of this holds, and then msgpack-c parses the same bytes:
 *	at most @max_bytes, exactly one value, no byte after it;
 *	each container's count fits into the bytes that are left;
 *	containers in containers at most BODY_MAX_DEPTH deep;
 *	each str and bin lies inside; no ext, no reserved byte;
 *	each key of a map is a str; each str is clean (text_is_clean()).
 * Else SCHEMA_E_MALFORMED. @ret_n_values (may be NULL) gets the number of
 * values, each key and each container counted too: what room a tree needs.
 */
int guard_check_up_to(size_t max_bytes, const void *bytes, size_t n,
		      size_t *ret_n_values, struct schema_fault *fault);

/* The same for what most bodies may have, BODY_MAX_BYTES. */
static inline int guard_check(const void *bytes, size_t n, size_t *ret_n_values,
			      struct schema_fault *fault)
{
	return guard_check_up_to(BODY_MAX_BYTES, bytes, n, ret_n_values, fault);
}

#endif
