/* SPDX-License-Identifier: MIT */
/*
 * Xalloc: no memory means abort, and the supervisor starts us again.
 *
 * So every size that comes from outside is capped before it gets here.
 */
#ifndef LIB_XALLOC_H
#define LIB_XALLOC_H

#include <stdlib.h>
#include <string.h>

static inline void *xalloc_check(void *p)
{
	if (!p)
		abort();
	return p;
}

static inline void *xmalloc(size_t n_bytes)
{
	return xalloc_check(malloc(n_bytes ? n_bytes : 1));
}

static inline void *xcalloc(size_t n, size_t n_bytes)
{
	return xalloc_check(calloc(n ? n : 1, n_bytes ? n_bytes : 1));
}

static inline void *xreallocarray(void *p, size_t n, size_t n_bytes)
{
	return xalloc_check(reallocarray(p, n ? n : 1, n_bytes ? n_bytes : 1));
}

static inline char *xstrdup(const char *s)
{
	return (char *)xalloc_check(strdup(s));
}

#endif
