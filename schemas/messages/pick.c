/* SPDX-License-Identifier: MIT */
/*
 * Pick: the tables of both versions.
 *
 * A v1 line stands for its whole order: whichever line a reader has, its
 * headers say the verdict, who it is for and what was missing; a long list of
 * that stands on line 0 alone.
 */
#include "schemas/messages/pick.h"

#include <assert.h>

#include "schemas/msgpack/fields.h"

/* The body of version 1. */
struct line {
	struct order_id order_id;
	struct text ingredient;
	int32_t quantity, line, lines;
	bool picked;
	enum doneness doneness;
};

static const struct field v1_rows[] = {
	FIELD_UUID(struct line, order_id, MUST),
	FIELD_TEXT(struct line, ingredient, MUST),
	FIELD_I32(struct line, quantity, MUST, 1, QUANTITY_MAX),
	FIELD_I32(struct line, line, MUST, 0, ORDER_ITEMS_MAX - 1),
	FIELD_I32(struct line, lines, MUST, 1, ORDER_ITEMS_MAX),
	FIELD_BOOL(struct line, picked, MUST),
	FIELD_CHOICE(struct line, doneness, MUST, doneness_choice),
};

static const struct field_list item_list = {
	.of = item_fields,
	.n_of = ITEM_FIELDS,
	.element_bytes = sizeof(struct item),
	.n_at = offsetof(struct pick, n_items),
};

static const struct field_list missing_list = {
	.of = missing_fields,
	.n_of = MISSING_FIELDS,
	.element_bytes = sizeof(struct missing),
	.n_at = offsetof(struct pick, n_missing),
};

static const struct field v2_rows[] = {
	FIELD_UUID(struct pick, order_id, MUST),
	FIELD_I64(struct pick, number, MUST, 0, INT64_MAX),
	FIELD_TEXT(struct pick, stall, MUST),
	FIELD_TEXT(struct pick, customer, MAY),
	FIELD_LIST(struct pick, items, 1, ORDER_ITEMS_MAX, item_list),
	FIELD_CHOICE(struct pick, doneness, MUST, doneness_choice),
	FIELD_BOOL(struct pick, grill, MUST),
	FIELD_CHOICE(struct pick, verdict, MUST, verdict_choice),
	FIELD_TEXT(struct pick, reason, MAY),
	FIELD_LIST(struct pick, missing, 0, ORDER_ITEMS_MAX, missing_list),
};

enum {
	N_V1_ROWS = sizeof(v1_rows) / sizeof(v1_rows[0]),
	N_V2_ROWS = sizeof(v2_rows) / sizeof(v2_rows[0]),
};

static int v1_body(struct pick *pick, struct item *item,
		   const struct field_body *body, struct schema_fault *fault)
{
	struct line line;
	int r = fields_decode(&line, v1_rows, N_V1_ROWS, body, fault);

	if (r)
		return r;
	if (line.line >= line.lines)
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "line must be an integer from 0 to %d",
				   line.lines - 1);
	pick->order_id = line.order_id;
	pick->line = line.line;
	pick->lines = line.lines;
	pick->doneness = line.doneness;
	pick->verdict = line.picked ? VERDICT_PICKED : VERDICT_REFUSED;
	*item = (struct item){ line.ingredient, line.quantity };
	pick->n_items = 1;
	return 0;
}

/* What one line of a v1 pick cannot say. */
static int v1_headers(struct pick *pick, struct pick_storage *storage,
		      const struct envelope *envelope,
		      struct schema_fault *fault)
{
	char rule[CHOICE_RULE_BYTES];
	int r;

	pick->stall = envelope_stall(envelope);
	pick->customer = envelope->customer;
	pick->reason = envelope->reason;
	if (envelope->verdict.p &&
	    verdict_parse(&pick->verdict, envelope->verdict))
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header verdict %s",
				   choice_rule(&verdict_choice, rule));
	if (envelope->number.p &&
	    text_to_i64(&pick->number, envelope->number, 0, INT64_MAX))
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "header number must be a number from 0");
	r = envelope_grill(envelope, &pick->grill, fault);
	if (!r)
		r = missing_decode(storage->missing, &pick->n_missing,
				   storage->names, envelope->missing, fault);
	return r;
}

int pick_decode(struct pick *ret, struct pick_storage *storage,
		const struct envelope *envelope, const void *bytes, size_t n,
		struct schema_fault *fault)
{
	const struct field_body body = { bytes, n, PICK_MAX_BYTES };
	struct pick pick = { .number = PICK_NUMBER_NONE,
			     .seq = envelope->seq,
			     .version = envelope->version,
			     .lines = 1,
			     .grill = true,
			     .items = storage->items,
			     .missing = storage->missing };
	int r;

	assert(envelope->type == EVENT_PICK);
	if (envelope->version == 1) {
		r = v1_body(&pick, storage->items, &body, fault);
		if (!r)
			r = v1_headers(&pick, storage, envelope, fault);
	} else {
		r = fields_decode(&pick, v2_rows, N_V2_ROWS, &body, fault);
	}
	if (!r)
		*ret = pick;
	return r;
}

int pick_encode_v1(const struct pick *pick, size_t line,
		   struct msgpack_writer *writer)
{
	const struct line v1 = {
		.order_id = pick->order_id,
		.ingredient = pick->items[line].ingredient,
		.quantity = pick->items[line].quantity,
		.line = (int32_t)line,
		.lines = (int32_t)pick->n_items,
		.picked = pick->verdict == VERDICT_PICKED,
		.doneness = pick->doneness,
	};

	assert(line < pick->n_items);
	return fields_encode(&v1, v1_rows, N_V1_ROWS, writer);
}

int pick_encode_v2(const struct pick *pick, struct msgpack_writer *writer)
{
	return fields_encode(pick, v2_rows, N_V2_ROWS, writer);
}
