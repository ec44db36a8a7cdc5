/* SPDX-License-Identifier: MIT */
/*
 * Out: tables and JSON by libsmartcols, talk on stderr. Main thread.
 *
 * Cells that are not safe on a terminal are escaped by libsmartcols.
 */
#include "infra/overlord/out.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/postgres/pg.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"
#include "schemas/order_id.h"

struct out {
	struct libscols_table *table;
	struct libscols_line *line;
	size_t next_cell;
	size_t n_rows;
	const struct out_column *columns;
	bool json;
};

static void add_column(struct out *out, const struct out_column *row)
{
	int type = row->kind == OUT_NUMBER ? SCOLS_JSON_NUMBER
		   : row->kind == OUT_BOOL ? SCOLS_JSON_BOOLEAN
					   : SCOLS_JSON_STRING;
	struct libscols_column *column = xalloc_check(scols_table_new_column(
		out->table, row->name, 0,
		row->kind == OUT_NUMBER ? SCOLS_FL_RIGHT : 0));

	if (scols_column_set_json_type(column, type))
		abort();
}

struct out *out_new(const char *name, bool json,
		    const struct out_column *columns)
{
	struct out *out = xcalloc(1, sizeof(*out));

	out->json = json;
	out->columns = columns;
	out->table = scols_new_table();
	if (!out->table || scols_table_set_name(out->table, name) ||
	    scols_table_enable_json(out->table, json))
		abort();
	/* In a pipe a cell stays whole, however wide it is. */
	if (!isatty(STDOUT_FILENO) &&
	    (scols_table_enable_nowrap(out->table, 1) ||
	     scols_table_set_termforce(out->table, SCOLS_TERMFORCE_NEVER)))
		abort();
	for (; columns->name; columns++)
		add_column(out, columns);
	return out;
}

struct out *out_free(struct out *out)
{
	if (out) {
		scols_unref_table(out->table);
		free(out);
	}
	return NULL;
}

void out_row(struct out *out)
{
	out->line = xalloc_check(scols_table_new_line(out->table, NULL));
	out->next_cell = 0;
	out->n_rows++;
}

static void set_cell(struct out *out, const char *text)
{
	assert(out->line);
	if (scols_line_set_data(out->line, out->next_cell, text))
		abort();
	out->next_cell++;
}

void out_cell(struct out *out, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	set_cell(out, text);
	free(text);
}

void out_cell_wall_ms(struct out *out, int64_t wall_ms)
{
	char text[CLOCK_RFC3339_MAX];

	clock_rfc3339(wall_ms, text);
	set_cell(out, text);
}

void out_cell_bool(struct out *out, bool value)
{
	if (out->json)
		set_cell(out, value ? "1" : "0");
	else
		set_cell(out, value ? "yes" : "no");
}

void out_cell_none(struct out *out)
{
	out->next_cell++;
}

static void put_id(struct out *out, const char *p, enum out_kind kind)
{
	char text[ORDER_ID_CHARS + 1];
	struct order_id id;

	memcpy(id.bytes, p, sizeof(id.bytes));
	set_cell(out, kind == OUT_ORDER_ID ? order_id_format(&id, text)
					   : order_call_code(&id, text));
}

static void put_cell(struct out *out, const struct pg *pg, int statement,
		     int row, int column)
{
	enum out_kind kind = out->columns[column].kind;
	size_t n;
	const char *p = pg_bytes(pg, statement, row, column, &n);

	if (pg_null(pg, statement, row, column)) {
		out_cell_none(out);
		return;
	}
	switch (kind) {
	case OUT_NUMBER:
		out_cell(out, "%" PRId64, pg_i64(pg, statement, row, column));
		break;
	case OUT_BOOL:
		out_cell_bool(out, pg_bool(pg, statement, row, column));
		break;
	case OUT_TIME:
		out_cell_wall_ms(out, pg_wall_ms(pg, statement, row, column));
		break;
	case OUT_ORDER_ID:
	case OUT_CALL_CODE:
		put_id(out, p, kind);
		break;
	case OUT_TEXT:
		set_cell(out, p);
		break;
	}
}

void out_put_row(struct out *out, const struct pg *pg, int statement, int row)
{
	out_row(out);
	for (int column = 0; out->columns[column].name; column++)
		put_cell(out, pg, statement, row, column);
}

void out_rows(struct out *out, const struct pg *pg, int statement)
{
	for (int row = 0; row < pg_n_rows(pg, statement); row++)
		out_put_row(out, pg, statement, row);
}

/* libsmartcols prints nothing at all for a table without rows. */
static bool print(struct out *out)
{
	if (out->n_rows)
		return !scols_print_table(out->table);
	return !out->json || printf("{\n   \"%s\": []\n}\n",
				    scols_table_get_name(out->table)) > 0;
}

static int printed(bool written)
{
	if (written && !fflush(stdout) && !ferror(stdout))
		return 0;
	out_say("the answer could not be written to stdout");
	return -EIO;
}

int out_print(struct out *out)
{
	return printed(print(out));
}

/* The member that the table is, without the braces round it. */
static bool print_member(FILE *to, struct out *out, const char *after)
{
	char *text, *begin, *end;
	bool written;

	if (!out->n_rows)
		return fprintf(to, "   \"%s\": []%s\n",
			       scols_table_get_name(out->table), after) > 0;
	if (scols_print_table_to_string(out->table, &text))
		abort();
	begin = strchr(text, '\n');
	end = strrchr(text, '}');
	assert(begin && end);
	while (end > begin && end[-1] == '\n')
		end--;
	written = fprintf(to, "%.*s%s\n", (int)(end - begin - 1), begin + 1,
			  after) > 0;
	free(text);
	return written;
}

static bool print_object(FILE *to, struct out *first, struct out *second)
{
	return fputs("{\n", to) >= 0 && print_member(to, first, ",") &&
	       print_member(to, second, "") && fputs("}\n", to) >= 0;
}

int out_print_two(struct out *first, struct out *second)
{
	if (!first->json)
		return printed(print(first) && putchar('\n') != EOF &&
			       print(second));
	return printed(print_object(stdout, first, second));
}

/* In JSON's texts a line feed is written as two characters. */
int out_print_two_in_a_line(struct out *first, struct out *second)
{
	char *text = NULL;
	size_t n = 0;
	FILE *memory = open_memstream(&text, &n);
	bool written;

	xalloc_check(memory);
	written = print_object(memory, first, second);
	written = !fclose(memory) && written;
	for (const char *at = text; written && *at;) {
		written = putchar(*at == '\n' && at[1] ? ' ' : *at) != EOF;
		at += *at == '\n' ? 1 + strspn(at + 1, " ") : 1;
	}
	free(text);
	return printed(written);
}

static void say(const char *prefix, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

/* In one piece: what others say at the same time stands on lines of its own. */
static void say(const char *prefix, const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		abort();
	(void)fprintf(stderr, "%s: %s\n", prefix, text);
	free(text);
}

void out_say_args(const char *format, va_list args)
{
	say("overlord", format, args);
}

void out_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("overlord", format, args);
	va_end(args);
}

void out_hint(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("HINT", format, args);
	va_end(args);
}
