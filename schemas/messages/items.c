/* SPDX-License-Identifier: MIT */
/* Items: the rows of both lists, and the header's text. */
#include "schemas/messages/items.h"

const struct field item_fields[ITEM_FIELDS] = {
	FIELD_TEXT(struct item, ingredient, MUST),
	FIELD_I32(struct item, quantity, MUST, 1, QUANTITY_MAX),
};

const struct field missing_fields[MISSING_FIELDS] = {
	FIELD_TEXT(struct missing, ingredient, MUST),
	FIELD_I32(struct missing, wanted, MUST, 1, QUANTITY_MAX),
	FIELD_I64(struct missing, left, NIL, 0, INT64_MAX),
};

static const struct text unknown = TEXT_INIT("unknown");

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

static void put(struct msgpack_writer *writer, struct text text)
{
	(void)msgpack_writer_write(writer, text.p, text.n);
}

static void put_name(struct msgpack_writer *writer, struct text name)
{
	static const char digits[] = "0123456789ABCDEF";
	char escape[3] = { '%' };

	for (size_t i = 0; i < name.n; i++) {
		if (is_unreserved(name.p[i])) {
			put(writer, (struct text){ name.p + i, 1 });
			continue;
		}
		escape[1] = digits[(uint8_t)name.p[i] >> 4];
		escape[2] = digits[(uint8_t)name.p[i] & 0xf];
		put(writer, (struct text){ escape, sizeof(escape) });
	}
}

int missing_encode(const struct missing *missing, size_t n_missing,
		   struct msgpack_writer *writer)
{
	char number[TEXT_I64_BYTES];

	for (size_t i = 0; i < n_missing; i++) {
		if (i > 0)
			put(writer, TEXT(";"));
		put_name(writer, missing[i].ingredient);
		put(writer, TEXT("="));
		put(writer, text_from_i64(number, missing[i].wanted));
		put(writer, TEXT("/"));
		put(writer, missing[i].left == MISSING_UNKNOWN
				    ? unknown
				    : text_from_i64(number, missing[i].left));
	}
	return msgpack_writer_result(writer);
}

/* The name @from, decoded into @names, which has TEXT_MAX_BYTES bytes. */
static bool read_name(struct text *ret, char *names, struct text from)
{
	struct text name;

	for (size_t i = 0; i < from.n; i++)
		if (from.p[i] != '%' && !is_unreserved(from.p[i]))
			return false;
	if (text_unescape(&name, names, TEXT_MAX_BYTES, from, '+') ||
	    name.n == 0 || !text_is_clean(name) ||
	    text_is_longer(name, TEXT_MAX_CHARS))
		return false;
	*ret = name;
	return true;
}

/* One of the list: name=wanted/left. */
static bool read_entry(struct missing *ret, char *names, struct text entry)
{
	struct text name = text_cut(&entry, '=');
	struct text wanted = text_cut(&entry, '/');
	int64_t number;

	if (!read_name(&ret->ingredient, names, name) ||
	    text_to_i64(&number, wanted, 1, QUANTITY_MAX) != 0)
		return false;
	ret->wanted = (int32_t)number;
	ret->left = MISSING_UNKNOWN;
	if (text_equal(entry, unknown))
		return true;
	return text_to_i64(&ret->left, entry, 0, INT64_MAX) == 0;
}

int missing_decode(struct missing *ret, size_t *ret_n, char *names,
		   struct text header, struct schema_fault *fault)
{
	size_t n = 0;

	while (header.n > 0) {
		if (n == ORDER_ITEMS_MAX)
			return schema_fail(fault, SCHEMA_E_CONTRACT,
					   "header missing must have at most "
					   "%d entries",
					   ORDER_ITEMS_MAX);
		if (!read_entry(&ret[n], names, text_cut(&header, ';')))
			return schema_fail(fault, SCHEMA_E_CONTRACT,
					   "header missing[%zu] must be "
					   "name=wanted/left",
					   n);
		names += ret[n].ingredient.n;
		n++;
	}
	*ret_n = n;
	return 0;
}
