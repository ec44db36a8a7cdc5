/* SPDX-License-Identifier: MIT */
/* Sql: intake's half; the scheduler's is in sql_schedule.c. */
#include "workers/jafflr/sql.h"

#include <string.h>

#include "workers/jafflr/row_sql.h"

#define LOAD_TIMEOUT_MS 10000

static const struct pg_statement load_rows = {
	"load_toasties",
	"SELECT" ROW_COLUMNS "FROM toasties t"
	" WHERE order_id = ANY ($1::uuid[])",
	1,
};

/* Queued in the order of their picks, and written in that of their keys. */
#define INSERT_ROWS                                                            \
	"INSERT INTO toasties AS t (order_id, number, stall, customer,"        \
	" doneness, state, seq, lines, lines_seen, partition, \"offset\","     \
	" bucket, reason, traceparent, tracestate, cancelled, queue_number,"   \
	" changed_at) SELECT r.*, $17 FROM ("                                  \
	"SELECT u.*, nextval('toastie_queue_seq') FROM unnest($1::uuid[],"     \
	" $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],"       \
	" $7::bigint[], $8::int[], $9::bigint[], $10::int[], $11::bigint[],"   \
	" $12::int[], $13::text[], $14::text[], $15::text[], $16::boolean[])"  \
	" AS u(order_id)) AS r ORDER BY r.order_id"

/* Nothing was read: all of them must be new. */
static const struct pg_statement insert_rows = {
	"insert_toasties",
	"WITH added AS (" INSERT_ROWS " ON CONFLICT DO NOTHING RETURNING 1)"
	" SELECT expect_rows((SELECT count(*) FROM added),"
	" cardinality($1::uuid[]))",
	17,
};

/* What was read is what is there: only the position's holder writes rows that
 * wait. A row that was there keeps its place in the queue. */
static const struct pg_statement write_rows = {
	"write_toasties",
	INSERT_ROWS " ON CONFLICT (order_id) DO UPDATE SET"
		    " state = excluded.state, seq = excluded.seq,"
		    " lines_seen = excluded.lines_seen,"
		    " reason = excluded.reason,"
		    " cancelled = excluded.cancelled,"
		    " changed_at = excluded.changed_at",
	17,
};

/* Of a row that is beyond the queue, where a person may decide meanwhile. */
static const struct pg_statement mark_cancelled = {
	"mark_toasties_cancelled",
	"UPDATE toasties t SET cancelled = true FROM (SELECT order_id"
	" FROM toasties WHERE order_id = ANY ($1::uuid[])"
	" ORDER BY order_id FOR UPDATE) c WHERE t.order_id = c.order_id",
	1,
};

int sql_load(struct sql *sql, struct pg *pg, struct batch *batch,
	     struct intake_rows *rows)
{
	static const enum pg_type types[] = { PG_UUID };
	struct pg_call *call = &sql->calls[0];
	int i, r;

	table_reset(&rows->table);
	pg_call_begin(call);
	for (size_t k = 0; k < batch->n_records; k++) {
		const struct record *record = &batch->records[k];

		if (record->dead_reason || record->decided ||
		    intake_of(record)->kind == INTAKE_NOTHING)
			continue;
		pg_put_uuid(pg_call_put(call, 0),
			    intake_of(record)->own.order_id.bytes);
	}
	pg_call_arrays(call, types, 1);
	i = pg_add(pg, &load_rows, &call->args);
	r = pg_run(pg, LOAD_TIMEOUT_MS);
	for (int row = 0; !r && row < pg_n_rows(pg, i); row++) {
		struct toastie_row *copy =
			arena_alloc(&batch->arena, sizeof(*copy));

		*copy = row_read(pg, i, row, &batch->arena);
		intake_rows_add(rows, copy);
	}
	return r;
}

static void put_text(struct buf *buf, struct text text)
{
	pg_put_text(buf, text.p, text.n);
}

static void put_row(struct pg_call *call, const struct toastie_row *row)
{
	const char *doneness = doneness_name(row->doneness);
	const char *state = row_state_name(row->state);

	pg_put_uuid(pg_call_put(call, 0), row->order_id.bytes);
	if (row->number == TOASTIE_NUMBER_NONE)
		pg_put_null(pg_call_put(call, 1));
	else
		pg_put_i64(pg_call_put(call, 1), row->number);
	put_text(pg_call_put(call, 2), row->stall);
	put_text(pg_call_put(call, 3), row->customer);
	put_text(pg_call_put(call, 4), text_of(doneness));
	put_text(pg_call_put(call, 5), text_of(state));
	pg_put_i64(pg_call_put(call, 6), row->seq);
	pg_put_i32(pg_call_put(call, 7), row->lines);
	pg_put_i64(pg_call_put(call, 8), row->lines_seen);
	pg_put_i32(pg_call_put(call, 9), row->partition);
	pg_put_i64(pg_call_put(call, 10), row->offset);
	pg_put_i32(pg_call_put(call, 11), row->bucket);
	put_text(pg_call_put(call, 12), row->reason);
	put_text(pg_call_put(call, 13), row->traceparent);
	put_text(pg_call_put(call, 14), row->tracestate);
	pg_put_bool(pg_call_put(call, 15), row->cancelled);
}

/* A row that several picks changed is written once, as the last left it. */
static bool is_last(const struct batch *batch, size_t at)
{
	const struct toastie_row *row = intake_of(&batch->records[at])->row;

	return row->changed_by == at + 1;
}

static void store_rows(struct sql *sql, struct pg *pg,
		       const struct batch *batch)
{
	static const enum pg_type types[] = {
		PG_UUID, PG_INT8, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT,
		PG_INT8, PG_INT4, PG_INT8, PG_INT4, PG_INT8, PG_INT4,
		PG_TEXT, PG_TEXT, PG_TEXT, PG_BOOL,
	};
	struct pg_call *call = &sql->calls[0];

	pg_call_begin(call);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];

		if (record->dead_reason || record->decided ||
		    !intake_of(record)->changed || !is_last(batch, i))
			continue;
		put_row(call, intake_of(record)->row);
	}
	if (!call->arrays[0].n)
		return;
	pg_call_arrays(call, types, 16);
	pg_put_wall_ms(pg_arg(&call->args), batch->decided_at_ms);
	(void)pg_add(pg, batch->mode == BATCH_FAST ? &insert_rows : &write_rows,
		     &call->args);
}

static void store_marks(struct sql *sql, struct pg *pg,
			const struct batch *batch)
{
	static const enum pg_type types[] = { PG_UUID };
	struct pg_call *call = &sql->calls[1];

	pg_call_begin(call);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];

		if (record->dead_reason || record->decided ||
		    !intake_of(record)->marked)
			continue;
		pg_put_uuid(pg_call_put(call, 0),
			    intake_of(record)->row->order_id.bytes);
	}
	if (!call->arrays[0].n)
		return;
	pg_call_arrays(call, types, 1);
	(void)pg_add(pg, &mark_cancelled, &call->args);
}

void sql_store(struct sql *sql, struct pg *pg, const struct batch *batch)
{
	store_rows(sql, pg, batch);
	store_marks(sql, pg, batch);
}

void sql_deinit(struct sql *sql)
{
	for (int i = 0; i < SQL_CALLS; i++)
		pg_call_deinit(&sql->calls[i]);
}
