/* SPDX-License-Identifier: MIT */
/*
 * Work fake: work.h without a thread and a database. A job is noted and not
 * run; it is over when it is asked for, with what the test says. For tests;
 * linked in place of work.c (infra/dev/fakes.mk).
 */
#ifndef RUNTIME_WORK_FAKE_H
#define RUNTIME_WORK_FAKE_H

#include "workers/runtime/database/work.h"

struct work {
	work_fn fn; /* of the job in hand; NULL: none */
	/* What the test says. */
	int answer;
	bool hangs; /* the job in hand is not over */
	bool notified;
};

#endif
