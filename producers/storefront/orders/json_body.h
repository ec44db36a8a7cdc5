/* SPDX-License-Identifier: MIT */
/*
 * Json body: the body of a request -> a tree of JSON.
 *
 * JSON sets no bounds to a number; jansson does, and refuses the whole text for
 * a number that it cannot represent, also in a field that nobody reads. So such
 * a number becomes a mark in the tree, and is wrong only where somebody asks
 * for it. The same is true of a \u0000 in a text. Any thread.
 */
#ifndef STOREFRONT_JSON_BODY_H
#define STOREFRONT_JSON_BODY_H

#include <jansson.h>

#include "infra/lib/text.h"

enum { JSON_BODY_WHAT_BYTES = 128 };

enum json_body_outcome { JSON_BODY_E_BAD = 1 };

struct json_body {
	json_t *root;  /* an object */
	char mark[24]; /* that no client can guess; "" when none was set */
};

/* JSON_BODY_E_BAD: @what says why. Any order of deinit and read will do. */
int json_body_read(struct json_body *ret, struct text body,
		   char what[static JSON_BODY_WHAT_BYTES]);
void json_body_deinit(struct json_body *body);

/* Was @value a number that jansson cannot represent? */
bool json_body_is_huge(const struct json_body *body, const json_t *value);
/* Is it one, or does it contain one? */
bool json_body_has_huge(const struct json_body *body, const json_t *value);

#endif
