/* SPDX-License-Identifier: MIT */
/*
 * Body: a record's msgpack map, guarded and read by name. For decoders only.
 *
 * body_open() runs the guard. fields_read() then walks one map in place and
 * notes where the values of those keys are that its table knows; other keys are
 * ignored. Each getter holds its field to its exact type and bounds and names
 * it in the fault. Nothing is allocated and nothing is copied, however the
 * bytes look. (msgpack-c would build a tree first, which takes more time than
 * all of this; the tests hold the two to the same values.)
 */
#ifndef SCHEMAS_BODY_H
#define SCHEMAS_BODY_H

#include "infra/lib/text.h"
#include "schemas/limits.h"
#include "schemas/order_id.h"
#include "schemas/outcome.h"
#include "schemas/value.h"

enum { FIELDS_MAX = 10 };

/* Where reading stands. */
struct body {
	const uint8_t *p, *end;
};

/* The fields of one map, by the index of their name in @keys. */
struct fields {
	const struct text *keys;
	size_t n_keys;    /* at most FIELDS_MAX */
	const char *list; /* for faults: element @index of it; or NULL */
	size_t index;
	size_t max_bytes; /* of a whole body; 0: BODY_MAX_BYTES */
	struct schema_fault *fault;
	const uint8_t *end;
	const uint8_t *at[FIELDS_MAX]; /* NULL: the map has no such key */
};

/* 0, or SCHEMA_E_MALFORMED. Borrows @bytes. */
int body_open(struct body *ret, size_t max_bytes, const void *bytes, size_t n,
	      struct schema_fault *fault);

/*
 * Reads the map at @body and goes behind it. SCHEMA_E_CONTRACT when it is no
 * map, or names a field twice.
 */
int fields_read(struct fields *fields, struct body *body);

/* The whole body: body_open(), then fields_read(). */
static inline int fields_open(struct fields *fields, const void *bytes,
			      size_t n)
{
	size_t max_bytes =
		fields->max_bytes ? fields->max_bytes : BODY_MAX_BYTES;
	struct body body;
	int r = body_open(&body, max_bytes, bytes, n, fields->fault);

	return r != 0 ? r : fields_read(fields, &body);
}

/* SCHEMA_E_CONTRACT: "<path of @key> <what>". */
int fields_fail(const struct fields *fields, size_t key, const char *what);

/* Is it there, and not nil? */
bool fields_has(const struct fields *fields, size_t key);

/*
 * Each: 0 and @ret, or SCHEMA_E_CONTRACT and @ret as it was. One that is not
 * there or nil fails too, but for the _if_any ones, which leave @ret alone.
 */
int fields_text(const struct fields *fields, size_t key, struct text *ret);
int fields_text_if_any(const struct fields *fields, size_t key,
		       struct text *ret); /* may be empty */
int fields_i64(const struct fields *fields, size_t key, int64_t min,
	       int64_t max, int64_t *ret);
int fields_i64_if_any(const struct fields *fields, size_t key, int64_t min,
		      int64_t max, int64_t *ret);
int fields_i32(const struct fields *fields, size_t key, int32_t min,
	       int32_t max, int32_t *ret);
int fields_bool(const struct fields *fields, size_t key, bool *ret);
int fields_bool_if_any(const struct fields *fields, size_t key, bool *ret);
int fields_order_id(const struct fields *fields, size_t key,
		    struct order_id *ret);

/* A list of @min to @max elements: how many, and where the first one is. */
int fields_list(const struct fields *fields, size_t key, uint32_t min,
		uint32_t max, size_t *ret_n, struct body *ret);

/* The next element of such a list, a text of 1 to TEXT_MAX_CHARS. */
int fields_list_text(const struct fields *fields, size_t key, size_t index,
		     struct body *list, struct text *ret);

/* A map's own bytes; none (n 0) for an empty map, one not there and nil. */
int fields_map_bytes(const struct fields *fields, size_t key, size_t max_bytes,
		     struct text *ret);

#endif
