/* SPDX-License-Identifier: MIT */
/* Decide: see decide.h, which is the whole contract. */
#include "workers/chillybin/decide.h"

#include <string.h>

struct decision {
	struct batch *batch;
	struct known *known;
	struct shelf *shelf;
};

/* A row that was changed by hand, and tells nothing that a fact could say. */
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

static struct shelf_row *row_of(const struct decision *decision,
				struct text stall, struct text ingredient)
{
	struct shelf_row *row =
		shelf_row(decision->shelf, stall, ingredient, SHELF_UNREAD);

	row->used = true;
	return row;
}

static void note_missing(struct decision *decision, struct order_row *order,
			 const struct item *item, const struct shelf_row *row)
{
	if (!order->missing)
		order->missing =
			arena_alloc(&decision->batch->arena,
				    order->n_items * sizeof(*order->missing));
	order->missing[order->n_missing++] = (struct missing){
		.ingredient = item->ingredient,
		.wanted = item->quantity,
		.left = row->quantity == SHELF_NONE && !row->made
				? MISSING_UNKNOWN
				: shelf_left(row),
	};
}

static void take(struct decision *decision, struct order_row *order)
{
	struct shelf_row *rows[ORDER_ITEMS_MAX];

	order->missing = NULL;
	order->n_missing = 0;
	for (size_t i = 0; i < order->n_items; i++) {
		const struct item *item = &order->items[i];

		rows[i] = row_of(decision, order->stall, item->ingredient);
		if (item->quantity > shelf_left(rows[i]))
			note_missing(decision, order, item, rows[i]);
	}
	order->verdict = order->n_missing ? VERDICT_REFUSED : VERDICT_PICKED;
	if (order->n_missing)
		return;
	for (size_t i = 0; i < order->n_items; i++)
		rows[i]->delta -= order->items[i].quantity;
}

static void decide_order(struct decision *decision, struct record *record,
			 struct command *command)
{
	struct order_row *known =
		known_order(decision->known, &command->own.id);

	command->is_new = false;
	command->row = known;
	if (known) {
		if (known->damaged)
			damaged(decision, record, damaged_order);
		else if (known->content_hash != command->own.content_hash)
			batch_dead(decision->batch, record, "conflict",
				   "the order is known with other content");
		return;
	}
	if (record->decided) {
		batch_dead(decision->batch, record, "conflict",
			   "the order was decided, but its row is not there");
		return;
	}
	command->is_new = true;
	command->row = &command->own;
	command->own.decided_at_ms = decision->batch->decided_at_ms;
	/* What an earlier try did to it is not so. */
	command->own.cancelled_position = (struct text){ 0 };
	command->own.cancelled_at_ms = 0;
	command->own.cancel_traceparent = (struct text){ 0 };
	command->own.cancel_tracestate = (struct text){ 0 };
	command->own.returned_event = (struct text){ 0 };
	take(decision, &command->own);
	known_add_order(decision->known, &command->own);
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
			  struct command *command)
{
	struct order_row *row =
		known_order(decision->known, &command->order_id);

	command->is_new = false;
	command->row = row;
	if (!row) {
		batch_dead(decision->batch, record, "unknown-order",
			   "no order of this id has been decided");
		return;
	}
	if (row->damaged) {
		damaged(decision, record, damaged_order);
		return;
	}
	command->cancel_verdict = VERDICT_CANCELLED;
	if (text_equal(row->cancelled_position, command->position))
		return; /* it was this one */
	command->kept_reason = why_kept(row);
	if (command->kept_reason || record->decided) {
		command->cancel_verdict = VERDICT_KEPT;
		return;
	}
	command->is_new = true;
	row->cancelled_position = command->position;
	row->cancelled_at_ms = decision->batch->decided_at_ms;
	row->cancel_traceparent = record->envelope.traceparent;
	row->cancel_tracestate = record->envelope.tracestate;
}

/* ---- stock that is put in, counted, or comes back ---- */

#define TOO_MUCH "there would be more of the ingredient than can be counted"

static void put(struct shelf_row *shelf, int64_t delta)
{
	shelf->delta += delta;
	shelf->made = shelf->quantity == SHELF_NONE;
}

static struct change_row *new_change(struct decision *decision,
				     const struct record *record,
				     struct command *command,
				     struct shelf_row *shelf)
{
	struct change_row *row =
		arena_alloc(&decision->batch->arena, sizeof(*row));

	*row = (struct change_row){
		.source = command->source,
		.event_id = command->event_id,
		.ingredient = shelf->ingredient,
		.stall = shelf->stall,
		.topic = text_of(
			topic_table[event_kinds[record->envelope.type].topic]
				.name),
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.decided_at_ms = decision->batch->decided_at_ms,
		.traceparent = record->envelope.traceparent,
		.tracestate = record->envelope.tracestate,
		.counted = COUNTED_UNKNOWN,
	};
	known_add_change(decision->known, row);
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

/* Does the sum fit? What nobody looked at, the database looks at. */
static bool has_room(const struct shelf_row *shelf, int64_t delta)
{
	int64_t sum;

	return shelf->quantity == SHELF_UNREAD ||
	       !__builtin_add_overflow(shelf_left(shelf), delta, &sum);
}

static void decide_stock(struct decision *decision, struct record *record,
			 struct command *command)
{
	const struct stock_command *stock = &command->stock;
	bool added = stock->kind == STOCK_COMMAND_ADDED;
	struct shelf_row *shelf;
	int64_t delta;

	command->is_new = false;
	command->changes = known_change(decision->known, command->source,
					command->event_id);
	if (any_damaged(command->changes))
		damaged(decision, record, damaged_change);
	else if (command->changes && !same_command(command->changes, stock))
		batch_dead(decision->batch, record, "conflict",
			   "the event is known with other content");
	if (command->changes || record->decided)
		return;
	shelf = row_of(decision, stock->stall, stock->ingredient);
	delta = added ? stock->quantity : stock->quantity - shelf_left(shelf);
	if (!has_room(shelf, delta)) {
		batch_dead(decision->batch, record, "contract", TOO_MUCH);
		return;
	}
	command->is_new = true;
	command->changes = new_change(decision, record, command, shelf);
	command->changes->kind =
		added ? STOCK_CHANGE_ADDED : STOCK_CHANGE_COUNTED;
	command->changes->delta = delta;
	if (!added)
		command->changes->counted = stock->quantity;
	put(shelf, delta);
}

static bool can_come_back(struct decision *decision,
			  const struct order_row *order)
{
	for (size_t i = 0; i < order->n_items; i++)
		if (!has_room(row_of(decision, order->stall,
				     order->items[i].ingredient),
			      order->items[i].quantity))
			return false;
	return true;
}

static void give_back(struct decision *decision, const struct record *record,
		      struct command *command)
{
	const struct order_row *order = command->row;

	for (size_t i = 0; i < order->n_items; i++) {
		struct shelf_row *shelf = row_of(decision, order->stall,
						 order->items[i].ingredient);
		struct change_row *change =
			new_change(decision, record, command, shelf);

		change->kind = STOCK_CHANGE_RETURNED;
		change->delta = order->items[i].quantity;
		change->order_id = order->id;
		put(shelf, change->delta);
	}
}

static bool same_return(const struct change_row *row,
			const struct command *command)
{
	return row->kind == STOCK_CHANGE_RETURNED &&
	       !order_id_compare(&row->order_id, &command->order_id);
}

static void decide_return(struct decision *decision, struct record *record,
			  struct command *command)
{
	struct order_row *row =
		known_order(decision->known, &command->order_id);

	command->is_new = false;
	command->row = row;
	command->changes = known_change(decision->known, command->source,
					command->event_id);
	if (row && row->damaged)
		damaged(decision, record, damaged_order);
	else if (any_damaged(command->changes))
		damaged(decision, record, damaged_change);
	else if (command->changes && !same_return(command->changes, command))
		batch_dead(decision->batch, record, "conflict",
			   "the event is known with other content");
	if (command->changes || record->decided || record->dead_reason)
		return; /* it was this one, or another one before it */
	if (!row) {
		batch_dead(decision->batch, record, "unknown-order",
			   "no order of this id has been decided");
		return;
	}
	if (row->verdict != VERDICT_PICKED || !row->grill) {
		batch_dead(decision->batch, record, "contract",
			   "nothing was taken for the grill by this order");
		return;
	}
	if (row->returned_event.n)
		return; /* once, whatever else says so again */
	if (!can_come_back(decision, row)) {
		batch_dead(decision->batch, record, "contract", TOO_MUCH);
		return;
	}
	command->is_new = true;
	row->returned_event = command->event_id;
	give_back(decision, record, command);
	command->changes = known_change(decision->known, command->source,
					command->event_id);
}

/* ---- all of a batch ---- */

enum pass { PASS_STOCK, PASS_ORDERS, PASS_RETURNS, N_PASSES };

static void decide_record(struct decision *decision, struct record *record,
			  enum pass pass)
{
	struct command *command = command_of(record);

	if (record->dead_reason)
		return;
	switch (command->kind) {
	case COMMAND_ORDER:
		if (pass == PASS_ORDERS)
			decide_order(decision, record, command);
		return;
	case COMMAND_CANCEL:
		if (pass == PASS_ORDERS)
			decide_cancel(decision, record, command);
		return;
	case COMMAND_STOCK:
		if (pass == PASS_STOCK)
			decide_stock(decision, record, command);
		return;
	case COMMAND_RETURN:
		if (pass == PASS_RETURNS)
			decide_return(decision, record, command);
		return;
	case COMMAND_NOTHING:
		return;
	}
}

void decide(struct batch *batch, struct known *known, struct shelf *shelf)
{
	struct decision decision = { batch, known, shelf };

	shelf_undo(shelf);
	for (enum pass pass = PASS_STOCK; pass < N_PASSES; pass++)
		for (size_t i = 0; i < batch->n_records; i++)
			decide_record(&decision, &batch->records[i], pass);
}
