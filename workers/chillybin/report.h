/* SPDX-License-Identifier: MIT */
/*
 * Report: what chillybin shows people of its decisions. A line of the log for
 * each decided order, 200 a second at most, and with the next one how many
 * were left out; counters; and the stock, as a gauge. An order that comes again
 * is not decided again, so it is neither counted nor logged.
 *
 * The database thread reads the stock and the poll thread shows it. Between
 * report_read_stock() and report_show_stock() what was read belongs to the
 * database thread; nobody waits. All else is the poll thread's.
 */
#ifndef CHILLYBIN_REPORT_H
#define CHILLYBIN_REPORT_H

#include "infra/lib/log.h"
#include "infra/lib/postgres/pg.h"
#include "infra/lib/text/str.h"
#include "workers/chillybin/decode.h"

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

/* Returns what pg_run() returned. */
int report_read_stock(struct report *report, struct pg *pg);
void report_show_stock(struct report *report);

#endif
