/* SPDX-License-Identifier: MIT */
/*
 * Json body: the text is parsed as it came. When jansson refuses it for a
 * number, each number that it cannot represent is replaced by a list of one
 * random text, and the text is parsed once more. A list, because it may stand
 * exactly where a number may.
 */
#include "producers/storefront/orders/json_body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "infra/lib/str.h"

enum {
	FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
	HUGE_MIN_BYTES = 5, /* "1e999" */
};

/* The bytes of the text that begins at @p with its quote, of @n at most. */
static size_t text_at(const char *p, size_t n)
{
	size_t i = 1;

	while (i < n && p[i] != '"')
		i += p[i] == '\\' ? 2 : 1;
	return i < n ? i + 1 : n;
}

/* How many of @n bytes could stand in a number. */
static size_t number_at(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] && strchr("+-.0123456789Ee", p[i]))
		i++;
	return i;
}

/* The bytes of the number that begins at @p, if jansson cannot represent it,
 * else 0. */
static size_t huge_at(const char *p, size_t n)
{
	json_error_t error;
	json_t *value;

	if (n < HUGE_MIN_BYTES)
		return 0;
	value = json_loadb(p, n, JSON_DECODE_ANY, &error);
	json_decref(value);
	if (value || json_error_code(&error) != json_error_numeric_overflow)
		return 0;
	return (size_t)error.position;
}

static void mark_numbers(struct buf *out, struct text text, const char *mark)
{
	size_t n, n_huge;

	for (const char *p = text.p, *end = p + text.n; p < end; p += n) {
		size_t n_left = (size_t)(end - p);

		n = *p == '"' ? text_at(p, n_left) : number_at(p, n_left);
		n_huge = *p == '"' ? 0 : huge_at(p, n);
		if (n_huge) {
			buf_printf(out, "[\"%s\"]", mark);
			n = n_huge;
			continue;
		}
		n = n ? n : 1;
		buf_add(out, p, n);
	}
}

static json_t *load_marked(struct json_body *body, struct text text,
			   json_error_t *error)
{
	struct buf marked = { 0 };
	uint64_t random;
	json_t *root;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort(); /* up to 256 bytes always come whole */
	(void)snprintf(body->mark, sizeof(body->mark), "%016" PRIx64, random);
	mark_numbers(&marked, text, body->mark);
	root = json_loadb(marked.p, marked.n, FLAGS, error);
	buf_deinit(&marked);
	return root;
}

int json_body_read(struct json_body *ret, struct text body,
		   char what[static JSON_BODY_WHAT_BYTES])
{
	json_error_t error;

	*ret = (struct json_body){ 0 };
	if (body.n == 0) {
		(void)str_copy(what, JSON_BODY_WHAT_BYTES,
			       "the body is empty, it must be JSON");
		return JSON_BODY_E_BAD;
	}
	ret->root = json_loadb(body.p, body.n, FLAGS, &error);
	if (!ret->root &&
	    json_error_code(&error) == json_error_numeric_overflow)
		ret->root = load_marked(ret, body, &error);
	if (json_is_object(ret->root))
		return 0;
	if (ret->root)
		(void)str_copy(what, JSON_BODY_WHAT_BYTES,
			       "the body must be an object");
	else
		(void)snprintf(what, JSON_BODY_WHAT_BYTES, "not JSON: %.90s",
			       error.text);
	return JSON_BODY_E_BAD;
}

void json_body_deinit(struct json_body *body)
{
	json_decref(body->root);
	body->root = NULL;
}

bool json_body_is_huge(const struct json_body *body, const json_t *value)
{
	const char *text = json_string_value(json_array_get(value, 0));

	return *body->mark && text && strcmp(text, body->mark) == 0;
}

bool json_body_has_huge(const struct json_body *body, const json_t *value)
{
	/* jansson iterates over const objects through non-const pointers. */
	json_t *map = (json_t *)(uintptr_t)value;

	if (!*body->mark)
		return false;
	if (json_body_is_huge(body, value))
		return true;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_body_has_huge(body, json_array_get(value, i)))
			return true;
	for (void *at = json_object_iter(map); at;
	     at = json_object_iter_next(map, at))
		if (json_body_has_huge(body, json_object_iter_value(at)))
			return true;
	return false;
}
