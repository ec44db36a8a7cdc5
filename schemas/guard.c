/* SPDX-License-Identifier: MIT */
/*
 * Guard: see guard.h.
 *
 * A stack of the open containers, at most BODY_MAX_DEPTH, each with the values
 * that it still waits for. The sum of what is waited for is held to the bytes
 * that are left: every value is one byte at least, so no count can promise
 * more, and the loop ends after as many turns as there are bytes.
 */
#include "schemas/guard.h"

#include "schemas/limits.h"
#include "schemas/value.h"

static const char nothing[] = "no value that is taken whole";

/* A container that is open. */
struct level {
	size_t left; /* values that it still waits for */
	bool is_map; /* then an even @left means: a key is next */
};

struct guard {
	struct level now; /* the innermost */
	size_t promised;  /* values that all of them wait for */
	size_t depth;
	struct level outer[BODY_MAX_DEPTH];
};

/* NULL, or what is wrong with opening a container before @n_left bytes. */
static inline const char *container(struct guard *guard,
				    const struct value *value, size_t n_left)
{
	bool is_map = value->kind == VALUE_MAP;
	size_t count = is_map ? 2 * (size_t)value->n : value->n;

	if (guard->depth == BODY_MAX_DEPTH)
		return "too deep";
	if (count > n_left || guard->promised > n_left - count)
		return "count beyond the bytes left";
	if (count == 0)
		return NULL;
	guard->promised += count;
	guard->outer[guard->depth++] = guard->now;
	guard->now.left = count;
	guard->now.is_map = is_map;
	return NULL;
}

/* NULL, or what is wrong with @value; @n_left bytes are behind it. */
static inline const char *check(struct guard *guard, const struct value *value,
				size_t n_left)
{
	const char *what = NULL;

	guard->promised--;
	guard->now.left--;
	if (value->kind == VALUE_STR) {
		if (!text_is_clean(value_text(value)))
			return "text that is not UTF-8 or has a NUL";
	} else if (guard->now.is_map && guard->now.left % 2 == 1) {
		return "key that is no text";
	} else if (value->kind == VALUE_ARRAY || value->kind == VALUE_MAP) {
		what = container(guard, value, n_left);
	}
	while (guard->now.left == 0 && guard->depth > 0)
		guard->now = guard->outer[--guard->depth];
	return what;
}

static int fail(struct schema_fault *fault, const char *what, size_t at)
{
	return schema_fail(fault, SCHEMA_E_MALFORMED, "%s at byte %zu", what,
			   at);
}

int guard_check_up_to(size_t max_bytes, const void *bytes, size_t n,
		      size_t *ret_n_values, struct schema_fault *fault)
{
	const uint8_t *begin = bytes, *p = begin, *end, *next;
	struct guard guard = { .promised = 1, .now.left = 1 };
	struct value value;
	const char *what;
	size_t n_values = 0;

	if (n > max_bytes)
		return schema_fail(fault, SCHEMA_E_MALFORMED,
				   "body of %zu bytes, at most %zu are taken",
				   n, max_bytes);
	if (n == 0) /* @bytes may then be NULL, which has no end */
		return fail(fault, nothing, 0);
	end = p + n;
	for (; guard.promised > 0; n_values++) {
		next = value_read(&value, p, end);
		if (!next)
			return fail(fault, nothing, (size_t)(p - begin));
		what = check(&guard, &value, (size_t)(end - next));
		if (what)
			return fail(fault, what, (size_t)(p - begin));
		p = next;
	}
	if (p != end)
		return fail(fault, "more behind the value",
			    (size_t)(p - begin));
	if (ret_n_values)
		*ret_n_values = n_values;
	return 0;
}
