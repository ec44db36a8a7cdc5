/* SPDX-License-Identifier: MIT */
/*
 * Stock: what there is, and taking an ingredient off the menu.
 *
 * A row of 0 that goes leaves no sum wrong: stock is what the ledger tells
 * without what was picked, and of it that is nothing. Chillybin, which may have
 * read the row, finds that it is not as it was and reads again; an order for
 * the ingredient is refused, a restock makes the row anew. The row is locked
 * while it is looked at, and the audit row commits with the change. Main
 * thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"
#include "schemas/limits.h"

/* -> stall, ingredient, quantity */
static const struct pg_statement stock_all = {
	.name = "stock_all",
	.sql = "SELECT stall, ingredient, quantity FROM stock "
	       "WHERE $1::text IS NULL OR stall = $1 "
	       "ORDER BY stall, ingredient",
	.n_args = 1,
};

/* -> quantity */
static const struct pg_statement stock_lock = {
	.name = "stock_lock",
	.sql = "SELECT quantity FROM stock "
	       "WHERE stall = $1 AND ingredient = $2 FOR UPDATE",
	.n_args = 2,
};

static const struct pg_statement stock_delete = {
	.name = "stock_delete",
	.sql = "DELETE FROM stock "
	       "WHERE stall = $1 AND ingredient = $2 AND quantity = 0",
	.n_args = 2,
};

int cmd_stock_list(struct command *command)
{
	CLEANUP(out_freep)
	struct out *out = out_new("stock", command->options.json);
	CLEANUP(pg_freep) struct pg *pg = NULL;
	const char *stall = command->options.stall;
	struct pg_args args = { 0 };
	int i, r;

	out_column(out, "stall", OUT_TEXT);
	out_column(out, "ingredient", OUT_TEXT);
	out_column(out, "quantity", OUT_NUMBER);
	r = command_connect(&pg, command);
	if (r)
		return r;
	pg_put_text(pg_arg(&args), stall, stall ? strlen(stall) : 0);
	i = pg_add(pg, &stock_all, &args);
	r = command_run(command, pg, "stock");
	pg_args_deinit(&args);
	if (r)
		return r;
	out_rows(out, pg, i);
	if (!pg_n_rows(pg, i))
		out_say(stall ? "stall '%s' has no ingredients"
			      : "there are no ingredients",
			stall);
	return out_print(out);
}

/* ---- remove ---- */

struct run {
	const struct command *command;
	struct pg *pg;
	struct pg_args row; /* stall, ingredient */
	char what[2 * TEXT_MAX_BYTES + 2];
};

static int look(struct run *run)
{
	int64_t quantity;
	int i, r;

	(void)pg_add(run->pg, &pg_begin, NULL);
	i = pg_add(run->pg, &stock_lock, &run->row);
	r = command_run(run->command, run->pg, run->what);
	if (r)
		return r;
	if (!pg_n_rows(run->pg, i)) {
		out_error("there is no '%s' in stock", run->what);
		out_hint("overlord stock list shows what there is");
		return COMMAND_E_FAILED;
	}
	quantity = pg_i64(run->pg, i, 0, 0);
	if (quantity) {
		out_error("of '%s' there are %" PRId64 ": only what is empty "
			  "is taken off the menu",
			  run->what, quantity);
		out_hint("if there is none in truth: overlord restock STALL "
			 "INGREDIENT 0 --count --execute");
		return COMMAND_E_FAILED;
	}
	return 0;
}

static int remove_row(void *arg, size_t step, enum plan_result *ret)
{
	struct run *run = arg;
	struct buf what = { 0 };
	struct audit audit = { .before = "0" };
	int r;

	(void)step;
	(void)pg_add(run->pg, &stock_delete, &run->row);
	plan_json_pair(&what, "stock", run->what);
	audit.what = what.p;
	plan_audit(run->pg, run->command, &audit);
	(void)pg_add(run->pg, &pg_commit, NULL);
	r = command_run(run->command, run->pg, run->what);
	audit_deinit(&audit);
	buf_deinit(&what);
	*ret = plan_result_of(run->pg, r);
	return r;
}

int cmd_stock_remove(struct command *command)
{
	struct text stall = text_of(command->options.words[0]);
	struct text ingredient = text_of(command->options.words[1]);
	struct run run = { .command = command };
	struct plan plan = { 0 };
	int r;

	if (!stall.n || !ingredient.n || !text_is_clean(stall) ||
	    !text_is_clean(ingredient) ||
	    text_is_longer(stall, TEXT_MAX_CHARS) ||
	    text_is_longer(ingredient, TEXT_MAX_CHARS))
		return command_usage(command,
				     "'%.100s' and '%.100s' are to be "
				     "names",
				     stall.p, ingredient.p);
	pg_put_text(pg_arg(&run.row), stall.p, stall.n);
	pg_put_text(pg_arg(&run.row), ingredient.p, ingredient.n);
	(void)snprintf(run.what, sizeof(run.what), "%s/%s", stall.p,
		       ingredient.p);
	r = command_connect(&run.pg, command);
	if (!r)
		r = look(&run);
	if (!r) {
		plan_add(&plan, run.what, "0", "not on the menu");
		r = plan_run(&plan, command, remove_row, &run);
	}
	plan_deinit(&plan);
	pg_args_deinit(&run.row);
	run.pg = pg_free(run.pg);
	return r;
}
