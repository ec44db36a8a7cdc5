/* SPDX-License-Identifier: MIT */
/*
 * Sql: what a batch rests on is read, and what it decided is stored. Which
 * columns a row has stands in columns.h.
 */
#include "workers/chillybin/sql.h"

#include "infra/lib/xalloc.h"
#include "workers/chillybin/chillybin.h"
#include "workers/chillybin/columns.h"

#define COPY_CHUNK_BYTES ((size_t)65536)
#define TIMEOUT_MS 10000
/* Of a statement: what a usual batch needs. */
#define KEPT_MAX_BYTES ((size_t)1 << 20)
/* For take_stock(): there is no such row, and from now on there is. */
#define STOCK_TO_MAKE INT64_C(-2)

/* clang-format off */
#define ORDER_NAMES \
	ORDER_COLUMNS(COLUMN_NAME, COLUMN_NEXT_NAME, COLUMN_NEXT_NAME, \
		      COLUMN_NEXT_NAME, COLUMN_NONE)
#define ORDER_ARRAYS \
	ORDER_COLUMNS(COLUMN_ARRAY, COLUMN_NEXT_ARRAY, COLUMN_NEXT_ARRAY, \
		      COLUMN_NEXT_ARRAY, COLUMN_NONE)
#define SELECT_ORDERS \
	"SELECT " \
	ORDER_COLUMNS(COLUMN_NAME, COLUMN_NEXT_NAME, COLUMN_NEXT_NAME, \
		      COLUMN_NONE, COLUMN_NEXT_NAME) \
	" FROM orders WHERE order_id = ANY ($1::uuid[])"
#define SELECT_STOCK \
	"SELECT stall, ingredient, quantity FROM stock" \
	" WHERE (stall, ingredient) IN" \
	" (SELECT * FROM unnest($1::text[], $2::text[]))"
/* Of a WITH: as many rows as there are elements in $1. */
#define EXPECT_ROWS(of) \
	" SELECT expect_rows((SELECT count(*) FROM " of "), cardinality($1))"

const char sql_copy_text[] = "BEGIN; COPY orders (" ORDER_NAMES
			     ") FROM STDIN (FORMAT binary)";

/* What is stored. The parameters are arrays; where the call is dated, one more
 * follows them: the time of the decision. */
static const struct call {
	struct pg_statement statement;
	enum pg_type types[PG_CALL_ARRAYS];
	int n_arrays;
	bool dated;
} calls[SQL_CALLS] = {
	[CALL_ORDERS] = {
		{ "insert_orders",
		  "WITH added AS (INSERT INTO orders (" ORDER_NAMES ")"
		  " SELECT * FROM unnest(" ORDER_ARRAYS ") AS o(order_id)"
		  " ORDER BY o.order_id ON CONFLICT DO NOTHING RETURNING 1)"
		  EXPECT_ROWS("added"), N_ORDER_COLUMNS },
		{ ORDER_COLUMNS(COLUMN_TYPE, COLUMN_TYPE, COLUMN_TYPE,
				COLUMN_TYPE, COLUMN_NONE) },
		N_ORDER_COLUMNS, false,
	},
	/* Before both of the next two, with the ids of both: each of them would
	 * lock in an order of its own, and two workers could wait for each
	 * other. */
	[CALL_LOCKS] = {
		{ "lock_orders",
		  "SELECT FROM orders WHERE order_id = ANY ($1::uuid[])"
		  " ORDER BY order_id FOR UPDATE", 1 },
		{ PG_UUID }, 1, false,
	},
	[CALL_CANCELLATIONS] = {
		{ "cancel_orders",
		  "WITH done AS (UPDATE orders o"
		  " SET cancelled_position = c.position, cancelled_at = $5,"
		  " cancel_trace = c.trace, cancel_tracestate = c.tracestate"
		  " FROM unnest($1::uuid[], $2::text[], $3::bytea[],"
		  " $4::text[]) AS c(order_id, position, trace, tracestate)"
		  " WHERE o.order_id = c.order_id"
		  " AND o.cancelled_position IS NULL RETURNING 1)"
		  EXPECT_ROWS("done"), 5 },
		{ PG_UUID, PG_TEXT, PG_BYTEA, PG_TEXT }, 4, true,
	},
	[CALL_RETURNS] = {
		{ "return_orders",
		  "WITH done AS (UPDATE orders o"
		  " SET returned_event = r.event, returned_at = $3"
		  " FROM unnest($1::uuid[], $2::text[]) AS r(order_id, event)"
		  " WHERE o.order_id = r.order_id"
		  " AND o.returned_event IS NULL RETURNING 1)"
		  EXPECT_ROWS("done"), 3 },
		{ PG_UUID, PG_TEXT }, 2, true,
	},
	[CALL_CHANGES] = {
		{ "insert_stock_changes",
		  "WITH added AS (INSERT INTO stock_changes ("
		  CHANGE_COLUMNS(COLUMN_NAME, COLUMN_NEXT_NAME,
				 COLUMN_NEXT_NAME)
		  ") SELECT * FROM unnest("
		  CHANGE_COLUMNS(COLUMN_ARRAY, COLUMN_NEXT_ARRAY,
				 COLUMN_NEXT_ARRAY)
		  ") AS c(source, event_id, ingredient)"
		  " ORDER BY c.source, c.event_id, c.ingredient"
		  " ON CONFLICT DO NOTHING RETURNING 1)"
		  EXPECT_ROWS("added"), N_CHANGE_COLUMNS },
		{ CHANGE_COLUMNS(COLUMN_TYPE, COLUMN_TYPE, COLUMN_TYPE) },
		N_CHANGE_COLUMNS, false,
	},
	[CALL_STOCK] = {
		{ "take_stock", "SELECT take_stock($1, $2, $3, $4)", 4 },
		{ PG_TEXT, PG_TEXT, PG_INT8, PG_INT8 }, 4, false,
	},
};

/* What is read; the second one of each pair is under locks. Orders are locked
 * before the stock, as by a batch that stores a cancellation or a return. */
static const struct pg_statement load_orders[] = {
	{ "load_orders", SELECT_ORDERS, 1 },
	{ "load_orders_locked", SELECT_ORDERS " ORDER BY order_id FOR UPDATE",
	  1 },
};

static const struct pg_statement load_changes = {
	"load_stock_changes",
	"SELECT "
	CHANGE_COLUMNS(COLUMN_NAME, COLUMN_NEXT_NAME, COLUMN_NEXT_NAME)
	" FROM stock_changes WHERE event_key IN"
	" (SELECT stock_event_key(k.source, k.id)"
	" FROM unnest($1::text[], $2::text[]) AS k(source, id))"
	" ORDER BY event_key, ingredient",
	2,
};

static const struct pg_statement load_stock[] = {
	{ "load_stock", SELECT_STOCK, 2 },
	{ "lock_stock", SELECT_STOCK " ORDER BY stall, ingredient FOR UPDATE",
	  2 },
};

static const struct pg_statement read_stock = {
	"read_stock",
	"SELECT stall, ingredient, quantity FROM stock"
	" ORDER BY stall, ingredient LIMIT $1",
	1,
};

/* clang-format on */

/* ---- storing ---- */

static bool is_new(const struct record *record)
{
	return !record->dead_reason && input_of(record)->is_new;
}

static bool is_new_order(const struct record *record)
{
	return is_new(record) && input_of(record)->kind == INPUT_ORDER;
}

static int compare_ids(const void *a, const void *b)
{
	const struct input *const *x = a, *const *y = b;

	return order_id_compare(&(*x)->own.id, &(*y)->own.id);
}

/* Keys are locked in one order by all that insert them. */
static size_t sort_new_orders(struct sql *sql, const struct batch *batch)
{
	size_t n = 0;

	if (sql->cap_sorted < batch->n_records) {
		sql->cap_sorted = batch->cap;
		sql->sorted = xreallocarray(sql->sorted, sql->cap_sorted,
					    sizeof(*sql->sorted));
	}
	for (size_t i = 0; i < batch->n_records; i++)
		if (is_new_order(&batch->records[i]))
			sql->sorted[n++] = input_of(&batch->records[i]);
	qsort(sql->sorted, n, sizeof(*sql->sorted), compare_ids);
	return n;
}

int sql_copy(void *arg, struct pg *pg, const struct batch *batch)
{
	struct sql *sql = &((struct chillybin *)arg)->sql;
	const struct row_writer writer = { .copy = &sql->rows };
	size_t n = sort_new_orders(sql, batch);
	int r = 0;

	buf_reset(&sql->rows);
	for (size_t i = 0; !r && i < n; i++) {
		pg_copy_row(&sql->rows, N_ORDER_COLUMNS);
		order_write(&writer, &sql->sorted[i]->own);
		if (sql->rows.n < COPY_CHUNK_BYTES)
			continue;
		r = pg_copy_put(pg, sql->rows.p, sql->rows.n, TIMEOUT_MS);
		buf_reset(&sql->rows);
	}
	if (!r)
		r = pg_copy_put(pg, sql->rows.p, sql->rows.n, TIMEOUT_MS);
	return r;
}

/* What a cancellation and a return do to their order; $2 is @what. */
static void put_change_of_order(struct sql *sql, enum sql_call which,
				const struct input *input, struct text what)
{
	struct pg_call *call = &sql->calls[which];

	pg_put_uuid(pg_call_put(&sql->calls[CALL_LOCKS], 0),
		    input->order_id.bytes);
	pg_put_uuid(pg_call_put(call, 0), input->order_id.bytes);
	column_put_text(pg_call_put(call, 1), what);
}

static void put_record(struct sql *sql, const struct record *record)
{
	const struct row_writer orders = { .call = &sql->calls[CALL_ORDERS] };
	const struct row_writer changes = { .call = &sql->calls[CALL_CHANGES] };
	struct pg_call *cancellations = &sql->calls[CALL_CANCELLATIONS];
	const struct input *input = input_of(record);

	switch (input->kind) {
	case INPUT_ORDER:
		order_write(&orders, &input->own);
		return;
	case INPUT_CANCELLATION:
		put_change_of_order(sql, CALL_CANCELLATIONS, input,
				    input->position);
		column_put_trace(pg_call_put(cancellations, 2),
				 record->traceparent);
		column_put_text(pg_call_put(cancellations, 3),
				record->tracestate);
		return;
	case INPUT_RETURN:
		put_change_of_order(sql, CALL_RETURNS, input, input->event_id);
		break;
	case INPUT_STOCK:
		break;
	case INPUT_NOTHING:
		return;
	}
	for (const struct change_row *row = input->changes; row;
	     row = row->next)
		change_write(&changes, row);
}

static void put_stock(struct pg_call *call, const struct stock_row *row)
{
	column_put_text(pg_call_put(call, 0), row->stall);
	column_put_text(pg_call_put(call, 1), row->ingredient);
	pg_put_i64(pg_call_put(call, 2), row->delta);
	if (row->quantity == STOCK_UNREAD)
		pg_put_null(pg_call_put(call, 3));
	else
		pg_put_i64(pg_call_put(call, 3),
			   row->made ? STOCK_TO_MAKE : row->quantity);
}

void sql_store(void *arg, struct pg *pg, const struct batch *batch, bool copied)
{
	struct sql *sql = &((struct chillybin *)arg)->sql;

	for (int i = 0; i < SQL_CALLS; i++)
		pg_call_begin(&sql->calls[i]);
	for (size_t i = 0; i < batch->n_records; i++)
		if (is_new(&batch->records[i]) &&
		    !(copied && is_new_order(&batch->records[i])))
			put_record(sql, &batch->records[i]);
	for (const struct stock_row *row = sql->snapshot.first; row;
	     row = row->next)
		if (row->used)
			put_stock(&sql->calls[CALL_STOCK], row);
	for (int i = 0; i < SQL_CALLS; i++) {
		struct pg_call *call = &sql->calls[i];

		if (!call->arrays[0].n)
			continue;
		pg_call_arrays(call, calls[i].types, calls[i].n_arrays);
		if (calls[i].dated)
			pg_put_wall_ms(pg_arg(&call->args),
				       batch->decided_at_ms);
		(void)pg_add(pg, &calls[i].statement, &call->args);
	}
}

/* ---- loading ---- */

static const struct order_id *id_of(const struct input *input)
{
	switch (input->kind) {
	case INPUT_ORDER:
		return &input->own.id;
	case INPUT_CANCELLATION:
	case INPUT_RETURN:
		return &input->order_id;
	case INPUT_STOCK:
	case INPUT_NOTHING:
		break;
	}
	return NULL;
}

static void ask_for_rows(const struct batch *batch, struct pg_call *orders,
			 struct pg_call *changes)
{
	static const enum pg_type types[] = { PG_TEXT, PG_TEXT };

	pg_call_begin(orders);
	pg_call_begin(changes);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct input *input = input_of(&batch->records[i]);

		if (batch->records[i].dead_reason)
			continue;
		if (id_of(input))
			pg_put_uuid(pg_call_put(orders, 0),
				    id_of(input)->bytes);
		if (input->kind != INPUT_STOCK && input->kind != INPUT_RETURN)
			continue;
		column_put_text(pg_call_put(changes, 0), input->source);
		column_put_text(pg_call_put(changes, 1), input->event_id);
	}
	pg_call_arrays(orders, &(enum pg_type){ PG_UUID }, 1);
	pg_call_arrays(changes, types, 2);
}

static int load_rows(struct sql *sql, struct pg *pg, struct batch *batch)
{
	struct pg_call *orders = &sql->calls[CALL_ORDERS];
	struct pg_call *changes = &sql->calls[CALL_CHANGES];
	struct row_reader reader = { .pg = pg, .arena = &batch->arena };
	int o, c, r;

	ask_for_rows(batch, orders, changes);
	o = pg_add(pg, &load_orders[batch->mode == BATCH_LOCKED],
		   &orders->args);
	c = pg_add(pg, &load_changes, &changes->args);
	r = pg_run(pg, TIMEOUT_MS);
	if (r)
		return r;
	reader.statement = o;
	for (reader.row = 0; reader.row < pg_n_rows(pg, o); reader.row++) {
		struct order_row *row = arena_alloc(reader.arena, sizeof(*row));

		order_read(&reader, row);
		loaded_add_order(&sql->loaded, row);
	}
	reader.statement = c;
	for (reader.row = 0; reader.row < pg_n_rows(pg, c); reader.row++) {
		struct change_row *row =
			arena_alloc(reader.arena, sizeof(*row));

		change_read(&reader, row);
		loaded_add_change(&sql->loaded, row);
	}
	return 0;
}

/* Whatever is not found when the stock is read is not there. */
static void add_to_snapshot(struct sql *sql, struct batch *batch,
			    const struct input *input)
{
	const struct order_row *order = NULL;

	if (input->kind == INPUT_ORDER)
		order = &input->own;
	if (input->kind == INPUT_RETURN)
		order = loaded_order(&sql->loaded, &input->order_id);
	if (input->kind == INPUT_STOCK)
		(void)stock_row_of(&sql->snapshot, &batch->arena,
				   input->stock.stall, input->stock.ingredient,
				   STOCK_NONE);
	for (size_t i = 0; order && i < order->n_items; i++)
		(void)stock_row_of(&sql->snapshot, &batch->arena, order->stall,
				   order->items[i].ingredient, STOCK_NONE);
}

static int load_snapshot(struct sql *sql, struct pg *pg, struct batch *batch)
{
	static const enum pg_type types[] = { PG_TEXT, PG_TEXT };
	struct pg_call *call = &sql->calls[CALL_STOCK];
	struct row_reader reader = { .pg = pg, .arena = &batch->arena };
	struct text stall, ingredient;
	int r;

	for (size_t i = 0; i < batch->n_records; i++)
		if (!batch->records[i].dead_reason)
			add_to_snapshot(sql, batch,
					input_of(&batch->records[i]));
	pg_call_begin(call);
	for (const struct stock_row *row = sql->snapshot.first; row;
	     row = row->next) {
		column_put_text(pg_call_put(call, 0), row->stall);
		column_put_text(pg_call_put(call, 1), row->ingredient);
	}
	pg_call_arrays(call, types, 2);
	reader.statement = pg_add(pg, &load_stock[batch->mode == BATCH_LOCKED],
				  &call->args);
	r = pg_run(pg, TIMEOUT_MS);
	for (; !r && reader.row < pg_n_rows(pg, reader.statement);
	     reader.row++) {
		reader.column = 0;
		(void)column_read_text(&reader, &stall);
		(void)column_read_text(&reader, &ingredient);
		stock_row_of(&sql->snapshot, reader.arena, stall, ingredient,
			     STOCK_NONE)
			->quantity =
			pg_i64(pg, reader.statement, reader.row, 2);
	}
	return r;
}

void sql_forget(struct sql *sql)
{
	loaded_reset(&sql->loaded);
	stock_snapshot_reset(&sql->snapshot);
}

int sql_load(void *arg, struct pg *pg, struct batch *batch)
{
	struct sql *sql = &((struct chillybin *)arg)->sql;
	int r;

	sql_forget(sql);
	r = load_rows(sql, pg, batch);
	return r ? r : load_snapshot(sql, pg, batch);
}

int sql_read_stock(struct pg *pg, sql_stock_fn fn, void *arg)
{
	struct pg_args args = { 0 };
	struct row_reader reader = { .pg = pg };
	int r;

	pg_put_i64(pg_arg(&args), STOCK_SHOWN_MAX);
	reader.statement = pg_add(pg, &read_stock, &args);
	r = pg_run(pg, TIMEOUT_MS);
	pg_args_deinit(&args);
	for (; !r && reader.row < pg_n_rows(pg, reader.statement);
	     reader.row++) {
		struct text stall, ingredient;

		reader.column = 0;
		stall = column_text(&reader);
		ingredient = column_text(&reader);
		fn(arg, stall, ingredient,
		   pg_i64(pg, reader.statement, reader.row, 2));
	}
	return r;
}

/* ---- memory ---- */

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
	if (sql->rows.cap > KEPT_MAX_BYTES)
		buf_deinit(&sql->rows);
}

void sql_deinit(struct sql *sql)
{
	loaded_deinit(&sql->loaded);
	stock_snapshot_deinit(&sql->snapshot);
	buf_deinit(&sql->rows);
	free(sql->sorted);
	for (int i = 0; i < SQL_CALLS; i++)
		pg_call_deinit(&sql->calls[i]);
}
