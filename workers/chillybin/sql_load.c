/* SPDX-License-Identifier: MIT */
/*
 * Sql load: the rows that a batch's decision rests on. Orders and changes
 * first, in one message; then the stock that they and the commands touch.
 */
#include <string.h>

#include "workers/chillybin/sql.h"

#define LOAD_TIMEOUT_MS 10000

/*
 * Nothing that somebody may have put into a jsonb by hand makes it fail: what
 * is no list is none, and what is no number is NULL. Then the row is damaged.
 */
#define ELEMENTS(column)                                                       \
	"jsonb_array_elements(CASE jsonb_typeof(" column ")"                   \
	" WHEN 'array' THEN " column " END) WITH ORDINALITY AS e(i, n)"        \
	" ORDER BY n)"
#define NUMBER(key)                                                            \
	"CASE WHEN i->>'" key "' ~ '^-?[0-9]{1,18}$'"                          \
	" THEN (i->>'" key "')::bigint END"
/* clang-format off */
#define SELECT_ORDERS \
	"SELECT order_id, content_hash, number, stall, customer," \
	" ARRAY(SELECT i->>'ingredient' FROM " ELEMENTS("items") "," \
	" ARRAY(SELECT " NUMBER("quantity") " FROM " ELEMENTS("items") "," \
	" doneness, grill, verdict," \
	" ARRAY(SELECT i->>'ingredient' FROM " ELEMENTS("missing") "," \
	" ARRAY(SELECT " NUMBER("wanted") " FROM " ELEMENTS("missing") "," \
	" ARRAY(SELECT " NUMBER("left") " FROM " ELEMENTS("missing") "," \
	" pick_version, partition, \"offset\", decided_at, traceparent," \
	" tracestate, cancelled_position, cancelled_at," \
	" cancel_traceparent, cancel_tracestate, returned_event" \
	" FROM orders WHERE order_id = ANY ($1::uuid[])"
/* clang-format on */

static const struct pg_statement load_orders = {
	"load_orders",
	SELECT_ORDERS,
	1,
};

/* Before the stock, as whoever stores a cancellation or a return does it. */
static const struct pg_statement load_orders_locked = {
	"load_orders_locked",
	SELECT_ORDERS " ORDER BY order_id FOR UPDATE",
	1,
};

static const struct pg_statement load_changes = {
	"load_stock_changes",
	"SELECT source, event_id, ingredient, stall, kind, delta, order_id,"
	" topic, partition, \"offset\", decided_at, traceparent,"
	" tracestate, counted"
	" FROM stock_changes WHERE event_key IN"
	" (SELECT stock_event_key(k.source, k.id)"
	" FROM unnest($1::text[], $2::text[]) AS k(source, id))"
	" ORDER BY event_key, ingredient",
	2,
};

static const struct pg_statement load_stock = {
	"load_stock",
	"SELECT stall, ingredient, quantity FROM stock"
	" WHERE (stall, ingredient) IN"
	" (SELECT * FROM unnest($1::text[], $2::text[]))",
	2,
};

static const struct pg_statement lock_stock = {
	"lock_stock",
	"SELECT stall, ingredient, quantity FROM stock"
	" WHERE (stall, ingredient) IN"
	" (SELECT * FROM unnest($1::text[], $2::text[]))"
	" ORDER BY stall, ingredient FOR UPDATE",
	2,
};

static const struct pg_statement read_stock = {
	"read_stock",
	"SELECT stall, ingredient, quantity FROM stock"
	" ORDER BY stall, ingredient LIMIT $1",
	1,
};

/* Where results are read from, and their texts go. */
struct reading {
	struct pg *pg;
	int statement;
	int row;
	struct arena *arena;
};

static struct text text_at(const struct reading *from, int column)
{
	struct text text = { 0 };
	const char *p;
	size_t n;

	if (pg_null(from->pg, from->statement, from->row, column))
		return text;
	p = pg_bytes(from->pg, from->statement, from->row, column, &n);
	text.p = arena_copy(from->arena, p, n);
	text.n = n;
	return text;
}

static int64_t number_at(const struct reading *from, int column)
{
	return pg_i64(from->pg, from->statement, from->row, column);
}

static int64_t instant_at(const struct reading *from, int column)
{
	if (pg_null(from->pg, from->statement, from->row, column))
		return 0;
	return pg_wall_ms(from->pg, from->statement, from->row, column);
}

static struct order_id id_at(const struct reading *from, int column)
{
	struct order_id id = { { 0 } };
	size_t n;
	const char *p =
		pg_bytes(from->pg, from->statement, from->row, column, &n);

	if (n == sizeof(id.bytes))
		memcpy(id.bytes, p, n);
	return id;
}

static struct pg_elements array_at(const struct reading *from, int column)
{
	return pg_elements(from->pg, from->statement, from->row, column);
}

static struct text copy_text(struct arena *arena, const char *p, size_t n)
{
	return (struct text){ arena_copy(arena, p, n), n };
}

/* ---- rows, held to what messages are held to ---- */

/* A fact has room for this, and no more. */
static bool fits(struct text text)
{
	return !text_is_longer(text, TEXT_MAX_CHARS);
}

/* A trace is told as it came, within the room of any text. */
static bool trace_fits(struct text parent, struct text state)
{
	return parent.n <= TEXT_MAX_BYTES && state.n <= TEXT_MAX_BYTES;
}

static bool is_name(struct text text)
{
	return text.n > 0 && fits(text);
}

static bool is_quantity(int64_t quantity)
{
	return quantity >= 1 && quantity <= QUANTITY_MAX;
}

static bool take_items(const struct reading *from, struct order_row *order)
{
	struct pg_elements names = array_at(from, 5);
	struct pg_elements quantities = array_at(from, 6);
	struct item *items =
		arena_alloc(from->arena, ORDER_ITEMS_MAX * sizeof(*items));
	const char *p, *q;
	size_t n, m;

	order->items = items;
	while (pg_next_element(&names, &p, &n) &&
	       pg_next_element(&quantities, &q, &m)) {
		struct item *item = &items[order->n_items];

		if (order->n_items == ORDER_ITEMS_MAX ||
		    !is_quantity(pg_i64_of(q, m)))
			return false;
		item->ingredient = copy_text(from->arena, p, n);
		item->quantity = (int32_t)pg_i64_of(q, m);
		if (!is_name(item->ingredient))
			return false;
		order->n_items++;
	}
	return order->n_items > 0;
}

static bool take_missing(const struct reading *from, struct order_row *order)
{
	struct pg_elements names = array_at(from, 10);
	struct pg_elements wanted = array_at(from, 11);
	struct pg_elements left = array_at(from, 12);
	const char *p, *q, *l;
	size_t n, m, k;

	if (order->verdict != VERDICT_REFUSED)
		return true;
	order->missing = arena_alloc(from->arena,
				     ORDER_ITEMS_MAX * sizeof(*order->missing));
	while (pg_next_element(&names, &p, &n) &&
	       pg_next_element(&wanted, &q, &m) &&
	       pg_next_element(&left, &l, &k)) {
		struct missing *missing = &order->missing[order->n_missing];

		if (order->n_missing == ORDER_ITEMS_MAX ||
		    !is_quantity(pg_i64_of(q, m)))
			return false;
		missing->ingredient = copy_text(from->arena, p, n);
		missing->wanted = (int32_t)pg_i64_of(q, m);
		missing->left = l ? pg_i64_of(l, k) : MISSING_UNKNOWN;
		if (!is_name(missing->ingredient) || (l && missing->left < 0))
			return false;
		order->n_missing++;
	}
	return order->n_missing > 0;
}

static bool texts_fit(const struct order_row *order)
{
	return is_name(order->stall) && fits(order->customer) &&
	       fits(order->cancelled_position) &&
	       trace_fits(order->traceparent, order->tracestate) &&
	       trace_fits(order->cancel_traceparent, order->cancel_tracestate);
}

static void take_order(const struct reading *from, struct known *known)
{
	struct order_row *order = arena_alloc(from->arena, sizeof(*order));

	*order = (struct order_row){
		.id = id_at(from, 0),
		.content_hash = (uint64_t)number_at(from, 1),
		.number = number_at(from, 2),
		.stall = text_at(from, 3),
		.customer = text_at(from, 4),
		.grill = number_at(from, 8) != 0,
		.pick_version = (int)number_at(from, 13),
		.partition = (int32_t)number_at(from, 14),
		.offset = number_at(from, 15),
		.decided_at_ms = instant_at(from, 16),
		.traceparent = text_at(from, 17),
		.tracestate = text_at(from, 18),
		.cancelled_position = text_at(from, 19),
		.cancelled_at_ms = instant_at(from, 20),
		.cancel_traceparent = text_at(from, 21),
		.cancel_tracestate = text_at(from, 22),
		.returned_event = text_at(from, 23),
	};
	order->damaged =
		doneness_parse(&order->doneness, text_at(from, 7)) != 0 ||
		verdict_parse(&order->verdict, text_at(from, 9)) != 0 ||
		order->number < 0 || !texts_fit(order) ||
		!take_items(from, order) || !take_missing(from, order);
	known_add_order(known, order);
}

static void take_change(const struct reading *from, struct known *known)
{
	struct change_row *change = arena_alloc(from->arena, sizeof(*change));

	*change = (struct change_row){
		.source = text_at(from, 0),
		.event_id = text_at(from, 1),
		.ingredient = text_at(from, 2),
		.stall = text_at(from, 3),
		.delta = number_at(from, 5),
		.order_id = id_at(from, 6),
		.topic = text_at(from, 7),
		.partition = (int32_t)number_at(from, 8),
		.offset = number_at(from, 9),
		.decided_at_ms = instant_at(from, 10),
		.traceparent = text_at(from, 11),
		.tracestate = text_at(from, 12),
		.counted = pg_null(from->pg, from->statement, from->row, 13)
				   ? COUNTED_UNKNOWN
				   : number_at(from, 13),
	};
	change->damaged =
		stock_change_parse(&change->kind, text_at(from, 4)) != 0 ||
		!is_name(change->ingredient) || !is_name(change->stall) ||
		!topic_find(change->topic) ||
		!trace_fits(change->traceparent, change->tracestate);
	known_add_change(known, change);
}

/* ---- asking ---- */

static const struct order_id *id_of(const struct command *command)
{
	switch (command->kind) {
	case COMMAND_ORDER:
		return &command->own.id;
	case COMMAND_CANCEL:
	case COMMAND_RETURN:
		return &command->order_id;
	case COMMAND_STOCK:
	case COMMAND_NOTHING:
		break;
	}
	return NULL;
}

static void ask(const struct batch *batch, struct pg_array *ids,
		struct pg_array *sources, struct pg_array *events)
{
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct command *command = command_of(&batch->records[i]);

		if (batch->records[i].dead_reason)
			continue;
		if (id_of(command))
			pg_put_uuid(pg_element(ids), id_of(command)->bytes);
		if (command->kind != COMMAND_STOCK &&
		    command->kind != COMMAND_RETURN)
			continue;
		pg_put_text(pg_element(sources), command->source.p,
			    command->source.n);
		pg_put_text(pg_element(events), command->event_id.p,
			    command->event_id.n);
	}
}

static int load_rows(struct sql *sql, struct pg *pg, struct batch *batch,
		     struct known *known)
{
	bool locked = batch->mode == BATCH_LOCKED;
	struct pg_args *orders = &sql->calls[CALL_ORDERS].args;
	struct pg_args *changes = &sql->calls[CALL_CHANGES].args;
	struct pg_array arrays[3] = { 0 };
	struct reading from = { .pg = pg, .arena = &batch->arena };
	int o, c, r;

	ask(batch, &arrays[0], &arrays[1], &arrays[2]);
	pg_args_reset(orders);
	pg_args_reset(changes);
	pg_arg_array(orders, PG_UUID, &arrays[0]);
	pg_arg_array(changes, PG_TEXT, &arrays[1]);
	pg_arg_array(changes, PG_TEXT, &arrays[2]);
	for (size_t i = 0; i < 3; i++)
		pg_array_deinit(&arrays[i]);
	o = pg_add(pg, locked ? &load_orders_locked : &load_orders, orders);
	c = pg_add(pg, &load_changes, changes);
	r = pg_run(pg, LOAD_TIMEOUT_MS);
	if (r)
		return r;
	from.statement = o;
	for (from.row = 0; from.row < pg_n_rows(pg, o); from.row++)
		take_order(&from, known);
	from.statement = c;
	for (from.row = 0; from.row < pg_n_rows(pg, c); from.row++)
		take_change(&from, known);
	return 0;
}

/* Whatever is not found when the stock is read is not there. */
static void shelve(const struct batch *batch, const struct known *known,
		   struct shelf *shelf)
{
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct command *command = command_of(&batch->records[i]);
		const struct order_row *order = NULL;

		if (batch->records[i].dead_reason)
			continue;
		if (command->kind == COMMAND_ORDER)
			order = &command->own;
		if (command->kind == COMMAND_RETURN)
			order = known_order(known, &command->order_id);
		if (command->kind == COMMAND_STOCK)
			(void)shelf_row(shelf, command->stock.stall,
					command->stock.ingredient, SHELF_NONE);
		for (size_t k = 0; order && k < order->n_items; k++)
			(void)shelf_row(shelf, order->stall,
					order->items[k].ingredient, SHELF_NONE);
	}
}

static int load_shelf(struct sql *sql, struct pg *pg, struct batch *batch,
		      struct shelf *shelf)
{
	bool locked = batch->mode == BATCH_LOCKED;
	struct pg_args *args = &sql->calls[CALL_STOCK].args;
	struct pg_array arrays[2] = { 0 };
	int i, r;

	for (size_t k = 0; k < shelf->n_rows; k++) {
		const struct shelf_row *row = shelf->rows[k];

		pg_put_text(pg_element(&arrays[0]), row->stall.p, row->stall.n);
		pg_put_text(pg_element(&arrays[1]), row->ingredient.p,
			    row->ingredient.n);
	}
	pg_args_reset(args);
	pg_arg_array(args, PG_TEXT, &arrays[0]);
	pg_arg_array(args, PG_TEXT, &arrays[1]);
	pg_array_deinit(&arrays[0]);
	pg_array_deinit(&arrays[1]);
	i = pg_add(pg, locked ? &lock_stock : &load_stock, args);
	r = pg_run(pg, LOAD_TIMEOUT_MS);
	for (int row = 0; !r && row < pg_n_rows(pg, i); row++) {
		struct reading from = { pg, i, row, &batch->arena };

		shelf_row(shelf, text_at(&from, 0), text_at(&from, 1),
			  SHELF_NONE)
			->quantity = number_at(&from, 2);
	}
	return r;
}

int sql_load(struct sql *sql, struct pg *pg, struct batch *batch,
	     struct known *known, struct shelf *shelf)
{
	int r;

	known_reset(known);
	shelf_reset(shelf);
	r = load_rows(sql, pg, batch, known);
	if (r)
		return r;
	shelve(batch, known, shelf);
	return load_shelf(sql, pg, batch, shelf);
}

/* ---- what is shown ---- */

static struct text borrow(const struct reading *from, int column)
{
	struct text text;

	text.p =
		pg_bytes(from->pg, from->statement, from->row, column, &text.n);
	return text;
}

int sql_read_stock(struct pg *pg,
		   void (*fn)(void *arg, const struct sql_stock *stock),
		   void *arg)
{
	struct pg_args args = { 0 };
	struct reading from = { .pg = pg };
	int r;

	pg_put_i64(pg_arg(&args), STOCK_SHOWN_MAX);
	from.statement = pg_add(pg, &read_stock, &args);
	r = pg_run(pg, LOAD_TIMEOUT_MS);
	pg_args_deinit(&args);
	for (; !r && from.row < pg_n_rows(pg, from.statement); from.row++) {
		struct sql_stock stock = {
			.stall = borrow(&from, 0),
			.ingredient = borrow(&from, 1),
			.quantity = number_at(&from, 2),
		};

		fn(arg, &stock);
	}
	return r;
}
