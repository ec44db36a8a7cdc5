/* SPDX-License-Identifier: MIT */
/*
 * Out: what overlord says. Answers go to stdout, as a table or as JSON; what
 * is said about them goes to stderr.
 *
 *	static const struct out_column columns[] = { { "grill", OUT_TEXT },
 *						     { "plates", OUT_NUMBER },
 *						     { NULL, 0 } };
 *	struct out *out = out_new("grills", json, columns);
 *
 *	out_row(out);
 *	out_cell(out, "%s", name);
 *	out_cell(out, "%d", 4);
 *	r = out_print(out);
 *
 * In JSON that is {"grills": [{"grill": "left", "plates": 4}]}. out_rows()
 * adds rows that Postgres answered with, each cell by its column's kind.
 */
#ifndef OVERLORD_OUT_H
#define OVERLORD_OUT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"

/* An order id is a uuid, as its text or as its call code. */
enum out_kind {
	OUT_TEXT,
	OUT_NUMBER,
	OUT_BOOL,
	OUT_TIME,
	OUT_ORDER_ID,
	OUT_CALL_CODE,
};

struct out_column {
	const char *name; /* NULL ends a list */
	enum out_kind kind;
};

struct out;
struct pg;

/* Borrows @columns. */
struct out *out_new(const char *name, bool json,
		    const struct out_column *columns);
struct out *out_free(struct out *out);
DEFINE_CLEANUP(struct out, out_free);

void out_row(struct out *out);
/* The next cell of the row. One that is not said, or is empty, is null in JSON;
 * a bool is false then. */
void out_cell(struct out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void out_cell_wall_ms(struct out *out, int64_t wall_ms);
void out_cell_bool(struct out *out, bool value);
void out_cell_none(struct out *out);
/* A row of a statement's result, whose first columns are those of @out; and
 * all rows. */
void out_put_row(struct out *out, const struct pg *pg, int statement, int row);
void out_rows(struct out *out, const struct pg *pg, int statement);
/* 0, or -EIO when it could not be written; that has been said. */
int out_print(struct out *out);
/* Two tables, one below the other; one object of both in JSON. */
int out_print_two(struct out *first, struct out *second);
/* As JSON, whatever they are: one line of both. */
int out_print_two_in_a_line(struct out *first, struct out *second);

/* A line on stderr: "overlord: ..."; lower case, no full stop. */
void out_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void out_say_args(const char *format, va_list args)
	__attribute__((format(printf, 1, 0)));
/* "HINT: ...", after an error. */
void out_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
