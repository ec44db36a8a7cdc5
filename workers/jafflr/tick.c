/* SPDX-License-Identifier: MIT */
/* Tick: growing and emptying its lists. */
#include "workers/jafflr/tick.h"

#include <string.h>

#include "infra/lib/xalloc.h"

void *tick_grow(void **list, size_t *n, size_t *cap, size_t n_bytes)
{
	char *element;

	if (*n == *cap) {
		*cap = *cap ? *cap * 2 : 16;
		*list = xreallocarray(*list, *cap, n_bytes);
	}
	element = (char *)*list + *n * n_bytes;
	memset(element, 0, n_bytes);
	(*n)++;
	return element;
}

void tick_reset(struct tick *tick)
{
	tick->n_finish = 0;
	tick->n_told = 0;
	tick->n_raise = 0;
	tick->n_plates = 0;
	tick->n_health = 0;
	tick->n_served = 0;
	tick->n_rows = 0;
	tick->n_grills = 0;
	tick->n_stalls = 0;
	tick->n_claimed = 0;
	tick->offered = false;
	tick->adopt = false;
	tick->look = false;
	tick->list_grills = false;
	tick->looked = false;
	arena_reset(&tick->arena);
}

void tick_deinit(struct tick *tick)
{
	free(tick->finish);
	free(tick->told);
	free(tick->raise);
	free(tick->plates);
	free(tick->health);
	free(tick->served);
	free(tick->rows);
	free(tick->grills);
	free(tick->stalls);
	arena_deinit(&tick->arena);
	*tick = (struct tick){ 0 };
}

bool tick_pending(const struct tick *tick)
{
	return tick->n_finish || tick->n_raise;
}
