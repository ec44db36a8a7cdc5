/* SPDX-License-Identifier: MIT */
/*
 * Schedule: which queued toastie goes to which free plate. First come, first
 * grilled; a plate serves the stalls of its grill, and a demo stall never
 * reaches hardware. Pure.
 */
#ifndef JAFFLR_CHOICE_H
#define JAFFLR_CHOICE_H

#include "workers/jafflr/scheduler_tx.h"

/* A stall that is for trying things out. */
bool choice_is_demo(struct text stall);

struct choice_pair {
	size_t row, plate; /* indexes */
};

/* Fills @ret, which has room for @n_plates; gives the number of pairs. */
size_t choose_pairs(const struct toastie_row *rows, size_t n_rows,
		    const struct tx_plate *plates, size_t n_plates,
		    struct choice_pair *ret);

#endif
