/* SPDX-License-Identifier: MIT */
/*
 * Stock: what there is, and taking an ingredient off the menu.
 *
 * A row of 0 may go without a sum becoming wrong: stock is what the ledger
 * says without what was picked, and of this ingredient that is nothing.
 * Chillybin, which may have read the row, finds that it has changed and reads
 * again; an order for the ingredient is refused, a restock makes the row anew.
 * Main thread.
 */
#include <inttypes.h>
#include <stdio.h>

#include "infra/overlord/plan.h"
#include "infra/overlord/verb.h"
#include "schemas/limits.h"
#include "schemas/stock_command.h"

int cmd_stock_list(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "stall", OUT_TEXT },
		{ "ingredient", OUT_TEXT },
		{ "quantity", OUT_NUMBER },
		{ NULL, 0 },
	};
	const char *stall = verb->options.stall;
	struct buf none = { 0 };
	int r;

	if (stall)
		buf_printf(&none, "stall '%s' has no ingredients", stall);
	else
		buf_text(&none, "there are no ingredients");
	buf_add(&none, "", 1);
	r = verb_list(verb,
		      &(struct listing){ .name = "stock",
					 .statement = &sql_stock_all,
					 .columns = columns,
					 .none = none.p },
		      VALUES(value_text(stall)));
	buf_deinit(&none);
	return r;
}

/* ---- remove ---- */

#define STOCK_ROW(verb)                                                        \
	VALUES(value_text((verb)->options.words[0]),                           \
	       value_text((verb)->options.words[1]))

static void delete_row(struct verb *verb, const void *arg)
{
	(void)arg;
	(void)verb_add(verb, &sql_stock_delete, STOCK_ROW(verb));
}

/* The row @i is what was locked. */
static int check_empty(const struct verb *verb, int i, const char *what)
{
	int64_t quantity;

	if (!pg_n_rows(verb->pg, i))
		return verb_failed("overlord stock list shows what there is",
				   "there is no '%s' in stock", what);
	quantity = pg_i64(verb->pg, i, 0, 0);
	if (quantity)
		return verb_failed(
			"if there is none in truth: overlord restock STALL "
			"INGREDIENT 0 --count --execute",
			"of '%s' there are %" PRId64 ": only what is empty "
			"is taken off the menu",
			what, quantity);
	return 0;
}

static bool is_name(struct text text)
{
	return text.n && text_is_clean(text) &&
	       !text_is_longer(text, TEXT_MAX_CHARS);
}

int cmd_stock_remove(struct verb *verb)
{
	struct text stall = text_of(verb->options.words[0]);
	struct text ingredient = text_of(verb->options.words[1]);
	char what[STOCK_KEY_BYTES];
	int i, r;

	if (!is_name(stall) || !is_name(ingredient))
		return verb_usage(verb, "'%.100s' and '%.100s' are to be names",
				  stall.p, ingredient.p);
	(void)snprintf(what, sizeof(what), "%s/%s", stall.p, ingredient.p);
	r = verb_connect(verb);
	if (r)
		return r;
	(void)verb_add(verb, &pg_begin, NULL);
	i = verb_add(verb, &sql_stock_lock, STOCK_ROW(verb));
	r = verb_send(verb, what);
	if (!r)
		r = check_empty(verb, i, what);
	if (r)
		return r;
	return change_run(verb, &(struct change){ .what = what,
						  .now = "0",
						  .then = "not on the menu",
						  .key = "stock",
						  .before = "0",
						  .after = "",
						  .write = delete_row });
}
