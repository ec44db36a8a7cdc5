/* SPDX-License-Identifier: MIT */
/*
 * View sql: the only SQL of this program, and what its rows mean: three views,
 * nothing else, and nothing is written.
 *
 * What is asked goes out with the session's next pg_run(); the statements are
 * numbered from 0 in the order in which they were asked. Any thread, each
 * session in one.
 */
#ifndef STOREFRONT_VIEW_SQL_H
#define STOREFRONT_VIEW_SQL_H

#include "infra/lib/pg.h"
#include "producers/storefront/orders/order.h"

enum view_sql_outcome { VIEW_SQL_E_NONE = 1 };

/* Borrow @args until pg_run() returns. */
void view_sql_order(struct pg *pg, struct pg_args *args,
		    const struct order_id *id);
void view_sql_stock(struct pg *pg, struct pg_args *args, const char *stall);
/* Fails unless all that is read here can be read. */
void view_sql_check(struct pg *pg);

/* Into @order, which has its id only. VIEW_SQL_E_NONE: there is none. */
int view_sql_read_order(const struct pg *pg, int statement,
			struct order *order);
/* Appends {"bread":10,"cheese":9}, names sorted by their bytes. */
void view_sql_read_stock(const struct pg *pg, int statement, struct buf *json);

#endif
