/* SPDX-License-Identifier: MIT */
/*
 * Arena: memory that is given back all at once, in chunks. A reset keeps the
 * first; the others are free for any arena that needs some.
 */
#ifndef LIB_ARENA_H
#define LIB_ARENA_H

#include <stddef.h>

struct arena_chunk;

/* { 0 } is an empty one. */
struct arena {
	struct arena_chunk *first;
	struct arena_chunk *now;
	size_t n_used;  /* of the present chunk */
	size_t n_bytes; /* given out since the last reset */
};

/* Aligned for anything; not zeroed. */
void *arena_alloc(struct arena *arena, size_t n_bytes);
void *arena_copy(struct arena *arena, const void *p, size_t n_bytes);
void arena_reset(struct arena *arena);
/* Takes back what was given since @before was copied from it. */
void arena_rewind(struct arena *arena, const struct arena *before);
void arena_deinit(struct arena *arena);

#endif
