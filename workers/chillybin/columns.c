/* SPDX-License-Identifier: MIT */
/* Columns: a function to write and one to read for each form of a value. */
#include "workers/chillybin/columns.h"

#include <string.h>

#include "schemas/topics.h"
#include "schemas/trace.h"

/* Of a list: what ends an entry, what escapes that and itself in a name, and a
 * number that nobody knows. */
#define LIST_END ';'
#define LIST_ESCAPE '%'
#define LIST_UNKNOWN "?"

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
#define write_hash(to, hash) pg_put_i64(to, (int64_t)(hash))
#define write_small(to, number) pg_put_i16(to, (int16_t)(number))
#define write_partition pg_put_i32
#define write_flag pg_put_bool
#define write_instant pg_put_wall_ms
#define write_text column_put_text
#define write_name column_put_text
#define write_as_is column_put_text
#define write_topic column_put_text
#define write_trace column_put_trace
/* A byte: the first letter of the name. */
#define write_doneness(to, it) pg_put_bytes(to, doneness_name(it), 1)
#define write_verdict(to, it) pg_put_bytes(to, verdict_name(it), 1)
#define write_change_kind(to, it)                                              \
	column_put_text(to, text_of(stock_change_name(it)))

/* As it came, in version 00, without the dashes. */
void column_put_trace(struct buf *to, struct text parent)
{
	uint8_t bytes[TRACE_PACKED_BYTES];

	if (trace_pack(bytes, parent))
		pg_put_null(to);
	else
		pg_put_bytes(to, bytes, sizeof(bytes));
}

/* ---- lists: entries with ';' between them, and the name at the end ---- */

static bool is_escaped(char c)
{
	return c == LIST_END || c == LIST_ESCAPE;
}

size_t order_list_bytes(const struct item *items, size_t n_items)
{
	size_t n = 0;

	for (size_t i = 0; i < n_items; i++) {
		const struct text *name = &items[i].ingredient;

		n += name->n + 2 * TEXT_I64_BYTES;
		for (size_t k = 0; k < name->n; k++)
			n += is_escaped(name->p[k]) ? strlen("3B") : 0;
	}
	return n;
}

static void put_name(struct buf *to, struct text name)
{
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++) {
		if (!is_escaped(name.p[i]))
			continue;
		buf_add(to, name.p + n, i - n);
		buf_text(to, name.p[i] == LIST_END ? "%3B" : "%25");
		n = i + 1;
	}
	buf_add(to, name.p + n, name.n - n);
}

static void write_items(struct buf *to, const struct order_row *order)
{
	size_t value = pg_value_begin(to);

	for (size_t i = 0; i < order->n_items; i++) {
		if (i > 0)
			buf_text(to, ";");
		buf_i64(to, order->items[i].quantity);
		buf_text(to, " ");
		put_name(to, order->items[i].ingredient);
	}
	pg_value_end(to, value);
}

static void write_missing(struct buf *to, const struct order_row *order)
{
	size_t value;

	if (!order->n_missing) {
		pg_put_null(to);
		return;
	}
	value = pg_value_begin(to);
	for (size_t i = 0; i < order->n_missing; i++) {
		const struct missing *missing = &order->missing[i];

		if (i > 0)
			buf_text(to, ";");
		buf_i64(to, missing->wanted);
		buf_text(to, "/");
		if (missing->left == MISSING_UNKNOWN)
			buf_text(to, LIST_UNKNOWN);
		else
			buf_i64(to, missing->left);
		buf_text(to, " ");
		put_name(to, missing->ingredient);
	}
	pg_value_end(to, value);
}

static void write_returned_order(struct buf *to, const struct change_row *row)
{
	if (row->kind == STOCK_CHANGE_RETURNED)
		write_uuid(to, row->order_id);
	else
		pg_put_null(to);
}

#define WRITE(n, column, type, form, field)                                    \
	write_##form(place(writer, n), row->field);
#define WRITE_WHOLE(n, column, type, form, field)                              \
	write_##form(place(writer, n), row);

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
READ_NUMBERS(hash, uint64_t, true)
READ_NUMBERS(small, int, true)
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

/* A byte as the first letter of a name: which one? */
#define READ_LETTER(type)                                                      \
	static bool read_##type(struct row_reader *reader, enum type *ret)     \
	{                                                                      \
		struct text letter = column_text(reader);                      \
                                                                               \
		for (size_t i = 0; i < type##_choice.n; i++) {                 \
			*ret = (enum type)i;                                   \
			if (letter.n == 1 && letter.p[0] &&                    \
			    letter.p[0] == type##_name(*ret)[0])               \
				return true;                                   \
		}                                                              \
		return false;                                                  \
	}
READ_LETTER(doneness)
READ_LETTER(verdict)
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

static bool read_trace(struct row_reader *reader, struct text *ret)
{
	struct text bytes = column_text(reader);
	char parent[TRACE_BYTES];

	*ret = trace_unpack(parent, bytes);
	if (ret->p)
		*ret = copy_text(reader, ret->p, ret->n);
	return ret->p || !bytes.p;
}

/* What stands behind the numbers of an entry. */
static bool read_entry_name(const struct row_reader *reader, struct text *ret,
			    struct text entry)
{
	char *name;

	if (entry.n == 0 || entry.n > 3 * TEXT_MAX_BYTES)
		return false;
	name = arena_alloc(reader->arena, entry.n);
	return !text_unescape(ret, name, entry.n, entry, '+') &&
	       text_is_clean(*ret) && !text_is_longer(*ret, TEXT_MAX_CHARS);
}

static bool read_quantity(int32_t *ret, struct text text)
{
	int64_t quantity = 0;

	if (text_to_i64(&quantity, text, 1, QUANTITY_MAX))
		return false;
	*ret = (int32_t)quantity;
	return true;
}

static bool read_items(struct row_reader *reader, struct order_row *ret)
{
	struct text list = column_text(reader);
	struct item *items =
		arena_alloc(reader->arena, ORDER_ITEMS_MAX * sizeof(*items));

	ret->items = items;
	while (list.n > 0 && ret->n_items < ORDER_ITEMS_MAX) {
		struct text entry = text_cut(&list, LIST_END);
		struct item *item = &items[ret->n_items++];

		if (!read_quantity(&item->quantity, text_cut(&entry, ' ')) ||
		    !read_entry_name(reader, &item->ingredient, entry))
			return false;
	}
	return ret->n_items > 0 && list.n == 0;
}

static bool read_missing(struct row_reader *reader, struct order_row *ret)
{
	struct text list = column_text(reader);

	if (ret->verdict != VERDICT_REFUSED)
		return true;
	ret->missing = arena_alloc(reader->arena,
				   ORDER_ITEMS_MAX * sizeof(*ret->missing));
	while (list.n > 0 && ret->n_missing < ORDER_ITEMS_MAX) {
		struct text entry = text_cut(&list, LIST_END);
		struct missing *missing = &ret->missing[ret->n_missing++];
		struct text wanted = text_cut(&entry, '/');
		struct text left = text_cut(&entry, ' ');

		missing->left = MISSING_UNKNOWN;
		if (!read_quantity(&missing->wanted, wanted) ||
		    !read_entry_name(reader, &missing->ingredient, entry) ||
		    (!text_equal(left, TEXT(LIST_UNKNOWN)) &&
		     text_to_i64(&missing->left, left, 0, INT64_MAX)))
			return false;
	}
	return ret->n_missing > 0 && list.n == 0;
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
	whole &= !order_number(&ret->number, 0, ret->offset, ret->partition,
			       TOPIC_PARTITIONS);
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
