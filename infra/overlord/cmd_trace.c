/* SPDX-License-Identifier: MIT */
/*
 * Trace: what became of one order, as a story in order of time.
 *
 * Each line is one thing that is recorded: the verdict, the cancellation, the
 * toastie as it is now, each intent to start a plate, each change of stock,
 * and each record about it that could not be acted on. Main thread.
 */
#include <string.h>

#include "infra/overlord/command.h"
#include "infra/overlord/order_of.h"
#include "infra/overlord/out.h"

/* By call code: so many orders are looked at, and so many shown. */
enum { CALLED_MAX = 10000, CALLED_SHOWN_MAX = 20 };

/* -> at, what, detail, where, and the order's id twice: a row a recorded
 * thing, the oldest first */
static const struct pg_statement order_story = {
	.name = "order_story",
	.sql = "SELECT at, what, detail, place, $1::uuid, $1::uuid FROM ("
	       "SELECT decided_at AS at, 1 AS rank, verdict AS what, "
	       "format('number %s, stall %s, customer %s, %s, items %s%s', "
	       "number, "
	       "stall, coalesce(customer, '-'), doneness, items, "
	       "coalesce(', missing ' || missing::text, '')) AS detail, "
	       "format('orders/%s@%s', partition, \"offset\") AS place "
	       "FROM orders WHERE order_id = $1 "
	       "UNION ALL SELECT cancelled_at, 2, 'cancelled', "
	       "'the customer took it back', cancelled_position "
	       "FROM orders WHERE order_id = $1 AND cancelled_at IS NOT NULL "
	       "UNION ALL SELECT returned_at, 6, 'ingredients returned', "
	       "returned_event, NULL "
	       "FROM orders WHERE order_id = $1 AND returned_at IS NOT NULL "
	       "UNION ALL SELECT decided_at, 5, 'stock ' || kind, "
	       "format('%s of %s at %s', delta, ingredient, stall), "
	       "format('%s/%s@%s', topic, partition, \"offset\") "
	       "FROM stock_changes WHERE order_id = $1 "
	       "UNION ALL SELECT opened_at, 3, 'plate chosen', "
	       "format('grill %s plate %s, token %s, %s ms', grill, plate, "
	       "token, "
	       "time_ms), NULL FROM intents WHERE order_id = $1 "
	       "UNION ALL SELECT closed_at, 4, 'plate ' || coalesce(outcome, "
	       "'closed'), "
	       "format('grill %s plate %s, token %s', grill, plate, token), "
	       "NULL "
	       "FROM intents WHERE order_id = $1 AND closed_at IS NOT NULL "
	       "UNION ALL SELECT changed_at, 7, 'toastie ' || state, "
	       "format('grill %s plate %s, told %s of %s%s', coalesce(grill, "
	       "'-'), "
	       "coalesce(plate::text, '-'), published_seq, seq, "
	       "coalesce(', ' || reason, '')), "
	       "format('picks/%s@%s', partition, \"offset\") "
	       "FROM toasties WHERE order_id = $1 "
	       "UNION ALL SELECT at, 8, 'dead letter ' || reason, detail, "
	       "format('%s/%s@%s', topic, partition, \"offset\") "
	       "FROM dead_letters WHERE key = convert_to($1::text, 'UTF8')"
	       ") story ORDER BY at, rank",
	.n_args = 1,
};

/* ---- by call code ---- */

/* -> order_id, order_id, number, stall, customer, verdict, decided_at */
static const struct pg_statement orders_newest = {
	.name = "orders_newest",
	.sql = "SELECT order_id, order_id, number, stall, customer, verdict, "
	       "decided_at FROM orders ORDER BY number DESC LIMIT $1",
	.n_args = 1,
};

static bool has_code(const struct pg *pg, int i, int row, const char *code)
{
	char other[CALL_CODE_CHARS + 1];
	struct order_id id;
	size_t n;

	memcpy(id.bytes, pg_bytes(pg, i, row, 0, &n), sizeof(id.bytes));
	return !strcasecmp(order_call_code(&id, other), code);
}

/* A code is made of the id, and no column: the newest orders are gone through,
 * since it is they who are called. */
static int list_with_code(const struct command *command, struct pg *pg,
			  const char *code)
{
	CLEANUP(out_freep)
	struct out *out = out_new("orders", command->options.json);
	struct pg_args args = { 0 };
	int i, r, n = 0;

	out_column(out, "order_id", OUT_ORDER_ID);
	out_column(out, "call", OUT_CALL_CODE);
	out_column(out, "number", OUT_NUMBER);
	out_column(out, "stall", OUT_TEXT);
	out_column(out, "customer", OUT_TEXT);
	out_column(out, "verdict", OUT_TEXT);
	out_column(out, "decided_at", OUT_TIME);
	pg_put_i64(pg_arg(&args), CALLED_MAX);
	i = pg_add(pg, &orders_newest, &args);
	r = command_run(command, pg, "orders");
	pg_args_deinit(&args);
	for (int row = 0; !r && row < pg_n_rows(pg, i); row++)
		if (n < CALLED_SHOWN_MAX && has_code(pg, i, row, code)) {
			out_put_row(out, pg, i, row);
			n++;
		}
	if (r)
		return r;
	if (!n) {
		out_error("none of the newest %d orders is called '%s'",
			  CALLED_MAX, code);
		return COMMAND_E_FAILED;
	}
	out_say("more than one order may be called '%s', these are the newest",
		code);
	out_hint("overlord trace ORDER-ID tells what became of one");
	return out_print(out);
}

int cmd_trace(struct command *command)
{
	CLEANUP(out_freep)
	struct out *out = out_new("trace", command->options.json);
	CLEANUP(pg_freep) struct pg *pg = NULL;
	const char *word = command->options.words[0];
	struct pg_args args = { 0 };
	struct order_id order;
	char text[ORDER_ID_CHARS + 1], code[CALL_CODE_CHARS + 1];
	int i, r;

	out_column(out, "at", OUT_TIME);
	out_column(out, "what", OUT_TEXT);
	out_column(out, "detail", OUT_TEXT);
	out_column(out, "where", OUT_TEXT);
	if (command->options.json) {
		out_column(out, "order_id", OUT_ORDER_ID);
		out_column(out, "call", OUT_CALL_CODE);
	}
	r = command_connect(&pg, command);
	if (!r && order_is_call_code(word))
		return list_with_code(command, pg, word);
	if (!r)
		r = order_of(command, pg, word, &order);
	if (r)
		return r;
	pg_put_uuid(pg_arg(&args), order.bytes);
	i = pg_add(pg, &order_story, &args);
	r = command_run(command, pg, "trace");
	pg_args_deinit(&args);
	if (r)
		return r;
	out_say("order %s, called %s", order_id_format(&order, text),
		order_call_code(&order, code));
	out_rows(out, pg, i);
	if (!pg_n_rows(pg, i)) {
		out_error("nothing is known of order '%s'", word);
		out_hint("it may not have been decided yet: overlord status");
		return COMMAND_E_FAILED;
	}
	return out_print(out);
}
