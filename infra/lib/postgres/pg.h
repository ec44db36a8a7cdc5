/* SPDX-License-Identifier: MIT */
/*
 * Pg: one session with Postgres, on libpq. Every wait has a deadline.
 *
 * Statements are rows of tables, prepared when they are first used, with
 * binary parameters and results. They are gathered by pg_add() and go out in
 * ONE message by pg_run() (pipeline mode), which waits for all results. The
 * first statement that fails makes the server skip those after it.
 *
 *	pg_add(pg, &begin, NULL);
 *	pg_add(pg, &read_stock, &args);
 *	pg_add(pg, &commit, NULL);
 *	r = pg_run(pg, 5000);
 *
 * One thread uses a session. It is never behind a transaction pooler.
 */
#ifndef LIB_PG_H
#define LIB_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/text/str.h"

struct pg;

enum pg_outcome {
	/*
	 * The session is of no use any more: cut, or a deadline passed. If a
	 * COMMIT was in the message, its outcome is unknown.
	 */
	PG_E_LOST = 1,
	/* The server said no: pg_sqlstate(), pg_message(). */
	PG_E_SQL,
};

struct pg_params {
	const char *url;              /* a libpq connection string or URI */
	const char *schema;           /* search_path; NULL: as the server has */
	const char *application_name; /* at most 63 bytes */
	int64_t timeout_ms;           /* to connect */
	const char *options; /* more SETs, "SET a = b; SET ..." or NULL */
};

/* PG_E_LOST: @error (256 bytes, may be NULL) says why. */
int pg_connect(struct pg **ret, const struct pg_params *params, char *error);
struct pg *pg_free(struct pg *pg);
DEFINE_CLEANUP(struct pg, pg_free);

bool pg_lost(const struct pg *pg);
int pg_backend_pid(const struct pg *pg);
int pg_socket(const struct pg *pg);
const char *pg_sqlstate(const struct pg *pg); /* "" when there is none */
const char *pg_message(const struct pg *pg);  /* one line */
/* Did a warning say that a commit is not replicated? Asking clears it. */
bool pg_unreplicated(struct pg *pg);

/*
 * Called each @every_ms for as long as an answer is waited for: who waits for
 * a lock may find out who holds it, from another session.
 */
typedef void (*pg_waiting_fn)(void *arg, int backend_pid, int64_t waited_ms);
void pg_on_waiting(struct pg *pg, int64_t every_ms, pg_waiting_fn fn,
		   void *arg);

/* ---- values in Postgres' binary form, appended with their length ---- */

void pg_put_null(struct buf *buf);
void pg_put_bool(struct buf *buf, bool value);
void pg_put_i16(struct buf *buf, int16_t value);
void pg_put_i32(struct buf *buf, int32_t value);
void pg_put_i64(struct buf *buf, int64_t value);
void pg_put_bytes(struct buf *buf, const void *p, size_t n); /* text, bytea */
void pg_put_text(struct buf *buf, const char *p, size_t n);  /* n 0: NULL */
void pg_put_uuid(struct buf *buf, const uint8_t uuid[16]);
void pg_put_jsonb(struct buf *buf, const char *json, size_t n);
void pg_put_wall_ms(struct buf *buf, int64_t wall_ms); /* timestamptz */
/* A value whose bytes are appended between the two calls. */
size_t pg_value_begin(struct buf *buf);
void pg_value_end(struct buf *buf, size_t value);

/* ---- parameters ---- */

enum { PG_ARGS_MAX = 32 };

/* { 0 } is empty; reset keeps memory. Values are appended by pg_put_*()
 * between pg_arg() calls: pg_put_i64(pg_arg(args), 7). */
struct pg_args {
	struct buf buf;
	size_t at[PG_ARGS_MAX];
	int n;
};

void pg_args_deinit(struct pg_args *args);
void pg_args_reset(struct pg_args *args);
struct buf *pg_arg(struct pg_args *args);

/* A one-dimensional array: pg_put_*() each element into it, then add it. */
enum pg_type {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_CHAR = 18, /* "char", a byte */
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_TIMESTAMPTZ = 1184,
	PG_UUID = 2950,
	PG_JSONB = 3802,
};

struct pg_array {
	struct buf elements;
	int32_t n;
};

void pg_array_deinit(struct pg_array *array);
struct buf *pg_element(struct pg_array *array);
void pg_arg_array(struct pg_args *args, enum pg_type element,
		  const struct pg_array *array);

/* The parameters of a statement that takes arrays of one length: a row is one
 * pg_call_put() a column. { 0 } is empty; begin() keeps memory. */
enum { PG_CALL_ARRAYS = 18 };

struct pg_call {
	struct pg_args args;
	struct pg_array arrays[PG_CALL_ARRAYS];
};

void pg_call_begin(struct pg_call *call);
struct buf *pg_call_put(struct pg_call *call, int column);
/* Adds the first @n arrays as parameters. */
void pg_call_arrays(struct pg_call *call, const enum pg_type *types, int n);
void pg_call_deinit(struct pg_call *call);

/* ---- statements ---- */

struct pg_statement {
	const char *name; /* unique in the program */
	const char *sql;  /* one statement; $1 ... */
	int n_args;
};

extern const struct pg_statement pg_begin, pg_commit, pg_rollback;

/* Borrows @args until pg_run() returns. Gives the statement's index. */
int pg_add(struct pg *pg, const struct pg_statement *statement,
	   const struct pg_args *args);

/*
 * Sends what was added and waits for all results. On PG_E_SQL the transaction,
 * if one was begun, is still open and failed: pg_run() it a rollback.
 */
int pg_run(struct pg *pg, int64_t timeout_ms);

/* Results of the last run, by a statement's index. */
int pg_n_rows(const struct pg *pg, int statement);
bool pg_null(const struct pg *pg, int statement, int row, int column);
bool pg_bool(const struct pg *pg, int statement, int row, int column);
int64_t pg_i64(const struct pg *pg, int statement, int row, int column);
/* Borrowed until the next run; int2, int4, int8 all by pg_i64(). jsonb comes
 * as its text. */
const char *pg_bytes(const struct pg *pg, int statement, int row, int column,
		     size_t *ret_n);
int64_t pg_wall_ms(const struct pg *pg, int statement, int row, int column);

/* The elements of a one-dimensional array, one after the other. */
struct pg_elements {
	const char *p;
	size_t n;
};

struct pg_elements pg_elements(const struct pg *pg, int statement, int row,
			       int column);
/* False past the last one. A NULL element has @ret_p NULL. */
bool pg_next_element(struct pg_elements *elements, const char **ret_p,
		     size_t *ret_n);
/* An int8 as an element has it. */
int64_t pg_i64_of(const char *p, size_t n);

/* ---- COPY in, and plain SQL ---- */

/* One message of several plain statements, no parameters, results dropped. */
int pg_exec(struct pg *pg, const char *sql, int64_t timeout_ms);

/* @sql ends in COPY ... FROM STDIN (FORMAT binary). */
int pg_copy_begin(struct pg *pg, const char *sql, int64_t timeout_ms);
/* Whole rows, built by pg_copy_row() and pg_put_*(); sent as they come. */
int pg_copy_put(struct pg *pg, const void *p, size_t n, int64_t timeout_ms);
void pg_copy_row(struct buf *buf, int16_t n_columns);
/* Ends the rows and waits for the result. */
int pg_copy_end(struct pg *pg, int64_t timeout_ms);

/* The next notification's channel and payload, if one came; does not wait. */
bool pg_notified(struct pg *pg);

#endif
