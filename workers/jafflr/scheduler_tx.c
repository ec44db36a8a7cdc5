/* SPDX-License-Identifier: MIT */
/* Tx: growing and emptying its lists. */
#include "workers/jafflr/scheduler_tx.h"

#include <string.h>

#include "infra/lib/xalloc.h"

void *tx_grow(void **list, size_t *n, size_t *cap, size_t n_bytes)
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

void tx_reset(struct scheduler_tx *tx)
{
	tx->n_finish = 0;
	tx->n_published = 0;
	tx->n_raise = 0;
	tx->n_plates = 0;
	tx->n_health = 0;
	tx->n_served = 0;
	tx->n_rows = 0;
	tx->n_grills = 0;
	tx->n_stalls = 0;
	tx->n_claimed = 0;
	tx->offered = false;
	tx->adopt = false;
	tx->look = false;
	tx->list_grills = false;
	tx->looked = false;
	arena_reset(&tx->arena);
}

void tx_deinit(struct scheduler_tx *tx)
{
	free(tx->finish);
	free(tx->published);
	free(tx->raise);
	free(tx->plates);
	free(tx->health);
	free(tx->served);
	free(tx->rows);
	free(tx->grills);
	free(tx->stalls);
	arena_deinit(&tx->arena);
	*tx = (struct scheduler_tx){ 0 };
}

bool tx_pending(const struct scheduler_tx *tx)
{
	return tx->n_finish || tx->n_raise;
}
