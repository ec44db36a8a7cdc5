/* SPDX-License-Identifier: MIT */
/* Emitted: a ring of records whose facts are under way. */
#include "workers/runtime/assignments/emitted.h"

#include <assert.h>

#include "infra/lib/xalloc.h"

#define FIRST_SIZE ((size_t)256)

static struct emitted_entry *entry_of(const struct emitted *emitted,
				      uint64_t number)
{
	return &emitted->entries[number & (emitted->size - 1)];
}

static void grow(struct emitted *emitted)
{
	struct emitted bigger = *emitted;

	bigger.size = emitted->size ? emitted->size * 2 : FIRST_SIZE;
	bigger.entries = xcalloc(bigger.size, sizeof(*bigger.entries));
	for (uint64_t i = emitted->first; i < emitted->end; i++)
		*entry_of(&bigger, i) = *entry_of(emitted, i);
	free(emitted->entries);
	*emitted = bigger;
}

uint64_t emitted_expect(struct emitted *emitted, int64_t offset,
			uint32_t n_facts)
{
	assert(n_facts > 0);
	if (emitted->end - emitted->first == emitted->size)
		grow(emitted);
	*entry_of(emitted, emitted->end) = (struct emitted_entry){
		.offset = offset,
		.n_waiting = n_facts,
	};
	return emitted->end++;
}

void emitted_expect_more(struct emitted *emitted, uint64_t number)
{
	assert(number >= emitted->first && number < emitted->end);
	entry_of(emitted, number)->n_waiting++;
}

void emitted_acknowledge(struct emitted *emitted, uint64_t number)
{
	struct emitted_entry *entry;

	if (number < emitted->first || number >= emitted->end)
		return;
	entry = entry_of(emitted, number);
	assert(entry->n_waiting > 0);
	entry->n_waiting--;
	while (emitted->first < emitted->end &&
	       !entry_of(emitted, emitted->first)->n_waiting)
		emitted->first++;
}

int64_t emitted_offset_of(const struct emitted *emitted, uint64_t number)
{
	if (number < emitted->first || number >= emitted->end)
		return -1;
	return entry_of(emitted, number)->offset;
}

int64_t emitted_offset(const struct emitted *emitted, int64_t decided)
{
	if (emitted->first == emitted->end)
		return decided;
	return entry_of(emitted, emitted->first)->offset;
}

void emitted_forget(struct emitted *emitted)
{
	emitted->first = emitted->end;
}

void emitted_deinit(struct emitted *emitted)
{
	free(emitted->entries);
	*emitted = (struct emitted){ 0 };
}
