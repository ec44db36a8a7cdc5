/* SPDX-License-Identifier: MIT */
/*
 * Columns: those of `orders` and `stock_changes`, once each. The statements
 * (COPY, INSERT, SELECT), the types of their parameters, and what writes and
 * reads a row are made from these two lists.
 *
 *	KEY	written and read; the first one
 *	BOTH	written and read
 *	WHOLE	the same, by a function that needs the whole row
 *	WRITTEN	with a new order, and never read
 *	READ	never written with a new order
 *
 * A line is: $n, column, type, form, field. The form says how a value is
 * written and read, and within which bounds a value that was read must be: a
 * row with another value was changed by hand, and is damaged.
 */
#ifndef CHILLYBIN_COLUMNS_H
#define CHILLYBIN_COLUMNS_H

#include "infra/lib/arena.h"
#include "infra/lib/postgres/pg.h"
#include "workers/chillybin/rows.h"

/* clang-format off */
#define ORDER_COLUMNS(KEY, BOTH, WHOLE, WRITTEN, READ) \
	KEY(1, order_id, UUID, uuid, id) \
	BOTH(2, content_hash, INT8, hash, content_hash) \
	BOTH(3, offset, INT8, i64, offset) \
	BOTH(4, decided_at, TIMESTAMPTZ, instant, decided_at_ms) \
	BOTH(5, partition, INT2, small, partition) \
	WRITTEN(6, order_version, INT2, small, version) \
	BOTH(7, pick_version, INT2, small, pick_version) \
	BOTH(8, verdict, CHAR, verdict, verdict) \
	BOTH(9, doneness, CHAR, doneness, doneness) \
	BOTH(10, grill, BOOL, flag, grill) \
	BOTH(11, stall, TEXT, name, stall) \
	BOTH(12, customer, TEXT, text, customer) \
	WHOLE(13, items, TEXT, items, ) \
	WHOLE(14, missing, TEXT, missing, ) \
	BOTH(15, trace, BYTEA, trace, traceparent) \
	BOTH(16, tracestate, TEXT, as_is, tracestate) \
	WRITTEN(17, metadata, BYTEA, text, metadata) \
	READ(, cancelled_at, TIMESTAMPTZ, instant, cancelled_at_ms) \
	READ(, cancelled_position, TEXT, text, cancelled_position) \
	READ(, cancel_trace, BYTEA, trace, cancel_traceparent) \
	READ(, cancel_tracestate, TEXT, as_is, cancel_tracestate) \
	READ(, returned_event, TEXT, as_is, returned_event)

#define CHANGE_COLUMNS(KEY, BOTH, WHOLE) \
	KEY(1, source, TEXT, as_is, source) \
	BOTH(2, event_id, TEXT, as_is, event_id) \
	BOTH(3, ingredient, TEXT, name, ingredient) \
	BOTH(4, stall, TEXT, name, stall) \
	BOTH(5, kind, TEXT, change_kind, kind) \
	BOTH(6, delta, INT8, i64, delta) \
	WHOLE(7, order_id, UUID, returned_order, ) \
	BOTH(8, topic, TEXT, topic, topic) \
	BOTH(9, partition, INT4, partition, partition) \
	BOTH(10, offset, INT8, i64, offset) \
	BOTH(11, decided_at, TIMESTAMPTZ, instant, decided_at_ms) \
	BOTH(12, traceparent, TEXT, as_is, traceparent) \
	BOTH(13, tracestate, TEXT, as_is, tracestate) \
	BOTH(14, counted, INT8, counted, counted)

/* What a list becomes in a statement. */
#define COLUMN_NONE(n, column, type, form, field)
#define COLUMN_COUNT(n, column, type, form, field) + 1
#define COLUMN_TYPE(n, column, type, form, field) PG_##type,
#define COLUMN_NAME(n, column, type, form, field) "\"" #column "\""
#define COLUMN_NEXT_NAME(n, column, type, form, field) ", \"" #column "\""
#define COLUMN_ARRAY(n, column, type, form, field) "$" #n "::_" #type
#define COLUMN_NEXT_ARRAY(n, column, type, form, field) ", $" #n "::_" #type
/* clang-format on */

enum {
	N_ORDER_COLUMNS =
		0 ORDER_COLUMNS(COLUMN_COUNT, COLUMN_COUNT, COLUMN_COUNT,
				COLUMN_COUNT, COLUMN_NONE),
	N_CHANGE_COLUMNS =
		0 CHANGE_COLUMNS(COLUMN_COUNT, COLUMN_COUNT, COLUMN_COUNT),
};

/* Where a row goes: into one row of a COPY, or into an array a column. */
struct row_writer {
	struct buf *copy; /* or NULL: */
	struct pg_call *call;
};

void order_write(const struct row_writer *writer, const struct order_row *row);
void change_write(const struct row_writer *writer,
		  const struct change_row *row);

/* What a list of these ingredients has in a row, at the most. */
size_t order_list_bytes(const struct item *items, size_t n_items);

/* Where a row is read from. Texts are copied into the arena. */
struct row_reader {
	struct pg *pg;
	int statement, row;
	int column; /* the next one */
	struct arena *arena;
};

/* From the first column on. They say in the row whether it is damaged. */
void order_read(struct row_reader *reader, struct order_row *ret);
void change_read(struct row_reader *reader, struct change_row *ret);

/* ---- single values ---- */

static inline void column_put_text(struct buf *to, struct text text)
{
	pg_put_text(to, text.p, text.n);
}

/* A traceparent as 25 bytes; NULL when there is none. */
void column_put_trace(struct buf *to, struct text parent);

/* The next column: borrowed until the next run; or copied, and false when it is
 * longer than a text of a message may be. */
struct text column_text(struct row_reader *reader);
bool column_read_text(struct row_reader *reader, struct text *ret);

#endif
