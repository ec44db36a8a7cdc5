/* SPDX-License-Identifier: MIT */
/*
 * Trace: what became of one order, as a story in order of time.
 *
 * Each line is one thing that is recorded: the verdict, the cancellation, the
 * toastie as it is now, each intent to start a plate, each change of stock,
 * and each record about it that could not be acted on. Main thread.
 */
#include "infra/overlord/command.h"
#include "infra/overlord/order_of.h"
#include "infra/overlord/out.h"

/* -> at, what, detail, where: a row a recorded thing, the oldest first */
static const struct pg_statement order_story = {
	.name = "order_story",
	.sql = "SELECT at, what, detail, place FROM ("
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

int cmd_trace(struct command *command)
{
	CLEANUP(out_freep)
	struct out *out = out_new("trace", command->options.json);
	CLEANUP(pg_freep) struct pg *pg = NULL;
	struct pg_args args = { 0 };
	struct order_id order;
	char text[ORDER_ID_CHARS + 1];
	int i, r;

	out_column(out, "at", OUT_TIME);
	out_column(out, "what", OUT_TEXT);
	out_column(out, "detail", OUT_TEXT);
	out_column(out, "where", OUT_TEXT);
	r = command_connect(&pg, command);
	if (!r)
		r = order_of(command, pg, command->options.words[0], &order);
	if (r)
		return r;
	pg_put_uuid(pg_arg(&args), order.bytes);
	i = pg_add(pg, &order_story, &args);
	r = command_run(command, pg, "trace");
	pg_args_deinit(&args);
	if (r)
		return r;
	out_say("order %s", order_id_format(&order, text));
	out_rows(out, pg, i);
	if (!pg_n_rows(pg, i)) {
		out_error("nothing is known of order '%s'",
			  command->options.words[0]);
		out_hint("it may not have been decided yet: overlord status");
		return COMMAND_E_FAILED;
	}
	return out_print(out);
}
