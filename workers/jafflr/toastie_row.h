/* SPDX-License-Identifier: MIT */
/*
 * Toastie row: a row of `toasties`, the names of its states, and its fact.
 *
 * The states are a table, toastie_states.def, and so are the columns below.
 */
#ifndef JAFFLR_TOASTIE_ROW_H
#define JAFFLR_TOASTIE_ROW_H

#include "schemas/doneness.h"
#include "schemas/order_id.h"
#include "schemas/toastie.h"
#include "workers/runtime/publish.h"

/*
 * Columns of `toasties` as every statement here reads them, in this order.
 * The struct below, SELECT, INSERT, reading and writing (sql.c) are made from
 * this list.
 *
 * KEY and COLUMN: which parameter of the INSERT, the column, its SQL type,
 * its kind, the struct's field. READ is a column that the INSERT leaves out.
 */
/* clang-format off */
#define TOASTIE_COLUMNS(KEY, COLUMN, READ)                                     \
	KEY(1, order_id, "uuid", UUID, order_id)                               \
	COLUMN(2, number, "bigint", NUMBER, number)                            \
	COLUMN(3, stall, "text", TEXT, stall)                                  \
	COLUMN(4, customer, "text", TEXT, customer)                            \
	COLUMN(5, doneness, "text", DONENESS, doneness)                        \
	COLUMN(6, state, "text", STATE, state)                                 \
	COLUMN(7, seq, "bigint", INT8, seq)                                    \
	COLUMN(8, lines, "int", INT4, lines)                                   \
	COLUMN(9, lines_seen, "bigint", INT8, lines_seen) /* a bit a line */   \
	COLUMN(10, partition, "int", INT4, partition) /* where on `picks` */   \
	COLUMN(11, offset, "bigint", INT8, offset)    /* its order began */    \
	COLUMN(12, bucket, "int", INT4, bucket)       /* of its lane key */    \
	COLUMN(13, reason, "text", TEXT, reason)                               \
	COLUMN(14, traceparent, "text", TRACE, traceparent)                    \
	COLUMN(15, tracestate, "text", TRACE, tracestate)                      \
	/* by the customer, whatever the state */                              \
	COLUMN(16, cancelled, "boolean", BOOL, cancelled)                      \
	READ(grill, TEXT, grill)                                               \
	READ(plate, PLATE, plate)                                              \
	READ(changed_at, WALL, changed_at_ms)
/* clang-format on */

enum row_state {
#define TOASTIE_STATE(name, text, fact, log_id, sentence) ROW_##name,
#include "workers/jafflr/toastie_states.def"
#undef TOASTIE_STATE
	N_ROW_STATES,
};

typedef struct order_id toastie_UUID;
typedef int64_t toastie_NUMBER; /* TOASTIE_NUMBER_NONE: not known */
typedef int32_t toastie_PLATE;  /* TOASTIE_PLATE_NONE: none */
typedef struct text toastie_TEXT, toastie_TRACE;
typedef enum doneness toastie_DONENESS;
typedef enum row_state toastie_STATE;
typedef int64_t toastie_INT8, toastie_WALL;
typedef int32_t toastie_INT4;
typedef bool toastie_BOOL;

struct toastie_row {
#define COLUMN(parameter, column, type, kind, field) toastie_##kind field;
#define READ(column, kind, field) toastie_##kind field;
	TOASTIE_COLUMNS(COLUMN, COLUMN, READ)
#undef COLUMN
#undef READ
	size_t changed_by; /* 1 + the last record of a batch that changed it */
};

uint64_t order_id_hash(const struct order_id *id);

/* "collecting", ..., "returned". */
const char *row_state_name(enum row_state state);
/* N_ROW_STATES for a name that is none. */
enum row_state row_state_parse(struct text name);
/* The id of its line in the log; NULL for a state that is no end. */
const char *row_state_log_id(enum row_state state);

/* A row that collects its lines, or only knows of a cancellation, has none. */
bool toastie_row_has_fact(const struct toastie_row *row);
/* Publishes the row's state as galore.toastie. All of the fact comes from the
 * row, so that it can be published again with the same id. Poll thread. */
void toastie_row_publish(const struct toastie_row *row, uint64_t token,
			 struct publisher *publisher);

#endif
