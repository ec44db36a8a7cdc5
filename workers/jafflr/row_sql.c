/* SPDX-License-Identifier: MIT */
/* Row sql: reading a row. */
#include "workers/jafflr/row_sql.h"

#include <string.h>

struct text row_text(const struct pg *pg, int statement, int row, int column,
		     struct arena *arena)
{
	struct text text = { 0 };
	const char *p;
	size_t n;

	if (pg_null(pg, statement, row, column))
		return text;
	p = pg_bytes(pg, statement, row, column, &n);
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
		.traceparent = row_text(pg, s, r, 15, arena),
		.tracestate = row_text(pg, s, r, 16, arena),
		.changed_at_ms = pg_wall_ms(pg, s, r, 17),
	};
	size_t n;
	const char *id = pg_bytes(pg, s, r, 0, &n);

	if (n == sizeof(row.order_id.bytes))
		memcpy(row.order_id.bytes, id, n);
	(void)doneness_parse(&row.doneness, row_text(pg, s, r, 4, arena));
	return row;
}
