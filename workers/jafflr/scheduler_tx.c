/* SPDX-License-Identifier: MIT */
/* Scheduler transaction: its lists, and the choice. */
#include "workers/jafflr/scheduler_tx.h"

#include <string.h>

#include "infra/lib/xalloc.h"

/* ---- lists ---- */

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

void scheduler_tx_reset(struct scheduler_tx *tx)
{
#define TX_LIST(type, name) tx->n_##name = 0;
	TX_LISTS(TX_LIST)
#undef TX_LIST
	tx->asks = (struct tx_asks){ 0 };
	tx->n_claimed = 0;
	arena_reset(&tx->arena);
}

void scheduler_tx_deinit(struct scheduler_tx *tx)
{
#define TX_LIST(type, name) free(tx->name);
	TX_LISTS(TX_LIST)
#undef TX_LIST
	arena_deinit(&tx->arena);
	*tx = (struct scheduler_tx){ 0 };
}

/* ---- the choice ---- */

bool stall_is_demo(struct text stall)
{
	struct text demo = TEXT(DEMO_STALL);

	return stall.n >= demo.n && !memcmp(stall.p, demo.p, demo.n);
}

bool stalls_serve(const struct stalls *stalls, struct text stall)
{
	for (size_t i = 0; stalls->names && i < stalls->n; i++)
		if (text_equal(text_of(stalls->names[i]), stall))
			return true;
	return !stalls->names;
}

static bool is_free(const struct scheduler_tx *tx, const struct tx_plate *plate)
{
	for (size_t i = 0; i < tx->n_free_plates; i++)
		if (tx->free_plates[i].plate == plate->plate &&
		    text_equal(tx->free_plates[i].grill, text_of(plate->grill)))
			return true;
	return false;
}

static void keep_free_plates(struct scheduler_tx *tx)
{
	size_t n = 0;

	for (size_t i = 0; i < tx->n_plates && n < TX_FOR_PLATES_MAX; i++)
		if (is_free(tx, &tx->plates[i]))
			tx->plates[n++] = tx->plates[i];
	tx->n_plates = n;
}

static void choose_plate(struct scheduler_tx *tx, const struct toastie_row *row)
{
	for (size_t i = 0; i < tx->n_plates; i++) {
		struct tx_plate *plate = &tx->plates[i];

		if (plate->chosen || !stalls_serve(plate->stalls, row->stall))
			continue;
		plate->chosen = true;
		TX_ADD(tx, claims) = (struct tx_claim){ row, plate };
		return;
	}
}

void scheduler_tx_choose(struct scheduler_tx *tx)
{
	keep_free_plates(tx);
	for (size_t i = 0; i < tx->n_queued; i++) {
		if (stall_is_demo(tx->queued[i].stall))
			TX_ADD(tx, plateless) = tx->queued[i].order_id;
		else
			choose_plate(tx, &tx->queued[i]);
	}
}
