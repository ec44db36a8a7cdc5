/* SPDX-License-Identifier: MIT */
/*
 * Schedule: which queued toastie goes to which free plate. First come, first
 * grilled; a plate serves the stalls of its grill, and a demo stall never
 * reaches hardware. Pure.
 */
#ifndef JAFFLR_SCHEDULE_H
#define JAFFLR_SCHEDULE_H

#include "workers/jafflr/tick.h"

/* A stall that is for trying things out. */
bool schedule_is_demo(struct text stall);

struct schedule_pair {
	size_t row, plate; /* indexes */
};

/* Fills @ret, which has room for @n_plates; gives the number of pairs. */
size_t schedule(const struct toastie_row *rows, size_t n_rows,
		const struct tick_plate *plates, size_t n_plates,
		struct schedule_pair *ret);

#endif
