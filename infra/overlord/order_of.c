/* SPDX-License-Identifier: MIT */
/* Order of: an id or a number; see order_of.h. Main thread. */
#include "infra/overlord/order_of.h"

#include <string.h>

#include "infra/lib/str.h"
#include "infra/overlord/out.h"

/* -> order_id; a number is an order's in one incarnation of the topic only */
static const struct pg_statement order_by_number = {
	.name = "order_by_number",
	.sql = "SELECT order_id FROM orders WHERE number = $1 "
	       "UNION SELECT order_id FROM toasties WHERE number = $1",
	.n_args = 1,
};

static int by_number(const struct command *command, struct pg *pg,
		     const char *word, int64_t number, struct order_id *ret)
{
	struct pg_args args = { 0 };
	const char *p;
	size_t n;
	int i, r;

	pg_put_i64(pg_arg(&args), number);
	i = pg_add(pg, &order_by_number, &args);
	r = command_run(command, pg, "order");
	pg_args_deinit(&args);
	if (r)
		return r;
	if (pg_n_rows(pg, i) != 1) {
		out_error("%s order has the number '%s'",
			  pg_n_rows(pg, i) ? "more than one" : "no", word);
		return COMMAND_E_FAILED;
	}
	p = pg_bytes(pg, i, 0, 0, &n);
	memcpy(ret->bytes, p, sizeof(ret->bytes));
	return 0;
}

bool order_is_call_code(const char *word)
{
	return strlen(word) == CALL_CODE_CHARS &&
	       ((word[0] >= 'A' && word[0] <= 'Z') ||
		(word[0] >= 'a' && word[0] <= 'z')) &&
	       strspn(word + 1, "0123456789") == CALL_CODE_CHARS - 1;
}

int order_of(const struct command *command, struct pg *pg, const char *word,
	     struct order_id *ret)
{
	int64_t number;

	if (!order_id_parse(ret, word, strlen(word)))
		return 0;
	if (!str_to_i64(&number, word, 0, INT64_MAX))
		return by_number(command, pg, word, number, ret);
	if (order_is_call_code(word)) {
		out_error("'%s' is a call code, which more than one order may "
			  "have",
			  word);
		out_hint("overlord trace %s lists the newest of them", word);
		return COMMAND_E_FAILED;
	}
	return command_usage(command,
			     "order '%s' is neither an id nor a number", word);
}
