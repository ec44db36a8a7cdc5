/* SPDX-License-Identifier: MIT */
/*
 * Decide: commands and the rows they rest on -> verdicts, changes of stock,
 * and what is left.
 *
 * Pure: no clock, no I/O. No order is promised between topics: stock commands
 * come first, then orders and cancellations in the order in which they stand,
 * and returns last, since their order may be of the same batch. An order is
 * taken whole, or refused whole with what was missing and how much was left;
 * later orders see what earlier ones took. One decided before keeps its
 * recorded verdict and takes nothing: a restock between two deliveries must not
 * change the answer. Out of stock is an answer, not a failure. The same id with
 * other content is a dead letter.
 *
 * Nothing was read on the fast way: then every id is new and stock covers
 * everything, and the database says when that is not so.
 */
#ifndef CHILLYBIN_DECIDE_H
#define CHILLYBIN_DECIDE_H

#include "infra/lib/table.h"
#include "workers/chillybin/command.h"
#include "workers/chillybin/shelf.h"

/* Rows that were read, and those that this batch adds. { 0 } is empty. */
struct known {
	struct table orders;  /* struct order_row by id */
	struct table changes; /* the first struct change_row of an event */
};

void known_reset(struct known *known);
void known_deinit(struct known *known);
void known_add_order(struct known *known, struct order_row *row);
struct order_row *known_order(const struct known *known,
			      const struct order_id *id);
/* Rows of one event become a chain. */
void known_add_change(struct known *known, struct change_row *row);
struct change_row *known_change(const struct known *known, struct text source,
				struct text event_id);

/* May be called again for the same batch, with what was read anew. */
void decide(struct batch *batch, struct known *known, struct shelf *shelf);

#endif
