/* SPDX-License-Identifier: MIT */
/* View sql: see view_sql.h. */
#include "producers/storefront/view_sql.h"

#include <inttypes.h>
#include <jansson.h>

#include "schemas/limits.h"

static const struct pg_statement order_by_id = {
	"order_by_id",
	"SELECT number, stall, customer, items, doneness, wants_grill,"
	" verdict, missing, cancelled, returned, toastie_state, toastie_seq,"
	" grill, plate FROM order_view WHERE order_id = $1",
	1,
};

enum order_column {
	NUMBER,
	STALL,
	CUSTOMER,
	ITEMS,
	DONENESS,
	WANTS_GRILL,
	VERDICT,
	MISSING,
	CANCELLED,
	RETURNED,
	TOASTIE_STATE,
	TOASTIE_SEQ,
	GRILL,
	PLATE,
};

static const struct pg_statement stock_of_stall = {
	"stock_of_stall",
	"SELECT ingredient, quantity FROM stock_view WHERE stall = $1"
	" ORDER BY ingredient COLLATE \"C\" LIMIT 10000",
	1,
};

/* One row when all that is read here can be read. */
static const struct pg_statement check_views = {
	"check_views",
	"SELECT EXISTS (SELECT FROM order_view), EXISTS (SELECT FROM"
	" stock_view), EXISTS (SELECT FROM positions_view)",
	0,
};

/* ---- questions ---- */

void view_sql_order(struct pg *pg, struct pg_args *args,
		    const struct order_id *id)
{
	pg_put_uuid(pg_arg(args), id->bytes);
	(void)pg_add(pg, &order_by_id, args);
}

void view_sql_stock(struct pg *pg, struct pg_args *args, const char *stall)
{
	pg_put_text(pg_arg(args), stall, strlen(stall));
	(void)pg_add(pg, &stock_of_stall, args);
}

void view_sql_check(struct pg *pg)
{
	(void)pg_add(pg, &check_views, NULL);
}

/* ---- rows ---- */

struct row {
	const struct pg *pg;
	int statement;
};

static struct text column(const struct row *row, int i)
{
	struct text text;

	if (pg_null(row->pg, row->statement, 0, i))
		return (struct text){ NULL, 0 };
	text.p = pg_bytes(row->pg, row->statement, 0, i, &text.n);
	return text;
}

static struct text text_member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return (struct text){ json_string_value(value),
			      json_string_length(value) };
}

static void read_items(struct order *order, struct text json)
{
	json_t *list = json_loadb(json.p, json.n, 0, NULL);
	size_t n = json_array_size(list);
	struct item items[ORDER_ITEMS_MAX];

	n = n < ORDER_ITEMS_MAX ? n : ORDER_ITEMS_MAX;
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i);

		items[i].ingredient = text_member(item, "ingredient");
		items[i].quantity = (int32_t)json_integer_value(
			json_object_get(item, "quantity"));
	}
	order_set_items(order, items, n);
	json_decref(list);
}

static void read_missing(struct order *order, struct text json)
{
	json_t *list = json.p ? json_loadb(json.p, json.n, 0, NULL) : NULL;
	size_t n = json_array_size(list);
	struct missing missing[ORDER_ITEMS_MAX];

	n = n < ORDER_ITEMS_MAX ? n : ORDER_ITEMS_MAX;
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(list, i);
		const json_t *left = json_object_get(item, "left");

		missing[i].ingredient = text_member(item, "ingredient");
		missing[i].wanted = (int32_t)json_integer_value(
			json_object_get(item, "wanted"));
		missing[i].left = json_is_integer(left)
					  ? json_integer_value(left)
					  : MISSING_UNKNOWN;
	}
	if (n)
		order_set_missing(order, missing, n);
	json_decref(list);
}

int view_sql_read_order(const struct pg *pg, int statement, struct order *order)
{
	struct row row = { pg, statement };
	int s = statement;

	if (pg_n_rows(pg, s) == 0)
		return VIEW_SQL_E_NONE;
	order->number = pg_i64(pg, s, 0, NUMBER);
	order_set(&order->stall, column(&row, STALL));
	order_set(&order->customer, column(&row, CUSTOMER));
	read_items(order, column(&row, ITEMS));
	(void)doneness_parse(&order->doneness, column(&row, DONENESS));
	read_missing(order, column(&row, MISSING));
	(void)verdict_parse(&order->facts.verdict, column(&row, VERDICT));
	order->facts.grill = pg_bool(pg, s, 0, WANTS_GRILL);
	order->facts.cancelled = pg_bool(pg, s, 0, CANCELLED);
	order->facts.returned = pg_bool(pg, s, 0, RETURNED);
	if (pg_null(pg, s, 0, TOASTIE_STATE))
		return 0;
	/* What only the grill's workers know looks like no toastie. */
	(void)toastie_state_parse(&order->facts.toastie,
				  column(&row, TOASTIE_STATE));
	order->facts.toastie_seq = pg_i64(pg, s, 0, TOASTIE_SEQ);
	if (!pg_null(pg, s, 0, PLATE))
		order_set_plate(order, column(&row, GRILL),
				pg_i64(pg, s, 0, PLATE));
	return 0;
}

void view_sql_read_stock(const struct pg *pg, int statement, struct buf *json)
{
	size_t n;

	buf_text(json, "{");
	for (int row = 0; row < pg_n_rows(pg, statement); row++) {
		const char *p = pg_bytes(pg, statement, row, 0, &n);

		if (row)
			buf_text(json, ",");
		buf_json_text(json, p, n);
		buf_printf(json, ":%" PRId64, pg_i64(pg, statement, row, 1));
	}
	buf_text(json, "}");
}
