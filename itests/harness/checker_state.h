/* SPDX-License-Identifier: MIT */
/*
 * Checker state: what the parts of the checker share; see checker.h.
 */
#ifndef HARNESS_CHECKER_STATE_H
#define HARNESS_CHECKER_STATE_H

#include "infra/lib/table.h"
#include "itests/harness/bus.h"
#include "itests/harness/checker.h"
#include "schemas/messages/choices.h"

/* A row of `orders` with its toastie, and what the topics say of it. */
struct check_order {
	struct order_id id;
	bool picked, grill, cancelled, returned;
	int32_t partition;
	int64_t offset, number;
	uint64_t content_hash;
	int64_t n_items, pick_version;
	char state[16]; /* the toastie's, "" without one */
	int64_t toastie_seq, published_seq;
	/* From the topics: */
	bool asked; /* its record has been seen */
	size_t n_verdicts, n_cancelled;
	int64_t last_toastie_seq;
	char last_state[16];
	size_t n_starts, n_dones;
};

struct check {
	struct world *world;
	const struct check_params *params;
	struct check_result result;
	struct bus_log orders, restocks, picks, ledger, toasties, dlq;
	struct check_order *rows; /* by id */
	size_t n_rows;
	struct buf faults;
	size_t n_faults;
};

void check_fault(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* NULL: there is no such row. */
struct check_order *check_find(const struct check *check,
			       const struct order_id *id);

/* ---- checker_facts.c ---- */

void check_picks(struct check *check);
void check_toasties(struct check *check);
void check_starts(struct check *check);
/* Facts of `ledger` against the tables. */
void check_ledger(struct check *check);

#endif
