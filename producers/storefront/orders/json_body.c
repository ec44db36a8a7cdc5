/* SPDX-License-Identifier: MIT */
/*
 * Json body: see json_body.h. The text is parsed as it came. When the library
 * refuses it for a number, each number that it cannot hold is replaced by a
 * list of one random text, and the text is parsed once more. A list, because
 * it may stand exactly where a number may. Any thread.
 */
#include "producers/storefront/orders/json_body.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"

enum { FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL };

static size_t n_digits(const char *p)
{
	size_t n = 0;

	while (p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

/*
 * The bytes of the number (RFC 8259, section 6) at @p, which ends in a NUL;
 * 0: there is none. @ret_real: it has a fraction or an exponent.
 */
static size_t number_at(const char *p, bool *ret_real)
{
	size_t n = p[0] == '-', n_more;

	*ret_real = false;
	n_more = p[n] == '0' ? 1 : n_digits(p + n);
	if (n_more == 0)
		return 0;
	n += n_more;
	if (p[n] == '.') {
		n_more = n_digits(p + n + 1);
		if (n_more == 0)
			return 0;
		n += 1 + n_more;
		*ret_real = true;
	}
	if (p[n] == 'e' || p[n] == 'E') {
		size_t sign = p[n + 1] == '-' || p[n + 1] == '+';

		n_more = n_digits(p + n + 1 + sign);
		if (n_more == 0)
			return 0;
		n += 1 + sign + n_more;
		*ret_real = true;
	}
	return n;
}

/* As the library judges it. */
static bool is_beyond(const char *p, size_t n, bool real)
{
	int64_t value;

	if (real)
		return isinf(strtod(p, NULL));
	return n >= 19 && str_n_to_i64(&value, p, n, INT64_MIN, INT64_MAX);
}

/* The bytes of the text that begins at @p with its quote, of @n at most. */
static size_t text_at(const char *p, size_t n)
{
	size_t i = 1;

	while (i < n && p[i] != '"')
		i += p[i] == '\\' ? 2 : 1;
	return i < n ? i + 1 : n;
}

static void mark_numbers(struct buf *out, const char *p, size_t n,
			 const char *mark)
{
	size_t n_token;

	for (size_t i = 0; i < n; i += n_token) {
		bool real = false, number = false;

		if (p[i] == '"') {
			n_token = text_at(p + i, n - i);
		} else {
			n_token = number_at(p + i, &real);
			number = n_token > 0;
			n_token += !number;
		}
		if (number && is_beyond(p + i, n_token, real))
			buf_printf(out, "[\"%s\"]", mark);
		else
			buf_add(out, p + i, n_token);
	}
}

static json_t *load_marked(struct json_body *body, struct text text,
			   json_error_t *error)
{
	struct buf copy = { 0 }, marked = { 0 };
	uint64_t random;
	json_t *root;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		abort(); /* up to 256 bytes always come whole */
	(void)snprintf(body->mark, sizeof(body->mark), "%016" PRIx64, random);
	buf_add(&copy, text.p, text.n);
	buf_add(&copy, "", 1);
	mark_numbers(&marked, copy.p, text.n, body->mark);
	root = json_loadb(marked.p, marked.n, FLAGS, error);
	buf_deinit(&copy);
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

bool json_body_holds_huge(const struct json_body *body, const json_t *value)
{
	/* jansson iterates over const objects through non-const pointers. */
	json_t *map = (json_t *)(uintptr_t)value;

	if (!*body->mark)
		return false;
	if (json_body_is_huge(body, value))
		return true;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_body_holds_huge(body, json_array_get(value, i)))
			return true;
	for (void *at = json_object_iter(map); at;
	     at = json_object_iter_next(map, at))
		if (json_body_holds_huge(body, json_object_iter_value(at)))
			return true;
	return false;
}
