/* SPDX-License-Identifier: MIT */
/* Sql: what a batch decided, as statements. What it reads is in sql_load.c. */
#include "workers/chillybin/sql.h"

#include <inttypes.h>
#include <string.h>

#include "infra/lib/xalloc.h"

#define COPY_CHUNK_BYTES ((size_t)65536)
#define COPY_TIMEOUT_MS 10000
/* Of a statement: what a usual batch needs. */
#define KEPT_MAX_BYTES ((size_t)1 << 20)
/* For take_stock(): there is no such row, and from now on there is. */
#define STOCK_TO_MAKE INT64_C(-2)
#define N_COLUMNS 18

const char sql_copy_text[] =
	"BEGIN; COPY orders (order_id, number, stall, customer, items,"
	" doneness, grill, metadata, content_hash, verdict, missing,"
	" order_version, pick_version, partition, \"offset\", decided_at,"
	" traceparent, tracestate) FROM STDIN (FORMAT binary)";

static const struct pg_statement insert_orders = {
	"insert_orders",
	"WITH added AS (INSERT INTO orders (order_id, number, stall, customer,"
	" items, doneness, grill, metadata, content_hash, verdict, missing,"
	" order_version, pick_version, partition, \"offset\", traceparent,"
	" tracestate, decided_at) SELECT o.*, $18 FROM"
	" unnest($1::uuid[], $2::bigint[],"
	" $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::boolean[],"
	" $8::bytea[], $9::bigint[], $10::text[], $11::jsonb[],"
	" $12::smallint[], $13::smallint[], $14::int[], $15::bigint[],"
	" $16::text[], $17::text[]) AS o(order_id) ORDER BY o.order_id"
	" ON CONFLICT DO NOTHING RETURNING 1)"
	" SELECT expect_rows((SELECT count(*) FROM added),"
	" cardinality($1::uuid[]))",
	18,
};

/* Before both of the next two, with the ids of both: each of them would lock
 * in the order of its own, and two workers could wait for each other. */
static const struct pg_statement lock_orders = {
	"lock_orders",
	"SELECT FROM orders WHERE order_id = ANY ($1::uuid[])"
	" ORDER BY order_id FOR UPDATE",
	1,
};

static const struct pg_statement cancel_orders = {
	"cancel_orders",
	"WITH done AS (UPDATE orders o SET cancelled_position = c.position,"
	" cancelled_at = $5, cancel_traceparent = c.traceparent,"
	" cancel_tracestate = c.tracestate"
	" FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])"
	" AS c(order_id, position, traceparent, tracestate)"
	" WHERE o.order_id = c.order_id AND o.cancelled_position IS NULL"
	" RETURNING 1)"
	" SELECT expect_rows((SELECT count(*) FROM done),"
	" cardinality($1::uuid[]))",
	5,
};

static const struct pg_statement return_orders = {
	"return_orders",
	"WITH done AS (UPDATE orders o SET returned_event = r.event,"
	" returned_at = $3 FROM unnest($1::uuid[], $2::text[])"
	" AS r(order_id, event) WHERE o.order_id = r.order_id"
	" AND o.returned_event IS NULL RETURNING 1)"
	" SELECT expect_rows((SELECT count(*) FROM done),"
	" cardinality($1::uuid[]))",
	3,
};

static const struct pg_statement insert_changes = {
	"insert_stock_changes",
	"WITH added AS (INSERT INTO stock_changes (source, event_id,"
	" ingredient, stall, kind, delta, order_id, topic, partition,"
	" \"offset\", traceparent, tracestate, counted, decided_at)"
	" SELECT c.*, $14 FROM unnest($1::text[], $2::text[], $3::text[],"
	" $4::text[], $5::text[], $6::bigint[], $7::uuid[], $8::text[],"
	" $9::int[], $10::bigint[], $11::text[], $12::text[], $13::bigint[])"
	" AS c(source, event_id, ingredient)"
	" ORDER BY c.source, c.event_id, c.ingredient"
	" ON CONFLICT DO NOTHING RETURNING 1)"
	" SELECT expect_rows((SELECT count(*) FROM added),"
	" cardinality($1::text[]))",
	14,
};

static const struct pg_statement take_stock = {
	"take_stock",
	"SELECT take_stock($1, $2, $3, $4)",
	4,
};

/* ---- one order as columns ---- */

static void items_json(struct buf *json, const struct order_row *order)
{
	buf_reset(json);
	buf_text(json, "[");
	for (size_t i = 0; i < order->n_items; i++) {
		const struct item *item = &order->items[i];

		buf_text(json, i ? ", {\"ingredient\": " : "{\"ingredient\": ");
		buf_json_text(json, item->ingredient.p, item->ingredient.n);
		buf_text(json, ", \"quantity\": ");
		buf_i64(json, item->quantity);
		buf_text(json, "}");
	}
	buf_text(json, "]");
}

static void missing_json(struct buf *json, const struct order_row *order)
{
	buf_reset(json);
	buf_text(json, "[");
	for (size_t i = 0; i < order->n_missing; i++) {
		const struct missing *missing = &order->missing[i];

		buf_text(json, i ? ", {\"ingredient\": " : "{\"ingredient\": ");
		buf_json_text(json, missing->ingredient.p,
			      missing->ingredient.n);
		buf_printf(json, ", \"wanted\": %" PRId32 ", \"left\": ",
			   missing->wanted);
		if (missing->left == MISSING_UNKNOWN)
			buf_text(json, "null}");
		else
			buf_printf(json, "%" PRId64 "}", missing->left);
	}
	buf_text(json, "]");
}

static void put_text(struct buf *buf, struct text text)
{
	pg_put_text(buf, text.p, text.n);
}

static void put_word(struct buf *buf, const char *word)
{
	pg_put_bytes(buf, word, strlen(word));
}

/*
 * The columns of an order, in the order of both statements above but for
 * decided_at. @to gives the place of each: one row, or an array each.
 */
typedef struct buf *(*column_fn)(void *to, int column);

static void put_order(struct sql *sql, const struct command *command,
		      column_fn column, void *to)
{
	const struct order_row *order = &command->own;

	pg_put_uuid(column(to, 0), order->id.bytes);
	pg_put_i64(column(to, 1), order->number);
	put_text(column(to, 2), order->stall);
	put_text(column(to, 3), order->customer);
	items_json(&sql->json, order);
	pg_put_jsonb(column(to, 4), sql->json.p, sql->json.n);
	put_word(column(to, 5), doneness_name(order->doneness));
	pg_put_bool(column(to, 6), order->grill);
	put_text(column(to, 7), command->placed.metadata);
	pg_put_i64(column(to, 8), (int64_t)order->content_hash);
	put_word(column(to, 9), verdict_name(order->verdict));
	if (order->n_missing) {
		missing_json(&sql->json, order);
		pg_put_jsonb(column(to, 10), sql->json.p, sql->json.n);
	} else {
		pg_put_null(column(to, 10));
	}
	pg_put_i16(column(to, 11), (int16_t)command->placed.version);
	pg_put_i16(column(to, 12), (int16_t)order->pick_version);
	pg_put_i32(column(to, 13), order->partition);
	pg_put_i64(column(to, 14), order->offset);
}

static struct buf *column_of_row(void *to, int column)
{
	(void)column;
	return to;
}

static struct buf *column_of_arrays(void *to, int column)
{
	return pg_call_put(to, column);
}

static bool is_new_of(const struct record *record, enum command_kind kind)
{
	return !record->dead_reason && command_of(record)->kind == kind &&
	       command_of(record)->is_new;
}

static int compare_ids(const void *a, const void *b)
{
	const struct command *const *x = a, *const *y = b;

	return order_id_compare(&(*x)->own.id, &(*y)->own.id);
}

/* Keys are locked in one order, whoever inserts them. */
static size_t sort_new_orders(struct sql *sql, const struct batch *batch)
{
	size_t n = 0;

	if (sql->cap_sorted < batch->n_records) {
		sql->cap_sorted = batch->cap;
		sql->sorted = xreallocarray(sql->sorted, sql->cap_sorted,
					    sizeof(*sql->sorted));
	}
	for (size_t i = 0; i < batch->n_records; i++)
		if (is_new_of(&batch->records[i], COMMAND_ORDER))
			sql->sorted[n++] = command_of(&batch->records[i]);
	qsort(sql->sorted, n, sizeof(*sql->sorted), compare_ids);
	return n;
}

int sql_copy(struct sql *sql, struct pg *pg, const struct batch *batch)
{
	size_t n = sort_new_orders(sql, batch);
	int r = 0;

	buf_reset(&sql->rows);
	for (size_t i = 0; !r && i < n; i++) {
		const struct command *command = sql->sorted[i];

		pg_copy_row(&sql->rows, N_COLUMNS);
		put_order(sql, command, column_of_row, &sql->rows);
		pg_put_wall_ms(&sql->rows, batch->decided_at_ms);
		put_text(&sql->rows, command->own.traceparent);
		put_text(&sql->rows, command->own.tracestate);
		if (sql->rows.n < COPY_CHUNK_BYTES)
			continue;
		r = pg_copy_put(pg, sql->rows.p, sql->rows.n, COPY_TIMEOUT_MS);
		buf_reset(&sql->rows);
	}
	if (!r)
		r = pg_copy_put(pg, sql->rows.p, sql->rows.n, COPY_TIMEOUT_MS);
	return r;
}

/* ---- statements with arrays ---- */

/* Adds a statement of the filled arrays, and @at_ms when it has one. */
static void add(struct pg *pg, const struct pg_statement *statement,
		struct pg_call *call, const enum pg_type *types, int n_types,
		const int64_t *at_ms)
{
	pg_call_arrays(call, types, n_types);
	if (at_ms)
		pg_put_wall_ms(pg_arg(&call->args), *at_ms);
	(void)pg_add(pg, statement, &call->args);
}

static struct pg_call *begin(struct sql *sql, int which)
{
	pg_call_begin(&sql->calls[which]);
	return &sql->calls[which];
}

static void store_orders(struct sql *sql, struct pg *pg,
			 const struct batch *batch)
{
	static const enum pg_type types[] = {
		PG_UUID, PG_INT8,  PG_TEXT, PG_TEXT, PG_JSONB, PG_TEXT,
		PG_BOOL, PG_BYTEA, PG_INT8, PG_TEXT, PG_JSONB, PG_INT2,
		PG_INT2, PG_INT4,  PG_INT8, PG_TEXT, PG_TEXT,
	};
	struct pg_call *call = begin(sql, CALL_ORDERS);

	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];
		const struct command *command = command_of(record);

		if (!is_new_of(record, COMMAND_ORDER))
			continue;
		put_order(sql, command, column_of_arrays, call);
		put_text(pg_call_put(call, 15), command->own.traceparent);
		put_text(pg_call_put(call, 16), command->own.tracestate);
	}
	if (call->arrays[0].n)
		add(pg, &insert_orders, call, types, 17, &batch->decided_at_ms);
}

static void store_locks(struct sql *sql, struct pg *pg,
			const struct batch *batch)
{
	static const enum pg_type types[] = { PG_UUID };
	struct pg_call *call = begin(sql, CALL_LOCKS);

	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];

		if (is_new_of(record, COMMAND_CANCEL) ||
		    is_new_of(record, COMMAND_RETURN))
			pg_put_uuid(pg_call_put(call, 0),
				    command_of(record)->order_id.bytes);
	}
	if (call->arrays[0].n)
		add(pg, &lock_orders, call, types, 1, NULL);
}

static void store_cancels(struct sql *sql, struct pg *pg,
			  const struct batch *batch)
{
	static const enum pg_type types[] = { PG_UUID, PG_TEXT, PG_TEXT,
					      PG_TEXT };
	struct pg_call *call = begin(sql, CALL_CANCELS);

	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];
		const struct command *command = command_of(record);

		if (!is_new_of(record, COMMAND_CANCEL))
			continue;
		pg_put_uuid(pg_call_put(call, 0), command->order_id.bytes);
		put_text(pg_call_put(call, 1), command->position);
		put_text(pg_call_put(call, 2), record->envelope.traceparent);
		put_text(pg_call_put(call, 3), record->envelope.tracestate);
	}
	if (call->arrays[0].n)
		add(pg, &cancel_orders, call, types, 4, &batch->decided_at_ms);
}

static void put_change(struct pg_call *call, const struct change_row *row)
{
	put_text(pg_call_put(call, 0), row->source);
	put_text(pg_call_put(call, 1), row->event_id);
	put_text(pg_call_put(call, 2), row->ingredient);
	put_text(pg_call_put(call, 3), row->stall);
	put_word(pg_call_put(call, 4), stock_change_name(row->kind));
	pg_put_i64(pg_call_put(call, 5), row->delta);
	if (row->kind == STOCK_CHANGE_RETURNED)
		pg_put_uuid(pg_call_put(call, 6), row->order_id.bytes);
	else
		pg_put_null(pg_call_put(call, 6));
	put_text(pg_call_put(call, 7), row->topic);
	pg_put_i32(pg_call_put(call, 8), row->partition);
	pg_put_i64(pg_call_put(call, 9), row->offset);
	put_text(pg_call_put(call, 10), row->traceparent);
	put_text(pg_call_put(call, 11), row->tracestate);
	if (row->counted == COUNTED_UNKNOWN)
		pg_put_null(pg_call_put(call, 12));
	else
		pg_put_i64(pg_call_put(call, 12), row->counted);
}

static void store_changes(struct sql *sql, struct pg *pg,
			  const struct batch *batch)
{
	static const enum pg_type of_return[] = { PG_UUID, PG_TEXT };
	static const enum pg_type of_change[] = {
		PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_TEXT, PG_INT8, PG_UUID,
		PG_TEXT, PG_INT4, PG_INT8, PG_TEXT, PG_TEXT, PG_INT8
	};
	struct pg_call *returns = begin(sql, CALL_RETURNS);
	struct pg_call *changes = begin(sql, CALL_CHANGES);

	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];
		const struct command *command = command_of(record);

		if (!is_new_of(record, COMMAND_STOCK) &&
		    !is_new_of(record, COMMAND_RETURN))
			continue;
		if (command->kind == COMMAND_RETURN) {
			pg_put_uuid(pg_call_put(returns, 0),
				    command->order_id.bytes);
			put_text(pg_call_put(returns, 1), command->event_id);
		}
		for (const struct change_row *row = command->changes; row;
		     row = row->next)
			put_change(changes, row);
	}
	if (returns->arrays[0].n)
		add(pg, &return_orders, returns, of_return, 2,
		    &batch->decided_at_ms);
	if (changes->arrays[0].n)
		add(pg, &insert_changes, changes, of_change, 13,
		    &batch->decided_at_ms);
}

static void store_stock(struct sql *sql, struct pg *pg,
			const struct shelf *shelf)
{
	static const enum pg_type types[] = { PG_TEXT, PG_TEXT, PG_INT8,
					      PG_INT8 };
	struct pg_call *call = begin(sql, CALL_STOCK);

	for (size_t i = 0; i < shelf->n_rows; i++) {
		const struct shelf_row *row = shelf->rows[i];

		if (!row->used)
			continue;
		put_text(pg_call_put(call, 0), row->stall);
		put_text(pg_call_put(call, 1), row->ingredient);
		pg_put_i64(pg_call_put(call, 2), row->delta);
		if (row->quantity == SHELF_UNREAD)
			pg_put_null(pg_call_put(call, 3));
		else if (row->made)
			pg_put_i64(pg_call_put(call, 3), STOCK_TO_MAKE);
		else
			pg_put_i64(pg_call_put(call, 3), row->quantity);
	}
	if (call->arrays[0].n)
		add(pg, &take_stock, call, types, 4, NULL);
}

void sql_store(struct sql *sql, struct pg *pg, const struct batch *batch,
	       const struct shelf *shelf, bool copied)
{
	if (!copied)
		store_orders(sql, pg, batch);
	store_locks(sql, pg, batch);
	store_cancels(sql, pg, batch);
	store_changes(sql, pg, batch);
	store_stock(sql, pg, shelf);
}

static size_t kept_bytes(const struct pg_call *call)
{
	size_t n = call->args.buf.cap;

	for (int i = 0; i < PG_CALL_ARRAYS; i++)
		n += call->arrays[i].elements.cap;
	return n;
}

void sql_trim(struct sql *sql)
{
	for (int i = 0; i < SQL_CALLS; i++)
		if (kept_bytes(&sql->calls[i]) > KEPT_MAX_BYTES)
			pg_call_deinit(&sql->calls[i]);
	if (sql->rows.cap + sql->json.cap > KEPT_MAX_BYTES) {
		buf_deinit(&sql->rows);
		buf_deinit(&sql->json);
	}
}

void sql_deinit(struct sql *sql)
{
	buf_deinit(&sql->json);
	buf_deinit(&sql->rows);
	free(sql->sorted);
	for (int i = 0; i < SQL_CALLS; i++)
		pg_call_deinit(&sql->calls[i]);
}
