/* SPDX-License-Identifier: MIT */
/* Row sql: the columns of `toasties` as every statement here reads them. */
#ifndef JAFFLR_ROW_SQL_H
#define JAFFLR_ROW_SQL_H

#include "infra/lib/arena.h"
#include "infra/lib/pg.h"
#include "workers/jafflr/toastie_row.h"

#define ROW_COLUMNS                                                            \
	" t.order_id, t.number, t.stall, t.customer, t.doneness, t.state,"     \
	" t.seq, t.lines, t.lines_seen, t.partition, t.\"offset\","            \
	" t.bucket, t.grill, t.plate, t.reason, t.traceparent,"                \
	" t.tracestate, t.changed_at, t.cancelled "
enum { N_ROW_COLUMNS = 19 };

/* A result's row, from column 0 on; texts go into @arena. A text is at most
 * as long as a fact may have it, whatever the table says. */
struct toastie_row row_read(const struct pg *pg, int statement, int row,
			    struct arena *arena);

/* One text of it, as long as a fact may have it; absent when it is NULL. */
struct text row_text(const struct pg *pg, int statement, int row, int column,
		     struct arena *arena);

#endif
