/* SPDX-License-Identifier: MIT */
/*
 * Intake: picks -> rows of `toasties`.
 *
 * A pick of a picked order becomes a queued row; the lines of a version 1 pick
 * are collected first. A cancellation drops what still waits (`returned`:
 * chillybin gives the ingredients back) and is kept as a row when it comes
 * before its pick. One that comes later is marked on the row: should the
 * toastie go back to the queue, it is returned. What was refused, kept, or is
 * not for the grill passes. The same pick again changes nothing. Pure but for
 * its arena.
 */
#ifndef JAFFLR_INTAKE_H
#define JAFFLR_INTAKE_H

#include "infra/lib/text/hash.h"
#include "workers/jafflr/toastie_row.h"
#include "workers/runtime/batch.h"

enum intake_kind { INTAKE_NOTHING, INTAKE_LINE, INTAKE_CANCEL };

/* A pick in a batch; lives in its arena. */
struct intake {
	enum intake_kind kind;
	struct toastie_row own; /* as it would be, were it the first */
	int32_t line;
	struct toastie_row *row; /* the order's; several may share it */
	bool changed;            /* the row is to be written, for this pick */
	bool marked;             /* only that the row is cancelled */
};

static inline struct intake *intake_of(const struct record *record)
{
	return record->item;
}

/* Rows of the batch's orders, by id: read, and made. { 0 } is empty. */
struct intake_rows {
	struct table table;
};

void intake_rows_add(struct intake_rows *rows, struct toastie_row *row);
struct toastie_row *intake_rows_find(const struct intake_rows *rows,
				     const struct order_id *id);

/* Functions of worker_ops; each argument is the struct jafflr. */
int intake_decode(void *arg, struct batch *batch, struct record *record,
		  struct schema_fault *fault);
void intake_decide(void *arg, struct batch *batch);

#endif
