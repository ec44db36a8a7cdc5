/* SPDX-License-Identifier: MIT */
/*
 * Blob: bytes that are written once and shared by all who send them.
 *
 * Counted; the last one who drops it frees it. One thread.
 */
#ifndef STOREFRONT_BLOB_H
#define STOREFRONT_BLOB_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "infra/lib/xalloc.h"

struct blob {
	size_t n_owners;
	size_t n;
	char p[];
};

/* Copies. Has one owner: the caller. */
static inline struct blob *blob_new(const void *p, size_t n)
{
	struct blob *blob = xmalloc(sizeof(*blob) + n);

	blob->n_owners = 1;
	blob->n = n;
	memcpy(blob->p, p, n);
	return blob;
}

static inline struct blob *blob_share(struct blob *blob)
{
	blob->n_owners++;
	return blob;
}

static inline struct blob *blob_drop(struct blob *blob)
{
	if (blob && --blob->n_owners == 0)
		free(blob);
	return NULL;
}

#endif
