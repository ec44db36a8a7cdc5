/* SPDX-License-Identifier: MIT */
/*
 * Decide: inputs and the rows they rest on -> verdicts, changes of stock, and
 * what is left.
 *
 * Pure: no clock, no I/O. Between topics no order is promised: stock commands
 * come first, then orders and cancellations in the order in which they stand,
 * and returns last, since their order may be in the same batch. An order gets
 * all of its ingredients, or it is refused with what was missing and how much
 * was left; later orders see what earlier ones reserved. An order that was
 * decided before keeps its recorded verdict and reserves nothing: a restock
 * between two deliveries must not change the answer. Out of stock is an answer,
 * not a failure. The same id with other content is a dead letter.
 *
 * On the fast path nothing was read: decide() believes that every id is new
 * and that the stock covers everything, and the database objects when that is
 * wrong.
 */
#ifndef CHILLYBIN_DECIDE_H
#define CHILLYBIN_DECIDE_H

#include "workers/chillybin/decode.h"

/* May be called again for the same batch, when the rows were read anew. */
void decide(void *arg, struct batch *batch);

#endif
