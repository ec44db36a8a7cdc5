/* SPDX-License-Identifier: MIT */
/*
 * Toastie row: a row of `toasties`, the names of its states, and its fact.
 *
 * Fields and states are lists: toastie_columns.def, toastie_states.def.
 */
#ifndef JAFFLR_TOASTIE_ROW_H
#define JAFFLR_TOASTIE_ROW_H

#include "schemas/doneness.h"
#include "schemas/order_id.h"
#include "schemas/toastie.h"
#include "workers/jafflr/toastie_columns.def"
#include "workers/runtime/publish.h"

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
