/* SPDX-License-Identifier: MIT */
/*
 * Pick: see pick.h.
 *
 * A v1 line stands for its whole order: whichever line a reader has, its
 * headers tell the verdict, who it is for and what was missing; a long list of
 * that stands on line 0 alone.
 */
#include "schemas/pick.h"

#include <assert.h>

#include "schemas/body.h"
#include "schemas/items.h"

enum v1_key {
	V1_ORDER_ID,
	V1_INGREDIENT,
	V1_QUANTITY,
	V1_LINE,
	V1_LINES,
	V1_PICKED,
	V1_DONENESS,
	N_V1_KEYS,
};

static const struct text v1_keys[] = {
	[V1_ORDER_ID] = TEXT_INIT("order_id"),
	[V1_INGREDIENT] = TEXT_INIT("ingredient"),
	[V1_QUANTITY] = TEXT_INIT("quantity"),
	[V1_LINE] = TEXT_INIT("line"),
	[V1_LINES] = TEXT_INIT("lines"),
	[V1_PICKED] = TEXT_INIT("picked"),
	[V1_DONENESS] = TEXT_INIT("doneness"),
};

enum v2_key {
	V2_ORDER_ID,
	V2_NUMBER,
	V2_STALL,
	V2_CUSTOMER,
	V2_ITEMS,
	V2_DONENESS,
	V2_GRILL,
	V2_VERDICT,
	V2_REASON,
	V2_MISSING,
	N_V2_KEYS,
};

static const struct text v2_keys[] = {
	[V2_ORDER_ID] = TEXT_INIT("order_id"),
	[V2_NUMBER] = TEXT_INIT("number"),
	[V2_STALL] = TEXT_INIT("stall"),
	[V2_CUSTOMER] = TEXT_INIT("customer"),
	[V2_ITEMS] = TEXT_INIT("items"),
	[V2_DONENESS] = TEXT_INIT("doneness"),
	[V2_GRILL] = TEXT_INIT("grill"),
	[V2_VERDICT] = TEXT_INIT("verdict"),
	[V2_REASON] = TEXT_INIT("reason"),
	[V2_MISSING] = TEXT_INIT("missing"),
};

enum missing_key { INGREDIENT, WANTED, LEFT, N_MISSING_KEYS };

static const struct text missing_keys[] = {
	[INGREDIENT] = TEXT_INIT("ingredient"),
	[WANTED] = TEXT_INIT("wanted"),
	[LEFT] = TEXT_INIT("left"),
};

static int read_doneness(const struct fields *fields, size_t key,
			 enum doneness *ret)
{
	struct text name;
	int r;

	r = fields_text(fields, key, &name);
	if (r == 0 && doneness_parse(ret, name) != 0)
		r = fields_fail(fields, key, DONENESS_RULE);
	return r;
}

static int v1_body(struct pick *pick, struct item *item, bool *ret_picked,
		   const struct fields *fields)
{
	int r;

	r = fields_order_id(fields, V1_ORDER_ID, &pick->order_id);
	if (r == 0)
		r = fields_text(fields, V1_INGREDIENT, &item->ingredient);
	if (r == 0)
		r = fields_i32(fields, V1_QUANTITY, 1, QUANTITY_MAX,
			       &item->quantity);
	if (r == 0)
		r = fields_i32(fields, V1_LINES, 1, ORDER_ITEMS_MAX,
			       &pick->lines);
	if (r == 0)
		r = fields_i32(fields, V1_LINE, 0, pick->lines - 1,
			       &pick->line);
	if (r == 0)
		r = fields_bool(fields, V1_PICKED, ret_picked);
	if (r == 0)
		r = read_doneness(fields, V1_DONENESS, &pick->doneness);
	return r;
}

/* What one line of a v1 pick cannot say. */
static int v1_headers(struct pick *pick, struct pick_room *room, bool picked,
		      const struct envelope *envelope,
		      struct schema_fault *fault)
{
	int r;

	pick->stall = envelope_stall(envelope);
	pick->customer = envelope->customer;
	pick->reason = envelope->reason;
	pick->verdict = picked ? VERDICT_PICKED : VERDICT_REFUSED;
	if (envelope->verdict.p &&
	    verdict_parse(&pick->verdict, envelope->verdict) != 0)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header verdict " VERDICT_RULE);
	if (envelope->number.p &&
	    text_to_i64(&pick->number, envelope->number, 0, INT64_MAX) != 0)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header number must be a number from 0");
	r = envelope_grill(envelope, &pick->grill, fault);
	if (r == 0)
		r = missing_decode(room->missing, &pick->n_missing, room->names,
				   envelope->missing, fault);
	return r;
}

static int v1_read(struct pick *pick, struct pick_room *room,
		   const struct envelope *envelope, const struct fields *fields)
{
	bool picked = false;
	int r;

	r = v1_body(pick, room->items, &picked, fields);
	if (r == 0)
		r = v1_headers(pick, room, picked, envelope, fields->fault);
	pick->n_items = 1;
	return r;
}

static int v2_items(struct pick *pick, struct item *items,
		    const struct fields *fields)
{
	struct items list;
	int r;

	r = items_open(&list, fields, V2_ITEMS, ORDER_ITEMS_MAX);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = items_read(&list, &items[i]);
	if (r == 0)
		pick->n_items = list.n;
	return r;
}

static int v2_missing(struct pick *pick, struct missing *missing,
		      const struct fields *fields)
{
	struct fields one = { .keys = missing_keys,
			      .n_keys = N_MISSING_KEYS,
			      .list = "missing",
			      .fault = fields->fault };
	struct body list;
	size_t n;
	int r;

	r = fields_list(fields, V2_MISSING, 0, ORDER_ITEMS_MAX, &n, &list);
	if (r != 0)
		return r;
	for (; one.index < n; one.index++, missing++) {
		missing->left = MISSING_UNKNOWN;
		r = fields_read(&one, &list);
		if (r == 0)
			r = fields_text(&one, INGREDIENT, &missing->ingredient);
		if (r == 0)
			r = fields_i32(&one, WANTED, 1, QUANTITY_MAX,
				       &missing->wanted);
		if (r == 0)
			r = fields_i64_if_any(&one, LEFT, 0, INT64_MAX,
					      &missing->left);
		if (r != 0)
			return r;
	}
	pick->n_missing = n;
	return 0;
}

static int v2_verdict(struct pick *pick, const struct fields *fields)
{
	struct text name;
	int r;

	r = fields_text(fields, V2_VERDICT, &name);
	if (r == 0 && verdict_parse(&pick->verdict, name) != 0)
		r = fields_fail(fields, V2_VERDICT, VERDICT_RULE);
	if (r == 0)
		r = fields_text_if_any(fields, V2_REASON, &pick->reason);
	return r;
}

static int v2_read(struct pick *pick, struct pick_room *room,
		   const struct fields *fields)
{
	int r;

	r = fields_order_id(fields, V2_ORDER_ID, &pick->order_id);
	if (r == 0)
		r = fields_i64(fields, V2_NUMBER, 0, INT64_MAX, &pick->number);
	if (r == 0)
		r = fields_text(fields, V2_STALL, &pick->stall);
	if (r == 0)
		r = fields_text_if_any(fields, V2_CUSTOMER, &pick->customer);
	if (r == 0)
		r = v2_verdict(pick, fields);
	if (r == 0)
		r = v2_items(pick, room->items, fields);
	if (r == 0)
		r = read_doneness(fields, V2_DONENESS, &pick->doneness);
	if (r == 0)
		r = fields_bool(fields, V2_GRILL, &pick->grill);
	if (r == 0)
		r = v2_missing(pick, room->missing, fields);
	return r;
}

int pick_decode(struct pick *ret, struct pick_room *room,
		const struct envelope *envelope, const void *bytes, size_t n,
		struct schema_fault *fault)
{
	struct pick pick = { .number = PICK_NUMBER_NONE,
			     .seq = envelope->seq,
			     .version = envelope->version,
			     .lines = 1,
			     .grill = true,
			     .items = room->items,
			     .missing = room->missing };
	bool is_v1 = envelope->version == 1;
	struct fields fields = { .keys = is_v1 ? v1_keys : v2_keys,
				 .n_keys = is_v1 ? N_V1_KEYS : N_V2_KEYS,
				 .max_bytes = PICK_MAX_BYTES,
				 .fault = fault };
	int r;

	assert(envelope->type == EVENT_PICK);
	r = fields_open(&fields, bytes, n);
	if (r == 0 && is_v1)
		r = v1_read(&pick, room, envelope, &fields);
	else if (r == 0)
		r = v2_read(&pick, room, &fields);
	if (r == 0)
		*ret = pick;
	return r;
}

int pick_encode_v1(const struct pick *pick, size_t line,
		   struct msgpack_writer *writer)
{
	assert(line < pick->n_items);
	msgpack_put_map(writer, N_V1_KEYS);
	msgpack_put_text(writer, v1_keys[V1_ORDER_ID]);
	msgpack_put_order_id(writer, &pick->order_id);
	msgpack_put_text(writer, v1_keys[V1_INGREDIENT]);
	msgpack_put_text(writer, pick->items[line].ingredient);
	msgpack_put_text(writer, v1_keys[V1_QUANTITY]);
	msgpack_put_i64(writer, pick->items[line].quantity);
	msgpack_put_text(writer, v1_keys[V1_LINE]);
	msgpack_put_i64(writer, (int64_t)line);
	msgpack_put_text(writer, v1_keys[V1_LINES]);
	msgpack_put_i64(writer, (int64_t)pick->n_items);
	msgpack_put_text(writer, v1_keys[V1_PICKED]);
	msgpack_put_bool(writer, pick->verdict == VERDICT_PICKED);
	msgpack_put_text(writer, v1_keys[V1_DONENESS]);
	msgpack_put_text(writer, text_of(doneness_name(pick->doneness)));
	return msgpack_writer_result(writer);
}

static void put_missing(const struct pick *pick, struct msgpack_writer *writer)
{
	const struct missing *missing;

	msgpack_put_text(writer, v2_keys[V2_MISSING]);
	msgpack_put_array(writer, pick->n_missing);
	for (size_t i = 0; i < pick->n_missing; i++) {
		missing = &pick->missing[i];
		msgpack_put_map(writer, N_MISSING_KEYS);
		msgpack_put_text(writer, missing_keys[INGREDIENT]);
		msgpack_put_text(writer, missing->ingredient);
		msgpack_put_text(writer, missing_keys[WANTED]);
		msgpack_put_i64(writer, missing->wanted);
		msgpack_put_text(writer, missing_keys[LEFT]);
		if (missing->left == MISSING_UNKNOWN)
			msgpack_put_nil(writer);
		else
			msgpack_put_i64(writer, missing->left);
	}
}

int pick_encode_v2(const struct pick *pick, struct msgpack_writer *writer)
{
	msgpack_put_map(writer,
			8u + (pick->customer.n > 0) + (pick->reason.n > 0));
	msgpack_put_text(writer, v2_keys[V2_ORDER_ID]);
	msgpack_put_order_id(writer, &pick->order_id);
	msgpack_put_text(writer, v2_keys[V2_NUMBER]);
	msgpack_put_i64(writer, pick->number);
	msgpack_put_text(writer, v2_keys[V2_STALL]);
	msgpack_put_text(writer, pick->stall);
	msgpack_put_text_if_any(writer, v2_keys[V2_CUSTOMER], pick->customer);
	msgpack_put_text(writer, v2_keys[V2_ITEMS]);
	items_put(writer, pick->items, pick->n_items);
	msgpack_put_text(writer, v2_keys[V2_DONENESS]);
	msgpack_put_text(writer, text_of(doneness_name(pick->doneness)));
	msgpack_put_text(writer, v2_keys[V2_GRILL]);
	msgpack_put_bool(writer, pick->grill);
	msgpack_put_text(writer, v2_keys[V2_VERDICT]);
	msgpack_put_text(writer, text_of(verdict_name(pick->verdict)));
	msgpack_put_text_if_any(writer, v2_keys[V2_REASON], pick->reason);
	put_missing(pick, writer);
	return msgpack_writer_result(writer);
}
