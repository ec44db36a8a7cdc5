/* SPDX-License-Identifier: MIT */
/*
 * A chillybin that refuses each tenth order, although there is enough for it:
 * it says that nothing was left of the first ingredient.
 */
#include "workers/chillybin/chillybin.h"
#include "workers/chillybin/decide.h"

void __real_decide(void *arg, struct batch *batch);
void __wrap_decide(void *arg, struct batch *batch);

static void give_back(struct sql *sql, struct batch *batch,
		      const struct order_row *order)
{
	for (size_t i = 0; i < order->n_items; i++)
		stock_row_of(&sql->snapshot, &batch->arena, order->stall,
			     order->items[i].ingredient, STOCK_UNREAD)
			->delta += order->items[i].quantity;
}

static void refuse(struct batch *batch, struct order_row *order)
{
	order->verdict = VERDICT_REFUSED;
	order->missing = arena_alloc(&batch->arena, sizeof(*order->missing));
	order->n_missing = 1;
	order->missing[0] = (struct missing){
		.ingredient = order->items[0].ingredient,
		.wanted = order->items[0].quantity,
	};
}

void __wrap_decide(void *arg, struct batch *batch)
{
	struct chillybin *chillybin = arg;

	__real_decide(arg, batch);
	for (size_t i = 0; i < batch->n_records; i++) {
		struct input *input = input_of(&batch->records[i]);

		if (batch->records[i].dead_reason ||
		    input->kind != INPUT_ORDER || !input->is_new ||
		    input->own.verdict != VERDICT_PICKED ||
		    input->own.content_hash % 10)
			continue;
		give_back(&chillybin->sql, batch, &input->own);
		refuse(batch, &input->own);
	}
}
