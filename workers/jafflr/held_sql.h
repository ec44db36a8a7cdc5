/* SPDX-License-Identifier: MIT */
/*
 * Held sql: which rows of `toasties` belong to what a worker holds, as a part
 * of a WHERE, so that a LIMIT counts only rows that are ours.
 *
 * A row belongs to a lane as lanes_find() says. The server gets the lanes as
 * bits: a row's mask has the bit of each lane whose rule it meets, and
 * find_lane() plays the history of lanes for it. With one lane only the
 * partition counts.
 */
#ifndef JAFFLR_HELD_SQL_H
#define JAFFLR_HELD_SQL_H

#include "infra/lib/pg.h"
#include "workers/runtime/worker.h"

/* Of the alias t; its parameters are the first ones of the statement. */
#define HELD_ARGS 10
#define HELD_ROWS                                                              \
	" t.partition = ANY ($1::int[]) AND ($2::boolean OR"                   \
	" ($10::bigint[])[1 + find_lane("                                      \
	"(SELECT coalesce(bit_or(b.bit), 0)"                                   \
	" FROM unnest($3::bigint[], $4::int[], $5::int[]) AS b(bit, low, "     \
	"high)"                                                                \
	" WHERE t.bucket >= b.low AND t.bucket < b.high) |"                    \
	" (SELECT coalesce(bit_or(n.bit), 0)"                                  \
	" FROM unnest($6::bigint[], $7::text[]) AS n(bit, name)"               \
	" WHERE n.name IN ('s' || t.stall, 'c' || t.customer)),"               \
	" $8::int[], $9::int[])] >> t.partition & 1 = 1)"

/* Begins the call of such a statement. Further parameters are put by
 * pg_arg() and, of arrays, from call->arrays[HELD_ARGS] on. */
void held_sql_put(struct pg_call *call, const struct worker_assignments *held);

#endif
