/* SPDX-License-Identifier: MIT */
/*
 * Cleanup: a local that owns something releases it when it leaves its block.
 *
 * DEFINE_CLEANUP(struct pg, pg_free) makes pg_freep(), for a release function
 * that takes NULL and returns NULL. Hand over with `*ret = x; x = NULL;`.
 */
#ifndef LIB_CLEANUP_H
#define LIB_CLEANUP_H

#include <stdlib.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define DEFINE_CLEANUP(type, fn)                                               \
	static inline void fn##p(type **p)                                     \
	{                                                                      \
		*p = fn(*p);                                                   \
	}                                                                      \
	struct cleanup_needs_a_semicolon_##fn

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

#endif
