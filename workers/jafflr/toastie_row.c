/* SPDX-License-Identifier: MIT */
/* Toastie row: the names of its states. */
#include "workers/jafflr/toastie_row.h"

static const char *const names[N_ROW_STATES] = {
	[ROW_COLLECTING] = "collecting",
	[ROW_CANCELLED] = "cancelled",
	[ROW_QUEUED] = "queued",
	[ROW_GRILLING] = "grilling",
	[ROW_DONE] = "done",
	[ROW_FAILED] = "failed",
	[ROW_UNCERTAIN] = "uncertain",
	[ROW_RETURNED] = "returned",
};

const char *row_state_name(enum row_state state)
{
	return names[state];
}

enum row_state row_state_parse(struct text name)
{
	int state = 0;

	while (state < N_ROW_STATES && !text_equal(text_of(names[state]), name))
		state++;
	return (enum row_state)state;
}
