/* SPDX-License-Identifier: MIT */
/* Arena: a list of chunks, filled one after the other. One thread at a time. */
#include "infra/lib/arena.h"

#include <stdalign.h>
#include <string.h>

#include "infra/lib/xalloc.h"

#define CHUNK_BYTES ((size_t)65536)

struct arena_chunk {
	struct arena_chunk *next;
	size_t n_bytes;
	alignas(max_align_t) char bytes[];
};

static struct arena_chunk *chunk_new(size_t n_bytes)
{
	struct arena_chunk *chunk = xmalloc(sizeof(*chunk) + n_bytes);

	chunk->next = NULL;
	chunk->n_bytes = n_bytes;
	return chunk;
}

/* The next chunk that is free; one too small for this is left behind. */
static void advance(struct arena *arena, size_t n_bytes)
{
	struct arena_chunk **link =
		arena->now ? &arena->now->next : &arena->first;
	struct arena_chunk *chunk = *link;

	if (!chunk || chunk->n_bytes < n_bytes) {
		chunk = chunk_new(n_bytes > CHUNK_BYTES ? n_bytes
							: CHUNK_BYTES);
		chunk->next = *link;
		*link = chunk;
	}
	arena->now = chunk;
	arena->n_used = 0;
}

void *arena_alloc(struct arena *arena, size_t n_bytes)
{
	size_t align = alignof(max_align_t);
	void *p;

	n_bytes = (n_bytes + align - 1) / align * align;
	if (!arena->now || arena->now->n_bytes - arena->n_used < n_bytes)
		advance(arena, n_bytes);
	p = arena->now->bytes + arena->n_used;
	arena->n_used += n_bytes;
	arena->n_bytes += n_bytes;
	return p;
}

void *arena_copy(struct arena *arena, const void *p, size_t n_bytes)
{
	void *copy = arena_alloc(arena, n_bytes);

	if (n_bytes)
		memcpy(copy, p, n_bytes);
	return copy;
}

static void free_chunks(struct arena_chunk *chunk)
{
	struct arena_chunk *next;

	for (; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
}

void arena_reset(struct arena *arena)
{
	if (arena->first) {
		free_chunks(arena->first->next);
		arena->first->next = NULL;
	}
	arena->now = arena->first;
	arena->n_used = 0;
	arena->n_bytes = 0;
}

void arena_rewind(struct arena *arena, const struct arena *before)
{
	arena->now = before->now ? before->now : arena->first;
	arena->n_used = before->n_used;
	arena->n_bytes = before->n_bytes;
}

void arena_deinit(struct arena *arena)
{
	free_chunks(arena->first);
	*arena = (struct arena){ 0 };
}
