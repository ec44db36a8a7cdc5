/* SPDX-License-Identifier: MIT */
/*
 * Emitted: up to where a partition's facts are on their topic.
 *
 * Facts are acknowledged in any order; emitted_offset is the lowest record
 * that still waits for one. Each record with facts is an entry with a number
 * that is never given again, so that what is acknowledged after a take-over
 * but was sent before it counts for nothing. Pure.
 */
#ifndef RUNTIME_EMITTED_H
#define RUNTIME_EMITTED_H

#include <stddef.h>
#include <stdint.h>

/* The number of no entry. */
#define EMITTED_NONE UINT64_MAX

struct emitted_entry {
	int64_t offset;
	uint32_t n_waiting;
};

/* { 0 } is an empty one. */
struct emitted {
	struct emitted_entry *entries; /* a ring; its size is a power of two */
	size_t size;
	uint64_t first; /* number of the oldest entry that waits */
	uint64_t end;   /* number that the next entry gets */
};

/* A record with @n_facts is about to be published. Gives the entry's number,
 * with which each fact is acknowledged. Offsets rise. */
uint64_t emitted_expect(struct emitted *emitted, int64_t offset,
			uint32_t n_facts);
/* One more fact of an entry that still waits. */
void emitted_expect_more(struct emitted *emitted, uint64_t number);
/* One fact of that entry is on its topic. Old numbers are ignored. */
void emitted_acknowledge(struct emitted *emitted, uint64_t number);
/* The offset of an entry that still waits; -1 for an old number. */
int64_t emitted_offset_of(const struct emitted *emitted, uint64_t number);
/* @decided: up to where everything was handed to emitted_expect(). */
int64_t emitted_offset(const struct emitted *emitted, int64_t decided);
/* Nothing that was sent counts any more. */
void emitted_forget(struct emitted *emitted);
void emitted_deinit(struct emitted *emitted);

#endif
