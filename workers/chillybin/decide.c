/* SPDX-License-Identifier: MIT */
/* Decide: one function for each kind of input; decide.h is the contract. */
#include "workers/chillybin/decide.h"

#include <string.h>

#include "workers/chillybin/chillybin.h"

struct decision {
	struct batch *batch;
	struct loaded *loaded;
	struct stock_snapshot *snapshot;
};

/* Of a row that was changed by hand no fact can be made. */
static void damaged(struct decision *decision, struct record *record,
		    const char *detail)
{
	batch_dead(decision->batch, record, "damaged-row", detail);
}

static const char damaged_order[] =
	"the row of the order is not one that a worker writes";
static const char damaged_change[] =
	"a row of this change of stock is not one that a worker writes";

static bool any_damaged(const struct change_row *row)
{
	while (row && !row->damaged)
		row = row->next;
	return row != NULL;
}

/* ---- orders ---- */

static struct stock_row *row_of(const struct decision *decision,
				struct text stall, struct text ingredient)
{
	struct stock_row *row =
		stock_row_of(decision->snapshot, &decision->batch->arena, stall,
			     ingredient, STOCK_UNREAD);

	row->used = true;
	return row;
}

static void note_missing(struct decision *decision, struct order_row *order,
			 const struct item *item, const struct stock_row *row)
{
	if (!order->missing)
		order->missing =
			arena_alloc(&decision->batch->arena,
				    order->n_items * sizeof(*order->missing));
	order->missing[order->n_missing++] = (struct missing){
		.ingredient = item->ingredient,
		.wanted = item->quantity,
		.left = row->quantity == STOCK_NONE && !row->made
				? MISSING_UNKNOWN
				: stock_left(row),
	};
}

static void reserve(struct decision *decision, struct order_row *order)
{
	struct stock_row *rows[ORDER_ITEMS_MAX];
	const size_t n = order->n_items;

	order->missing = NULL;
	order->n_missing = 0;
	for (size_t i = 0; i < n; i++) {
		const struct item *item = &order->items[i];

		rows[i] = row_of(decision, order->stall, item->ingredient);
		if (item->quantity > stock_left(rows[i]))
			note_missing(decision, order, item, rows[i]);
	}
	order->verdict = order->n_missing ? VERDICT_REFUSED : VERDICT_PICKED;
	if (order->n_missing)
		return;
	for (size_t i = 0; i < n; i++)
		rows[i]->delta -= order->items[i].quantity;
}

static void decide_order(struct decision *decision, struct record *record,
			 struct input *input)
{
	struct order_row *row = loaded_order(decision->loaded, &input->own.id);

	input->is_new = false;
	input->row = row;
	if (row) {
		if (row->damaged)
			damaged(decision, record, damaged_order);
		else if (row->content_hash &&
			 row->content_hash != input->own.content_hash)
			batch_dead(decision->batch, record, "conflict",
				   "an order of this id has other content");
		return;
	}
	if (record->decided) {
		batch_dead(decision->batch, record, "conflict",
			   "the order was decided, but its row is not there");
		return;
	}
	input->is_new = true;
	input->row = &input->own;
	input->own.decided_at_ms = decision->batch->decided_at_ms;
	/* What an earlier try did to it is not so. */
	input->own.cancelled_position = (struct text){ 0 };
	input->own.cancelled_at_ms = 0;
	input->own.cancel_traceparent = (struct text){ 0 };
	input->own.cancel_tracestate = (struct text){ 0 };
	input->own.returned_event = (struct text){ 0 };
	reserve(decision, &input->own);
	loaded_add_order(decision->loaded, &input->own);
}

/* ---- cancellations ---- */

static const char *why_kept(const struct order_row *row)
{
	if (row->verdict == VERDICT_REFUSED)
		return "the order was refused";
	if (!row->grill)
		return "the order is not for the grill";
	if (row->cancelled_position.n)
		return "the order is cancelled already";
	return NULL;
}

static void decide_cancel(struct decision *decision, struct record *record,
			  struct input *input)
{
	struct order_row *row =
		loaded_order(decision->loaded, &input->order_id);

	input->is_new = false;
	input->row = row;
	if (!row) {
		batch_dead(decision->batch, record, "unknown-order",
			   "no order of this id has been decided");
		return;
	}
	if (row->damaged) {
		damaged(decision, record, damaged_order);
		return;
	}
	input->cancel_verdict = VERDICT_CANCELLED;
	if (text_equal(row->cancelled_position, input->position))
		return; /* it was this one */
	input->kept_reason = why_kept(row);
	if (input->kept_reason || record->decided) {
		input->cancel_verdict = VERDICT_KEPT;
		return;
	}
	input->is_new = true;
	row->cancelled_position = input->position;
	row->cancelled_at_ms = decision->batch->decided_at_ms;
	row->cancel_traceparent = record->traceparent;
	row->cancel_tracestate = record->tracestate;
}

/* ---- stock that is added, counted, or returned ---- */

#define TOO_MUCH "there would be more of the ingredient than can be counted"

static void add_stock(struct stock_row *stock_row, int64_t delta)
{
	stock_row->delta += delta;
	stock_row->made = stock_row->quantity == STOCK_NONE;
}

static struct change_row *new_change(struct decision *decision,
				     const struct record *record,
				     struct input *input,
				     struct stock_row *stock_row)
{
	struct change_row *row =
		arena_alloc(&decision->batch->arena, sizeof(*row));

	*row = (struct change_row){
		.source = input->source,
		.event_id = input->event_id,
		.ingredient = stock_row->ingredient,
		.stall = stock_row->stall,
		.topic = text_of(
			topic_table[event_kinds[record->type].topic].name),
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.decided_at_ms = decision->batch->decided_at_ms,
		.traceparent = record->traceparent,
		.tracestate = record->tracestate,
		.counted = COUNTED_UNKNOWN,
	};
	loaded_add_change(decision->loaded, row);
	return row;
}

static bool same_command(const struct change_row *row,
			 const struct stock_command *command)
{
	if (!text_equal(row->stall, command->stall) ||
	    !text_equal(row->ingredient, command->ingredient))
		return false;
	if (command->kind == STOCK_COMMAND_ADDED)
		return row->kind == STOCK_CHANGE_ADDED &&
		       row->delta == command->quantity;
	return row->kind == STOCK_CHANGE_COUNTED &&
	       (row->counted == COUNTED_UNKNOWN ||
		row->counted == command->quantity);
}

/* The database checks the sums of stock that was not read. */
static bool sum_fits(const struct stock_row *stock_row, int64_t delta)
{
	int64_t sum;

	return stock_row->quantity == STOCK_UNREAD ||
	       !__builtin_add_overflow(stock_left(stock_row), delta, &sum);
}

static void decide_stock(struct decision *decision, struct record *record,
			 struct input *input)
{
	const struct stock_command *stock = &input->stock;
	bool added = stock->kind == STOCK_COMMAND_ADDED;
	struct stock_row *stock_row;
	int64_t delta;

	input->is_new = false;
	input->changes =
		loaded_change(decision->loaded, input->source, input->event_id);
	if (any_damaged(input->changes))
		damaged(decision, record, damaged_change);
	else if (input->changes && !same_command(input->changes, stock))
		batch_dead(decision->batch, record, "conflict",
			   "this event was stored with other content");
	if (input->changes || record->decided)
		return;
	stock_row = row_of(decision, stock->stall, stock->ingredient);
	delta = added ? stock->quantity
		      : stock->quantity - stock_left(stock_row);
	if (!sum_fits(stock_row, delta)) {
		batch_dead(decision->batch, record, "contract", TOO_MUCH);
		return;
	}
	input->is_new = true;
	input->changes = new_change(decision, record, input, stock_row);
	input->changes->kind =
		added ? STOCK_CHANGE_ADDED : STOCK_CHANGE_COUNTED;
	input->changes->delta = delta;
	if (!added)
		input->changes->counted = stock->quantity;
	add_stock(stock_row, delta);
}

static bool can_return(struct decision *decision, const struct order_row *order)
{
	for (size_t i = 0; i < order->n_items; i++)
		if (!sum_fits(row_of(decision, order->stall,
				     order->items[i].ingredient),
			      order->items[i].quantity))
			return false;
	return true;
}

static void return_items(struct decision *decision, const struct record *record,
			 struct input *input)
{
	const struct order_row *order = input->row;

	for (size_t i = 0; i < order->n_items; i++) {
		struct stock_row *stock_row = row_of(
			decision, order->stall, order->items[i].ingredient);
		struct change_row *change =
			new_change(decision, record, input, stock_row);

		change->kind = STOCK_CHANGE_RETURNED;
		change->delta = order->items[i].quantity;
		change->order_id = order->id;
		add_stock(stock_row, change->delta);
	}
}

static bool same_return(const struct change_row *row, const struct input *input)
{
	return row->kind == STOCK_CHANGE_RETURNED &&
	       !order_id_compare(&row->order_id, &input->order_id);
}

static void decide_return(struct decision *decision, struct record *record,
			  struct input *input)
{
	struct order_row *row =
		loaded_order(decision->loaded, &input->order_id);

	input->is_new = false;
	input->row = row;
	input->changes =
		loaded_change(decision->loaded, input->source, input->event_id);
	if (row && row->damaged)
		damaged(decision, record, damaged_order);
	else if (any_damaged(input->changes))
		damaged(decision, record, damaged_change);
	else if (input->changes && !same_return(input->changes, input))
		batch_dead(decision->batch, record, "conflict",
			   "this event was stored with other content");
	if (input->changes || record->decided || record->dead_reason)
		return; /* it was this one, or another one before it */
	if (!row) {
		batch_dead(decision->batch, record, "unknown-order",
			   "no order of this id has been decided");
		return;
	}
	if (row->verdict != VERDICT_PICKED || !row->grill) {
		batch_dead(decision->batch, record, "contract",
			   "the order has reserved nothing for the grill");
		return;
	}
	if (row->returned_event.n)
		return; /* once, whatever else says so again */
	if (!can_return(decision, row)) {
		batch_dead(decision->batch, record, "contract", TOO_MUCH);
		return;
	}
	input->is_new = true;
	row->returned_event = input->event_id;
	return_items(decision, record, input);
	input->changes =
		loaded_change(decision->loaded, input->source, input->event_id);
}

/* ---- all of a batch ---- */

enum pass { PASS_STOCK, PASS_ORDERS, PASS_RETURNS, N_PASSES };

static void decide_record(struct decision *decision, struct record *record,
			  enum pass pass)
{
	struct input *input = input_of(record);

	if (record->dead_reason)
		return;
	switch (input->kind) {
	case INPUT_ORDER:
		if (pass == PASS_ORDERS)
			decide_order(decision, record, input);
		return;
	case INPUT_CANCELLATION:
		if (pass == PASS_ORDERS)
			decide_cancel(decision, record, input);
		return;
	case INPUT_STOCK:
		if (pass == PASS_STOCK)
			decide_stock(decision, record, input);
		return;
	case INPUT_RETURN:
		if (pass == PASS_RETURNS)
			decide_return(decision, record, input);
		return;
	case INPUT_NOTHING:
		return;
	}
}

void decide(void *arg, struct batch *batch)
{
	struct sql *sql = &((struct chillybin *)arg)->sql;
	struct decision decision = { batch, &sql->loaded, &sql->snapshot };

	if (batch->mode == BATCH_FAST)
		sql_forget(sql);
	stock_snapshot_undo(&sql->snapshot);
	for (enum pass pass = PASS_STOCK; pass < N_PASSES; pass++)
		for (size_t i = 0; i < batch->n_records; i++)
			decide_record(&decision, &batch->records[i], pass);
}
