/* SPDX-License-Identifier: MIT */
/*
 * Held sql: which rows of `toasties` belong to what a worker holds, as a part
 * of a WHERE, so that a LIMIT counts only rows that are ours.
 *
 * A row belongs to a lane as lanes_find() says, and held_sql_is_ours() asks
 * it of each row that comes. For the server the lanes are bits: a row's mask
 * has the bit of each lane whose rule it meets.
 */
#ifndef JAFFLR_HELD_SQL_H
#define JAFFLR_HELD_SQL_H

#include "infra/lib/pg.h"
#include "workers/jafflr/toastie_row.h"
#include "workers/runtime/worker.h"

/* Of the alias t; its parameters are the first ones of the statement. */
#define HELD_ARGS 10
#define HELD_ROWS                                                              \
	" t.partition = ANY ($1::int[]) AND ($2::boolean OR EXISTS ("          \
	"SELECT FROM (SELECT (SELECT coalesce(bit_or(b.bit), 0)"               \
	" FROM unnest($3::bigint[], $4::int[], $5::int[]) AS b(bit, low, "     \
	"high)"                                                                \
	" WHERE t.bucket >= b.low AND t.bucket < b.high) |"                    \
	" (SELECT coalesce(bit_or(n.bit), 0)"                                  \
	" FROM unnest($6::bigint[], $7::text[]) AS n(bit, name)"               \
	" WHERE n.name IN ('s' || t.stall, 'c' || t.customer))) AS r(mask),"   \
	" unnest($8::bigint[], $9::bigint[], $10::bigint[])"                   \
	" AS h(care, want, partitions) WHERE (r.mask & h.care) = h.want"       \
	" AND ((h.partitions >> t.partition) & 1) = 1))"

/* Begins the call of such a statement. Further parameters are put by
 * pg_arg() and, of arrays, from call->arrays[HELD_ARGS] on. */
void held_sql_put(struct pg_call *call, const struct worker_held *held);
bool held_sql_is_ours(const struct worker_held *held,
		      const struct toastie_row *row);

#endif
