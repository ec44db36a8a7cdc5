/* SPDX-License-Identifier: MIT */
/*
 * Web: the files of the page, read once at start and served from memory.
 */
#ifndef STOREFRONT_WEB_H
#define STOREFRONT_WEB_H

#include <stdbool.h>

#include "infra/lib/cleanup.h"
#include "producers/storefront/http/http.h"

struct web;

enum web_outcome { WEB_E_MISSING = 1 };

/* WEB_E_MISSING: @ret_name, a path below @folder, cannot be read. */
int web_new(struct web **ret, const char *folder, const char **ret_name);
struct web *web_free(struct web *web);
DEFINE_CLEANUP(struct web, web_free);

/* True: @request was for one of the files, and is answered. */
bool web_answer(const struct web *web, struct http_request *request);

#endif
