/* SPDX-License-Identifier: MIT */
/*
 * Order: its fields and its JSON, then its state. The state is a table that is
 * read from above: the first row that fits is the answer.
 */
#include "producers/storefront/orders/order.h"

#include <assert.h>
#include <inttypes.h>

#include "infra/lib/xalloc.h"

void order_init(struct order *order, const struct order_id *id)
{
	*order = (struct order){
		.id = *id,
		.number = ORDER_NUMBER_NONE,
		.facts = { .grill = true,
			   .toastie = ORDER_NO_TOASTIE,
			   .toastie_seq = -1 },
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

static void set_from(char **field, struct buf *buf)
{
	order_set(field, (struct text){ buf->p, buf->n });
	buf_deinit(buf);
}

void order_set_items(struct order *order, const struct item *items, size_t n)
{
	struct buf json = { 0 };

	buf_text(&json, "[");
	for (size_t i = 0; i < n; i++) {
		buf_text(&json, i ? ",{" : "{");
		buf_json_pair(&json, "ingredient", items[i].ingredient);
		buf_json_pair_i64(&json, "quantity", items[i].quantity);
		buf_text(&json, "}");
	}
	buf_text(&json, "]");
	set_from(&order->items, &json);
}

static void put_i64_or_null(struct buf *json, const char *key, int64_t value,
			    int64_t none)
{
	if (value == none)
		buf_json_pair(json, key, (struct text){ NULL, 0 });
	else
		buf_json_pair_i64(json, key, value);
}

void order_set_missing(struct order *order, const struct missing *missing,
		       size_t n)
{
	struct buf json = { 0 };

	buf_text(&json, "[");
	for (size_t i = 0; i < n; i++) {
		buf_text(&json, i ? ",{" : "{");
		buf_json_pair(&json, "ingredient", missing[i].ingredient);
		buf_json_pair_i64(&json, "wanted", missing[i].wanted);
		put_i64_or_null(&json, "left", missing[i].left,
				MISSING_UNKNOWN);
		buf_text(&json, "}");
	}
	buf_text(&json, "]");
	set_from(&order->missing, &json);
}

void order_set_plate(struct order *order, struct text grill, int64_t plate)
{
	struct buf text = { 0 };

	if (plate >= 0 && grill.n)
		buf_printf(&text, "%.*s/%" PRId64, (int)grill.n, grill.p,
			   plate);
	set_from(&order->plate, &text);
}

void order_name_json(const struct order_id *id, int64_t number, struct buf *out)
{
	char text[ORDER_ID_CHARS + 1], code[CALL_CODE_CHARS + 1];

	buf_text(out, "{");
	buf_json_pair(out, "order_id", text_of(order_id_format(id, text)));
	put_i64_or_null(out, "number", number, ORDER_NUMBER_NONE);
	buf_json_pair(out, "code", text_of(order_call_code(id, code)));
}

void order_json(const struct order *order, struct buf *out)
{
	const struct order_facts *facts = &order->facts;
	const char *state = order_state_name(order_state_of(facts));

	order_name_json(&order->id, order->number, out);
	buf_json_pair(out, "stall", text_of(order->stall));
	buf_json_pair(out, "customer", text_of(order->customer));
	buf_json_key(out, "items");
	buf_text(out, order->items ? order->items : "[]");
	buf_json_pair(out, "doneness", text_of(doneness_name(order->doneness)));
	buf_json_pair(out, "state", text_of(state));
	buf_json_key(out, "returned");
	buf_text(out, order_facts_returned(facts) ? "true" : "false");
	buf_json_key(out, "missing");
	buf_text(out, order->missing ? order->missing : "[]");
	buf_json_pair(out, "plate", text_of(order->plate));
	buf_text(out, "}");
}

/* ---- its state ---- */

enum wanted { NO, YES, ANY };

#define T(name) (1u << TOASTIE_##name)
#define NO_TOASTIE (1u << ORDER_NO_TOASTIE)
#define ANY_TOASTIE ((2u << ORDER_NO_TOASTIE) - 1)

struct row {
	enum verdict verdict;
	enum wanted grill, cancelled, returned;
	unsigned int toasties; /* a bit each */
	enum order_state state;
};

/* clang-format off */
static const struct row rows[] = {
	/* verdict	   grill cancelled returned toastie	state */
	{ VERDICT_NONE,	   ANY,	ANY,	ANY,	NO_TOASTIE,	ORDER_ACCEPTED },
	{ VERDICT_REFUSED, ANY,	ANY,	ANY,	ANY_TOASTIE,	ORDER_REFUSED },
	/* What happened on the grill is shown, also after a cancellation. A
	 * fact of the grill may arrive before the verdict. */
	{ VERDICT_PICKED,  ANY,	ANY,	ANY,	T(DONE),	ORDER_DONE },
	{ VERDICT_PICKED,  ANY,	ANY,	ANY,	T(FAILED),	ORDER_FAILED },
	{ VERDICT_PICKED,  ANY,	ANY,	ANY,	T(UNCERTAIN),	ORDER_UNCERTAIN },
	{ VERDICT_PICKED,  ANY,	ANY,	ANY,	T(GRILLING),	ORDER_GRILLING },
	/* Nothing was on a plate. What the customer cancelled stays cancelled,
	 * also when its ingredients are back. */
	{ VERDICT_PICKED,  ANY,	YES,	ANY,	ANY_TOASTIE,	ORDER_CANCELLED },
	{ VERDICT_PICKED,  ANY,	NO,	ANY,	T(RETURNED),	ORDER_RETURNED },
	{ VERDICT_PICKED,  ANY,	NO,	YES,	ANY_TOASTIE,	ORDER_RETURNED },
	{ VERDICT_PICKED,  NO,	NO,	NO,	ANY_TOASTIE,	ORDER_DONE },
	{ VERDICT_PICKED,  YES,	NO,	NO,	ANY_TOASTIE,	ORDER_QUEUED },
};
/* clang-format on */

static const struct {
	const char *name;
	bool final;
	const char *too_late; /* to cancel it; NULL: it is not */
} states[N_ORDER_STATES] = {
	[ORDER_ACCEPTED] = { "accepted", false, NULL },
	[ORDER_REFUSED] = { "refused", true,
			    "too late: the order was refused" },
	[ORDER_QUEUED] = { "queued", false, NULL },
	[ORDER_GRILLING] = { "grilling", false,
			     "too late: the toastie is on the grill" },
	[ORDER_DONE] = { "done", true, "too late: the order is done" },
	[ORDER_FAILED] = { "failed", true,
			   "too late: the toastie was spoiled on the grill" },
	[ORDER_UNCERTAIN] = { "uncertain", false,
			      "too late: the toastie has been on the grill" },
	[ORDER_RETURNED] = { "returned", true,
			     "too late: the order was given up, its "
			     "ingredients went back" },
	[ORDER_CANCELLED] = { "cancelled", false, NULL },
};

static bool fits(enum wanted wanted, bool value)
{
	return wanted == ANY || (wanted == YES) == value;
}

enum order_state order_state_of(const struct order_facts *facts)
{
	enum verdict verdict = facts->verdict;

	/* Only a picked order has a toastie. */
	if (verdict == VERDICT_NONE && facts->toastie != ORDER_NO_TOASTIE)
		verdict = VERDICT_PICKED;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		if (row->verdict == verdict && fits(row->grill, facts->grill) &&
		    fits(row->cancelled, facts->cancelled) &&
		    fits(row->returned, facts->returned) &&
		    (row->toasties & 1u << facts->toastie))
			return row->state;
	}
	assert(!"the table answers everything");
	return ORDER_ACCEPTED;
}

bool order_facts_returned(const struct order_facts *facts)
{
	return facts->returned || facts->toastie == TOASTIE_RETURNED;
}

bool order_facts_final(const struct order_facts *facts)
{
	enum order_state state = order_state_of(facts);

	if (state == ORDER_CANCELLED)
		return order_facts_returned(facts);
	return states[state].final;
}

const char *order_state_too_late(enum order_state state)
{
	return states[state].too_late;
}

const char *order_state_name(enum order_state state)
{
	return states[state].name;
}

bool order_facts_merge(struct order_facts *facts,
		       const struct order_facts *news)
{
	bool changed = false;

	if (facts->verdict == VERDICT_NONE && news->verdict != VERDICT_NONE) {
		facts->verdict = news->verdict;
		facts->grill = news->grill;
		changed = true;
	}
	if (news->cancelled && !facts->cancelled)
		facts->cancelled = changed = true;
	if (news->returned && !facts->returned)
		facts->returned = changed = true;
	if (news->toastie_seq > facts->toastie_seq) {
		changed |= news->toastie != facts->toastie;
		facts->toastie = news->toastie;
		facts->toastie_seq = news->toastie_seq;
	}
	return changed;
}
