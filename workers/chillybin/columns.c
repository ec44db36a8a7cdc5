/* SPDX-License-Identifier: MIT */
/* Columns: a function to write and one to read for each form of a value. */
#include "workers/chillybin/columns.h"

#include <inttypes.h>
#include <string.h>

#include "schemas/topics.h"

/* ---- writing ---- */

static struct buf *place(const struct row_writer *writer, int n)
{
	return writer->copy ? writer->copy : pg_call_put(writer->call, n - 1);
}

static void write_uuid(struct buf *to, struct order_id id)
{
	pg_put_uuid(to, id.bytes);
}

static void write_counted(struct buf *to, int64_t counted)
{
	if (counted == COUNTED_UNKNOWN)
		pg_put_null(to);
	else
		pg_put_i64(to, counted);
}

#define write_i64 pg_put_i64
#define write_number pg_put_i64
#define write_hash(to, hash) pg_put_i64(to, (int64_t)(hash))
#define write_version(to, version) pg_put_i16(to, (int16_t)(version))
#define write_partition pg_put_i32
#define write_flag pg_put_bool
#define write_instant pg_put_wall_ms
#define write_text column_put_text
#define write_name column_put_text
#define write_as_is column_put_text
#define write_topic column_put_text
#define write_doneness(to, it) column_put_text(to, text_of(doneness_name(it)))
#define write_verdict(to, it) column_put_text(to, text_of(verdict_name(it)))
#define write_change_kind(to, it)                                              \
	column_put_text(to, text_of(stock_change_name(it)))

static void begin_element(struct buf *json, size_t i, struct text ingredient)
{
	buf_text(json, i ? ", {\"ingredient\": " : "{\"ingredient\": ");
	buf_json_text(json, ingredient.p, ingredient.n);
}

static void end_json(const struct row_writer *writer, struct buf *to)
{
	buf_text(writer->json, "]");
	pg_put_jsonb(to, writer->json->p, writer->json->n);
}

static void write_items(const struct row_writer *writer, struct buf *to,
			const struct order_row *order)
{
	struct buf *json = writer->json;

	buf_reset(json);
	buf_text(json, "[");
	for (size_t i = 0; i < order->n_items; i++) {
		begin_element(json, i, order->items[i].ingredient);
		buf_text(json, ", \"quantity\": ");
		buf_i64(json, order->items[i].quantity);
		buf_text(json, "}");
	}
	end_json(writer, to);
}

static void write_missing(const struct row_writer *writer, struct buf *to,
			  const struct order_row *order)
{
	struct buf *json = writer->json;

	if (!order->n_missing) {
		pg_put_null(to);
		return;
	}
	buf_reset(json);
	buf_text(json, "[");
	for (size_t i = 0; i < order->n_missing; i++) {
		const struct missing *missing = &order->missing[i];

		begin_element(json, i, missing->ingredient);
		buf_printf(json, ", \"wanted\": %" PRId32 ", \"left\": ",
			   missing->wanted);
		if (missing->left == MISSING_UNKNOWN)
			buf_text(json, "null}");
		else
			buf_printf(json, "%" PRId64 "}", missing->left);
	}
	end_json(writer, to);
}

static void write_returned_order(const struct row_writer *writer,
				 struct buf *to, const struct change_row *row)
{
	(void)writer;
	if (row->kind == STOCK_CHANGE_RETURNED)
		write_uuid(to, row->order_id);
	else
		pg_put_null(to);
}

#define WRITE(n, column, type, form, field)                                    \
	write_##form(place(writer, n), row->field);
#define WRITE_WHOLE(n, column, type, form, field)                              \
	write_##form(writer, place(writer, n), row);

void order_write(const struct row_writer *writer, const struct order_row *row)
{
	ORDER_COLUMNS(WRITE, WRITE, WRITE_WHOLE, WRITE, COLUMN_NONE)
}

void change_write(const struct row_writer *writer, const struct change_row *row)
{
	CHANGE_COLUMNS(WRITE, WRITE, WRITE_WHOLE)
}

/* ---- reading: values are held to what messages are held to ---- */

static struct text copy_text(const struct row_reader *reader, const char *p,
			     size_t n)
{
	return (struct text){ arena_copy(reader->arena, p, n), n };
}

static bool is_null(const struct row_reader *reader)
{
	return pg_null(reader->pg, reader->statement, reader->row,
		       reader->column);
}

struct text column_text(struct row_reader *reader)
{
	struct text text = { 0 };

	if (!is_null(reader))
		text.p = pg_bytes(reader->pg, reader->statement, reader->row,
				  reader->column, &text.n);
	reader->column++;
	return text;
}

/* Forms of whole numbers: which of them a row may have. */
#define READ_NUMBERS(form, number_type, is_right)                              \
	static bool read_##form(struct row_reader *reader, number_type *ret)   \
	{                                                                      \
		int64_t number = pg_i64(reader->pg, reader->statement,         \
					reader->row, reader->column++);        \
                                                                               \
		*ret = (number_type)number;                                    \
		return is_right;                                               \
	}
READ_NUMBERS(i64, int64_t, true)
READ_NUMBERS(number, int64_t, number >= 0)
READ_NUMBERS(hash, uint64_t, true)
READ_NUMBERS(version, int, true)
READ_NUMBERS(partition, int32_t, true)
READ_NUMBERS(flag, bool, true)

static bool read_counted(struct row_reader *reader, int64_t *ret)
{
	bool unknown = is_null(reader);

	(void)read_i64(reader, ret);
	if (unknown)
		*ret = COUNTED_UNKNOWN;
	return true;
}

static bool read_instant(struct row_reader *reader, int64_t *ret)
{
	*ret = is_null(reader) ? 0
			       : pg_wall_ms(reader->pg, reader->statement,
					    reader->row, reader->column);
	reader->column++;
	return true;
}

static bool read_uuid(struct row_reader *reader, struct order_id *ret)
{
	struct text bytes = column_text(reader);

	*ret = (struct order_id){ { 0 } };
	if (bytes.n == sizeof(ret->bytes))
		memcpy(ret->bytes, bytes.p, bytes.n);
	return true;
}

#define read_doneness(reader, ret) (!doneness_parse(ret, column_text(reader)))
#define read_verdict(reader, ret) (!verdict_parse(ret, column_text(reader)))
#define read_change_kind(reader, ret)                                          \
	(!stock_change_parse(ret, column_text(reader)))

/* Traces and ids are published as they came. A row that was damaged by hand
 * may have a text of any length: no more than the bound of it is copied. */
static bool read_as_is(struct row_reader *reader, struct text *ret)
{
	struct text text = column_text(reader);
	bool is_long = text.n > TEXT_MAX_BYTES;

	if (is_long)
		text.n = TEXT_MAX_BYTES;
	*ret = text.p ? copy_text(reader, text.p, text.n) : text;
	return !is_long;
}

#define read_text column_read_text

bool column_read_text(struct row_reader *reader, struct text *ret)
{
	return read_as_is(reader, ret) && !text_is_longer(*ret, TEXT_MAX_CHARS);
}

static bool read_name(struct row_reader *reader, struct text *ret)
{
	return read_text(reader, ret) && ret->n > 0;
}

static bool read_topic(struct row_reader *reader, struct text *ret)
{
	return read_text(reader, ret) && topic_find(*ret);
}

#define read_returned_order(reader, row) read_uuid(reader, &(row)->order_id)

static struct pg_elements next_array(struct row_reader *reader)
{
	return pg_elements(reader->pg, reader->statement, reader->row,
			   reader->column++);
}

/* The next element of both; false past the last, or when it is damaged. */
static bool next_item(struct row_reader *reader, struct pg_elements *names,
		      struct pg_elements *quantities, struct item *ret,
		      bool *ret_damaged)
{
	const char *p, *q;
	size_t n, m;
	int64_t quantity;

	if (!pg_next_element(names, &p, &n) ||
	    !pg_next_element(quantities, &q, &m))
		return false;
	quantity = pg_i64_of(q, m);
	ret->ingredient = copy_text(reader, p, n);
	ret->quantity = (int32_t)quantity;
	*ret_damaged = quantity < 1 || quantity > QUANTITY_MAX ||
		       ret->ingredient.n == 0 ||
		       text_is_longer(ret->ingredient, TEXT_MAX_CHARS);
	return !*ret_damaged;
}

static bool read_items(struct row_reader *reader, struct order_row *ret)
{
	struct pg_elements names = next_array(reader);
	struct pg_elements quantities = next_array(reader);
	struct item *items =
		arena_alloc(reader->arena, ORDER_ITEMS_MAX * sizeof(*items));
	struct item item;
	bool damaged = false;

	ret->items = items;
	while (next_item(reader, &names, &quantities, &item, &damaged)) {
		if (ret->n_items == ORDER_ITEMS_MAX)
			return false;
		items[ret->n_items++] = item;
	}
	return !damaged && ret->n_items > 0;
}

static bool read_missing(struct row_reader *reader, struct order_row *ret)
{
	struct pg_elements names = next_array(reader);
	struct pg_elements wanted = next_array(reader);
	struct pg_elements lefts = next_array(reader);
	bool damaged = false;
	struct item item;
	const char *l;
	size_t n;

	if (ret->verdict != VERDICT_REFUSED)
		return true;
	ret->missing = arena_alloc(reader->arena,
				   ORDER_ITEMS_MAX * sizeof(*ret->missing));
	while (next_item(reader, &names, &wanted, &item, &damaged) &&
	       pg_next_element(&lefts, &l, &n)) {
		int64_t left = l ? pg_i64_of(l, n) : MISSING_UNKNOWN;

		if (ret->n_missing == ORDER_ITEMS_MAX || (l && left < 0))
			return false;
		ret->missing[ret->n_missing++] =
			(struct missing){ item.ingredient, item.quantity,
					  left };
	}
	return !damaged && ret->n_missing > 0;
}

#define READ(n, column, type, form, field)                                     \
	whole &= read_##form(reader, &ret->field);
#define READ_WHOLE(n, column, type, form, field)                               \
	whole &= read_##form(reader, ret);

void order_read(struct row_reader *reader, struct order_row *ret)
{
	bool whole = true;

	*ret = (struct order_row){ 0 };
	reader->column = 0;
	ORDER_COLUMNS(READ, READ, READ_WHOLE, COLUMN_NONE, READ)
	ret->damaged = !whole;
	/* No stock is read for its items. */
	if (!whole)
		ret->n_items = 0;
}

void change_read(struct row_reader *reader, struct change_row *ret)
{
	bool whole = true;

	*ret = (struct change_row){ 0 };
	reader->column = 0;
	CHANGE_COLUMNS(READ, READ, READ_WHOLE)
	ret->damaged = !whole;
}
