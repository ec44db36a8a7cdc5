/* SPDX-License-Identifier: MIT */
/*
 * Toastie: which there are, and a person decides what nobody is certain of.
 *
 * The row is changed only while it is still uncertain, and its seq rises, so
 * that the worker that has it publishes the change; the open intent is closed
 * with it. `returned` makes chillybin give the ingredients back, once. Main
 * thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/overlord/plan.h"
#include "infra/overlord/verb.h"
#include "schemas/toastie.h"

/* Of each state that may be asked for: which statement has it. NULL: there is
 * no such state. */
static const struct pg_statement *statement_of(const char *name)
{
	static const char *const open[] = { "queued", "grilling", "parked",
					    "uncertain" };
	/* Rows have some that no fact has. */
	static const char *const rest[] = { "all", "collecting", "cancelled" };
	enum toastie_state state;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (!name || !strcmp(name, open[i]))
			return &sql_toasties_open;
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		if (!strcmp(name, rest[i]))
			return &sql_toasties_all;
	return toastie_state_parse(&state, text_of(name)) ? NULL
							  : &sql_toasties_all;
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

static void write_resolved(struct verb *verb, const void *arg)
{
	struct value order = value_order(arg);
	struct value state = value_text(verb->options.operands[1]);

	(void)verb_add(verb, &sql_toastie_resolve,
		       VALUES(order, state, value_text(verb->who)));
	(void)verb_add(verb, &sql_intent_close, VALUES(order, state));
}

static int resolve(struct verb *verb, int i, const struct order_id *order)
{
	const char *const *operands = verb->options.operands;
	char id[ORDER_ID_CHARS + 1], before[80], after[80];
	int64_t seq;

	if (!pg_n_rows(verb->pg, i))
		return verb_failed(NULL, "order '%s' has no toastie",
				   operands[0]);
	if (strcmp(verb_cell(verb, i, 0, 0), "uncertain") != 0)
		return verb_failed(
			NULL,
			"the toastie of order '%s' is '%s', not 'uncertain'",
			operands[0], verb_cell(verb, i, 0, 0));
	seq = pg_i64(verb->pg, i, 0, 1);
	(void)snprintf(before, sizeof(before),
		       "{\"state\": \"uncertain\", \"seq\": %" PRId64 "}", seq);
	(void)snprintf(after, sizeof(after),
		       "{\"state\": \"%s\", \"seq\": %" PRId64 "}", operands[1],
		       seq + 1);
	return change_run(verb,
			  &(struct change){ .what = operands[0],
					    .now = "uncertain",
					    .then = operands[1],
					    .key = "order_id",
					    .id = order_id_format(order, id),
					    .before = before,
					    .after = after,
					    .write = write_resolved,
					    .arg = order });
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
		r = verb_lock(verb, &sql_toastie_lock,
			      VALUES(value_order(&order)), "toastie", &i);
	return r ? r : resolve(verb, i, &order);
}
