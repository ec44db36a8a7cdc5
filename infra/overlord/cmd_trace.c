/* SPDX-License-Identifier: MIT */
/*
 * Trace: what became of one order, as a story in order of time; and dlq, the
 * records that could not be acted on: their bytes stand on <topic>.dlq and at
 * their place on the topic.
 *
 * Each line is one thing that is recorded: the verdict, the cancellation, the
 * toastie as it is now, each intent to start a plate, each change of stock,
 * and each record about it that could not be acted on. Main thread.
 */
#include <string.h>

#include "infra/overlord/verb.h"

/* By call code: so many orders are looked at, and so many shown. */
enum { CALLED_MAX = 10000, CALLED_SHOWN_MAX = 20 };

/* ---- by call code ---- */

static bool has_code(const struct verb *verb, int i, int row, const char *code)
{
	char other[CALL_CODE_CHARS + 1];
	struct order_id id;

	memcpy(id.bytes, verb_cell(verb, i, row, 0), sizeof(id.bytes));
	return !strcasecmp(order_call_code(&id, other), code);
}

/* A code is made of the id, and no column: the newest orders are gone through,
 * since those are the ones that are called. */
static int list_with_code(struct verb *verb, const char *code)
{
	static const struct out_column columns[] = {
		{ "order_id", OUT_ORDER_ID }, { "call", OUT_CALL_CODE },
		{ "number", OUT_NUMBER },     { "stall", OUT_TEXT },
		{ "customer", OUT_TEXT },     { "verdict", OUT_TEXT },
		{ "decided_at", OUT_TIME },   { NULL, 0 },
	};
	CLEANUP(out_freep)
	struct out *out = out_new("orders", verb->options.json, columns);
	int i = verb_add(verb, &sql_orders_newest,
			 VALUES(value_i64(CALLED_MAX)));
	int r = verb_send(verb, "orders"), n = 0;

	for (int row = 0; !r && row < pg_n_rows(verb->pg, i); row++)
		if (n < CALLED_SHOWN_MAX && has_code(verb, i, row, code)) {
			out_put_row(out, verb->pg, i, row);
			n++;
		}
	if (r)
		return r;
	if (!n)
		return verb_failed(
			NULL, "none of the newest %d orders is called '%s'",
			CALLED_MAX, code);
	out_say("more than one order may be called '%s', these are the newest",
		code);
	out_hint("overlord trace ORDER-ID shows what became of one");
	return out_print(out);
}

static int show_story(struct verb *verb, const struct order_id *order)
{
	struct out_column columns[] = {
		{ "at", OUT_TIME },
		{ "what", OUT_TEXT },
		{ "detail", OUT_TEXT },
		{ "where", OUT_TEXT },
		{ "order_id", OUT_ORDER_ID },
		{ "call", OUT_CALL_CODE },
		{ NULL, 0 },
	};
	CLEANUP(out_freep) struct out *out = NULL;
	char text[ORDER_ID_CHARS + 1], code[CALL_CODE_CHARS + 1];
	int i = verb_add(verb, &sql_order_story, VALUES(value_order(order)));
	int r = verb_send(verb, "trace");

	if (r)
		return r;
	/* A table has the order above it. */
	if (!verb->options.json)
		columns[4].name = NULL;
	out = out_new("trace", verb->options.json, columns);
	out_say("order %s, called %s", order_id_format(order, text),
		order_call_code(order, code));
	out_rows(out, verb->pg, i);
	if (!pg_n_rows(verb->pg, i))
		return verb_failed(
			"it may not have been decided yet: overlord status",
			"nothing is known of order '%s'",
			verb->options.operands[0]);
	return out_print(out);
}

int cmd_trace(struct verb *verb)
{
	const char *word = verb->options.operands[0];
	struct order_id order;
	int r = verb_connect(verb);

	if (!r && verb_is_call_code(word))
		return list_with_code(verb, word);
	if (!r)
		r = verb_order(verb, word, &order);
	return r ? r : show_story(verb, &order);
}

/* ---- dead letters ---- */

int cmd_dlq_list(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "at", OUT_TIME },
		{ "service", OUT_TEXT },
		{ "topic", OUT_TEXT },
		{ "partition", OUT_NUMBER },
		{ "offset", OUT_NUMBER },
		{ "reason", OUT_TEXT },
		{ "detail", OUT_TEXT },
		{ "event_id", OUT_TEXT },
		{ NULL, 0 },
	};
	const struct options *options = &verb->options;
	struct listing listing = {
		.name = "dead_letters",
		.statement = &sql_dead_letters_list,
		.columns = columns,
		.none = "there are no dead letters",
		.which = "newest",
		.limit = options->limit,
	};

	if (options->topic && !topic_find(text_of(options->topic)))
		return verb_usage(verb, "there is no topic '%s'",
				  options->topic);
	return verb_list(
		verb, &listing,
		VALUES(value_text(options->topic), value_i64(listing.limit)));
}
