/* SPDX-License-Identifier: MIT */
/*
 * Toastie: which there are, and a person decides what nobody is certain of.
 *
 * The row is changed only while it is still uncertain, and its seq rises, so
 * that the worker that has it publishes the change; the open intent is closed
 * with it. `returned` makes chillybin give the ingredients back, once. Main
 * thread.
 */
#include <string.h>

#include "infra/overlord/plan/plan.h"
#include "infra/overlord/verb.h"
#include "schemas/messages/toastie.h"

/* Which statement has the toasties of a state. NULL: there is no such state. */
static const struct pg_statement *statement_of(const char *name)
{
	static const struct text open[] = { TEXT_INIT("queued"),
					    TEXT_INIT("grilling"),
					    TEXT_INIT("parked"),
					    TEXT_INIT("uncertain") };
	/* Rows have some that no fact has. */
	static const struct text rest[] = { TEXT_INIT("all"),
					    TEXT_INIT("collecting"),
					    TEXT_INIT("cancelled") };
	enum toastie_state state;
	size_t i;

	if (!name || !text_index(&i, open, sizeof(open) / sizeof(open[0]),
				 text_of(name)))
		return &sql_toasties_open;
	if (!text_index(&i, rest, sizeof(rest) / sizeof(rest[0]),
			text_of(name)) ||
	    !toastie_state_parse(&state, text_of(name)))
		return &sql_toasties_all;
	return NULL;
}

int cmd_toastie_list(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "order_id", OUT_ORDER_ID }, { "call", OUT_CALL_CODE },
		{ "number", OUT_NUMBER },     { "stall", OUT_TEXT },
		{ "customer", OUT_TEXT },     { "state", OUT_TEXT },
		{ "cancelled", OUT_BOOL },    { "grill", OUT_TEXT },
		{ "plate", OUT_NUMBER },      { "since", OUT_TIME },
		{ "reason", OUT_TEXT },       { NULL, 0 },
	};
	const struct options *options = &verb->options;
	struct listing listing = {
		.name = "toasties",
		.statement = statement_of(options->state),
		.columns = columns,
		.none = "there are no such toasties",
		.which = "first",
		.limit = options->limit,
	};

	if (!listing.statement)
		return verb_usage(verb, "there is no state '%.100s'",
				  options->state);
	return verb_list(verb, &listing,
			 VALUES(value_text(options->state),
				value_text(options->stall),
				value_i64(listing.limit)));
}

/* ---- resolve ---- */

static int resolve(struct verb *verb, int i, const struct order_id *order)
{
	const char *const *operands = verb->options.operands;
	char id[ORDER_ID_CHARS + 1];

	if (!pg_n_rows(verb->pg, i))
		return verb_failed(NULL, "order '%s' has no toastie",
				   operands[0]);
	if (strcmp(verb_cell(verb, i, 0, 0), "uncertain") != 0)
		return verb_failed(
			NULL,
			"the toastie of order '%s' is '%s', not 'uncertain'",
			operands[0], verb_cell(verb, i, 0, 0));
	return change_run(
		verb,
		&(struct change){ .what = operands[0],
				  .now = "uncertain",
				  .then = operands[1],
				  .key = "order_id",
				  .id = order_id_format(order, id),
				  .before = verb_cell(verb, i, 0, 1),
				  .after = verb_cell(verb, i, 0, 2),
				  .statement = &sql_toastie_resolve,
				  .values = VALUES(value_order(order),
						   value_text(operands[1]),
						   value_text(verb->who)) });
}

int cmd_toastie_resolve(struct verb *verb)
{
	static const struct text states[] = { TEXT_INIT("done"),
					      TEXT_INIT("failed"),
					      TEXT_INIT("returned") };
	const char *const *operands = verb->options.operands;
	struct order_id order;
	size_t state;
	int i, r;

	if (text_index(&state, states, sizeof(states) / sizeof(states[0]),
		       text_of(operands[1])))
		return verb_usage(verb,
				  "'%s' is none of done, failed, returned",
				  operands[1]);
	r = verb_connect(verb);
	if (!r)
		r = verb_order(verb, operands[0], &order);
	if (!r)
		r = verb_lock(
			verb, &sql_toastie_lock,
			VALUES(value_order(&order), value_text(operands[1])),
			"toastie", &i);
	return r ? r : resolve(verb, i, &order);
}
