/* SPDX-License-Identifier: MIT */
/*
 * Report: what chillybin tells people of its decisions. A line of the log for
 * each decided order, 200 a second at most, and with the next one how many
 * were left out; counters; and the stock, as a gauge.
 *
 * The stock is read by the database thread and shown by the poll thread.
 * Between report_read_stock() and report_show_stock() what was read is the
 * former's; nobody waits. All else is the poll thread's.
 */
#ifndef CHILLYBIN_REPORT_H
#define CHILLYBIN_REPORT_H

#include "infra/lib/log.h"
#include "infra/lib/pg.h"
#include "infra/lib/str.h"
#include "workers/chillybin/command.h"

enum { ORDERS_A_SECOND = 200 };

struct report {
	struct log_limit orders;
	struct buf read;  /* lines of /metrics */
	struct buf shown; /* the same, of the last time */
};

#define REPORT_INIT                                                            \
	{                                                                      \
		.orders = {.a_second = ORDERS_A_SECOND }                       \
	}

/* Borrows @report for ever: /metrics shows what is in it. */
void report_register(struct report *report);
void report_deinit(struct report *report);

/* A record that was decided now, and is committed. */
void report_decided(struct report *report, const struct record *record);

/* Gives what pg_run() gave. */
int report_read_stock(struct report *report, struct pg *pg);
void report_show_stock(struct report *report);

#endif
