/* SPDX-License-Identifier: MIT */
/*
 * Order of: which order a person means, by its id or by its number.
 */
#ifndef OVERLORD_ORDER_OF_H
#define OVERLORD_ORDER_OF_H

#include "infra/lib/pg.h"
#include "infra/overlord/command.h"
#include "schemas/order_id.h"

/* "K042", in either case? */
bool order_is_call_code(const char *word);

/*
 * An id is taken as it is, known or not; a number must be an order's.
 * A call code may be several orders': it is refused. COMMAND_E_USAGE,
 * COMMAND_E_FAILED: said.
 */
int order_of(const struct command *command, struct pg *pg, const char *word,
	     struct order_id *ret);

#endif
