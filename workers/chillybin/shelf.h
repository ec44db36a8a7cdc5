/* SPDX-License-Identifier: MIT */
/*
 * Shelf: the stock that a batch touches: what was read of it, if it was read,
 * and what the batch takes and adds. Texts are borrowed from the batch. Pure.
 */
#ifndef CHILLYBIN_SHELF_H
#define CHILLYBIN_SHELF_H

#include "infra/lib/table.h"
#include "infra/lib/text.h"

#define SHELF_UNREAD INT64_C(-2) /* nobody looked: as much as is wanted */
#define SHELF_NONE INT64_C(-1)   /* there is no such ingredient */

struct shelf_row {
	struct text stall, ingredient;
	int64_t quantity; /* as read; or SHELF_UNREAD, SHELF_NONE */
	int64_t delta;
	bool used; /* a decision rests on it */
	bool made; /* there was none, and a decision put it in */
};

struct shelf {
	struct shelf_row **rows;
	size_t n_rows;
	size_t cap;
	struct table table;
};

void shelf_reset(struct shelf *shelf);
void shelf_deinit(struct shelf *shelf);
/* The row of an ingredient, made with @quantity when it is new. */
struct shelf_row *shelf_row(struct shelf *shelf, struct text stall,
			    struct text ingredient, int64_t quantity);
/* Takes all decisions back; what was read stays. */
void shelf_undo(struct shelf *shelf);
/* What is left now; INT64_MAX when nobody looked. */
int64_t shelf_left(const struct shelf_row *row);

#endif
