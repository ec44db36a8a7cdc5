/* SPDX-License-Identifier: MIT */
/*
 * Web: only the files of the table are ever opened, so no path from outside
 * comes near a file system. A browser keeps a file and asks with its tag
 * whether that is still the file.
 */
#include "producers/storefront/web.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/text/hash.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"

enum { FILE_MAX_BYTES = 1 << 20, TAG_BYTES = 24 };

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define JS "text/javascript; charset=utf-8"
#define SVG "image/svg+xml"

static const struct {
	const char *path; /* as it is asked for */
	const char *name; /* in the folder */
	const char *type;
} files[] = {
	{ "/", "index.html", HTML },      { "/style.css", "style.css", CSS },
	{ "/app.js", "app.js", JS },      { "/api.js", "api.js", JS },
	{ "/menu.js", "menu.js", JS },    { "/orders.js", "orders.js", JS },
	{ "/icon.svg", "icon.svg", SVG },
};

enum { N_FILES = sizeof(files) / sizeof(files[0]) };

struct web {
	struct {
		struct buf content;
		char tag[TAG_BYTES];
	} files[N_FILES];
};

static int read_file(const char *folder, const char *name, struct buf *ret)
{
	char path[4096];
	FILE *file;
	size_t n = 1;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (n && ret->n <= FILE_MAX_BYTES) {
		n = fread(buf_reserve(ret, 16384), 1, 16384, file);
		ret->n += n;
	}
	n = (size_t)ferror(file);
	(void)fclose(file);
	return n || ret->n > FILE_MAX_BYTES ? -EIO : 0;
}

int web_new(struct web **ret, const char *folder, const char **ret_name)
{
	CLEANUP(web_freep) struct web *web = xcalloc(1, sizeof(*web));

	for (size_t i = 0; i < N_FILES; i++) {
		struct buf *content = &web->files[i].content;

		if (read_file(folder, files[i].name, content)) {
			*ret_name = files[i].name;
			return WEB_E_MISSING;
		}
		(void)snprintf(web->files[i].tag, TAG_BYTES,
			       "\"%016" PRIx64 "\"",
			       hash_bytes(content->p, content->n));
	}
	*ret = web;
	web = NULL;
	return 0;
}

struct web *web_free(struct web *web)
{
	if (!web)
		return NULL;
	for (size_t i = 0; i < N_FILES; i++)
		buf_deinit(&web->files[i].content);
	free(web);
	return NULL;
}

static void answer_file(const struct web *web, size_t i,
			struct http_request *request)
{
	const struct http_field fields[] = {
		{ TEXT_INIT("Content-Security-Policy"),
		  TEXT_INIT("default-src 'self'; base-uri 'none'; form-action "
			    "'none'; frame-ancestors 'none'") },
		{ TEXT_INIT("Referrer-Policy"), TEXT_INIT("no-referrer") },
		{ TEXT_INIT("Cache-Control"), TEXT_INIT("no-cache") },
		{ TEXT_INIT("ETag"), text_of(web->files[i].tag) },
	};
	struct http_reply reply = {
		.status = 200,
		.type = files[i].type,
		.body = web->files[i].content.p,
		.n_body = web->files[i].content.n,
		.fields = fields,
		.n_fields = sizeof(fields) / sizeof(fields[0]),
	};

	if (http_head_names_tag(http_request_head(request), "if-none-match",
				text_of(web->files[i].tag))) {
		reply.status = 304;
		reply.n_body = 0;
	}
	http_reply(request, &reply);
}

bool web_answer(const struct web *web, struct http_request *request)
{
	struct text path = http_request_head(request)->path;

	for (size_t i = 0; i < N_FILES; i++) {
		if (text_equal(path, text_of(files[i].path))) {
			answer_file(web, i, request);
			return true;
		}
	}
	return false;
}
