/* SPDX-License-Identifier: MIT */
/* Row sql: reading a row. */
#include "workers/jafflr/row_sql.h"

#include <string.h>

#include "schemas/limits.h"

/* What an envelope takes of `tracestate`, the longer one. */
#define TRACE_MAX_BYTES 512

/* Where the character after the first TEXT_MAX_CHARS begins: at none of the
 * bytes with which a character goes on. */
static size_t bounded(const char *p, size_t n)
{
	size_t n_chars = 0, at = 0;

	for (; at < n && at < TEXT_MAX_BYTES; at++)
		if (((unsigned char)p[at] & 0xc0) != 0x80 &&
		    ++n_chars > TEXT_MAX_CHARS)
			return at;
	return at;
}

struct text row_text(const struct pg *pg, int statement, int row, int column,
		     struct arena *arena)
{
	struct text text = { 0 };
	const char *p;
	size_t n;

	if (pg_null(pg, statement, row, column))
		return text;
	p = pg_bytes(pg, statement, row, column, &n);
	n = bounded(p, n);
	return (struct text){ arena_copy(arena, p, n), n };
}

/* Trace context is no text that may be cut: whole, or absent. */
static struct text trace_text(const struct pg *pg, int statement, int row,
			      int column, struct arena *arena)
{
	const char *p;
	size_t n;

	if (pg_null(pg, statement, row, column))
		return (struct text){ 0 };
	p = pg_bytes(pg, statement, row, column, &n);
	if (n > TRACE_MAX_BYTES)
		return (struct text){ 0 };
	return (struct text){ arena_copy(arena, p, n), n };
}

static int64_t number_or(const struct pg *pg, int statement, int row,
			 int column, int64_t absent)
{
	return pg_null(pg, statement, row, column)
		       ? absent
		       : pg_i64(pg, statement, row, column);
}

struct toastie_row row_read(const struct pg *pg, int s, int r,
			    struct arena *arena)
{
	struct toastie_row row = {
		.number = number_or(pg, s, r, 1, TOASTIE_NUMBER_NONE),
		.stall = row_text(pg, s, r, 2, arena),
		.customer = row_text(pg, s, r, 3, arena),
		.state = row_state_parse(row_text(pg, s, r, 5, arena)),
		.seq = pg_i64(pg, s, r, 6),
		.lines = (int32_t)pg_i64(pg, s, r, 7),
		.lines_seen = pg_i64(pg, s, r, 8),
		.partition = (int32_t)pg_i64(pg, s, r, 9),
		.offset = pg_i64(pg, s, r, 10),
		.bucket = (int32_t)pg_i64(pg, s, r, 11),
		.grill = row_text(pg, s, r, 12, arena),
		.plate = (int32_t)number_or(pg, s, r, 13, TOASTIE_PLATE_NONE),
		.reason = row_text(pg, s, r, 14, arena),
		.traceparent = trace_text(pg, s, r, 15, arena),
		.tracestate = trace_text(pg, s, r, 16, arena),
		.changed_at_ms = pg_wall_ms(pg, s, r, 17),
		.cancelled = pg_bool(pg, s, r, 18),
	};
	size_t n;
	const char *id = pg_bytes(pg, s, r, 0, &n);

	if (n == sizeof(row.order_id.bytes))
		memcpy(row.order_id.bytes, id, n);
	(void)doneness_parse(&row.doneness, row_text(pg, s, r, 4, arena));
	return row;
}
