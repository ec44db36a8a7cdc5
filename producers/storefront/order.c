/* SPDX-License-Identifier: MIT */
/* Order: see order.h. Any thread, each order in one at a time. */
#include "producers/storefront/order.h"

#include <inttypes.h>

#include "infra/lib/pg.h"
#include "infra/lib/xalloc.h"

void order_init(struct order *order, const struct order_id *id)
{
	*order = (struct order){
		.id = *id,
		.number = ORDER_NUMBER_NONE,
		.facts = { .grill = true, .toastie_seq = -1 },
	};
}

void order_of_placed(struct order *order, const struct order_placed *placed)
{
	order_init(order, &placed->order_id);
	order_set(&order->stall, placed->stall);
	order_set(&order->customer, placed->customer);
	order_set_items(order, placed->items, placed->n_items);
	order->doneness = placed->doneness;
	order->facts.grill = placed->grill;
}

void order_deinit(struct order *order)
{
	free(order->stall);
	free(order->customer);
	free(order->items);
	free(order->missing);
	free(order->plate);
	order->stall = order->customer = NULL;
	order->items = order->missing = order->plate = NULL;
}

void order_set(char **field, struct text text)
{
	free(*field);
	*field = text.n ? xalloc_check(strndup(text.p, text.n)) : NULL;
}

static void set_json(char **field, struct buf *json)
{
	order_set(field, (struct text){ json->p, json->n });
	buf_deinit(json);
}

void order_set_items(struct order *order, const struct item *items, size_t n)
{
	struct buf json = { 0 };

	buf_text(&json, "[");
	for (size_t i = 0; i < n; i++) {
		buf_text(&json, i ? ",{\"ingredient\":" : "{\"ingredient\":");
		buf_json_text(&json, items[i].ingredient.p,
			      items[i].ingredient.n);
		buf_printf(&json, ",\"quantity\":%" PRId32 "}",
			   items[i].quantity);
	}
	buf_text(&json, "]");
	set_json(&order->items, &json);
}

void order_set_missing(struct order *order, const struct missing *missing,
		       size_t n)
{
	struct buf json = { 0 };

	buf_text(&json, "[");
	for (size_t i = 0; i < n; i++) {
		buf_text(&json, i ? ",{\"ingredient\":" : "{\"ingredient\":");
		buf_json_text(&json, missing[i].ingredient.p,
			      missing[i].ingredient.n);
		buf_printf(&json, ",\"wanted\":%" PRId32 ",\"left\":",
			   missing[i].wanted);
		if (missing[i].left == MISSING_UNKNOWN)
			buf_text(&json, "null}");
		else
			buf_printf(&json, "%" PRId64 "}", missing[i].left);
	}
	buf_text(&json, "]");
	set_json(&order->missing, &json);
}

void order_set_plate(struct order *order, struct text grill, int64_t plate)
{
	struct buf text = { 0 };

	if (plate >= 0 && grill.n) {
		buf_add(&text, grill.p, grill.n);
		buf_printf(&text, "/%" PRId64, plate);
	}
	set_json(&order->plate, &text);
}

static void text_or_null(struct buf *out, const char *name, const char *s)
{
	buf_printf(out, ",\"%s\":", name);
	if (s)
		buf_json_text(out, s, strlen(s));
	else
		buf_text(out, "null");
}

void order_name_json(const struct order_id *id, int64_t number, struct buf *out)
{
	char text[ORDER_ID_CHARS + 1], code[CALL_CODE_CHARS + 1];

	buf_printf(out, "{\"order_id\":\"%s\",\"number\":",
		   order_id_format(id, text));
	if (number == ORDER_NUMBER_NONE)
		buf_text(out, "null");
	else
		buf_printf(out, "%" PRId64, number);
	buf_printf(out, ",\"code\":\"%s\"", order_call_code(id, code));
}

void order_json(const struct order *order, struct buf *out)
{
	order_name_json(&order->id, order->number, out);
	text_or_null(out, "stall", order->stall);
	text_or_null(out, "customer", order->customer);
	buf_printf(out, ",\"items\":%s,\"doneness\":\"%s\",\"state\":\"%s\"",
		   order->items ? order->items : "[]",
		   doneness_name(order->doneness),
		   order_state_name(order_state_of(&order->facts)));
	buf_printf(out, ",\"returned\":%s,\"missing\":%s",
		   order_facts_returned(&order->facts) ? "true" : "false",
		   order->missing ? order->missing : "[]");
	text_or_null(out, "plate", order->plate);
	buf_text(out, "}");
}
