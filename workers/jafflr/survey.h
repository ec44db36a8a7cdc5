/* SPDX-License-Identifier: MIT */
/*
 * Survey: how many toasties there are in each state by stall, of all of the
 * shop and not of one worker: every jafflr says the same, and what nobody
 * holds is seen, too.
 */
#ifndef JAFFLR_SURVEY_H
#define JAFFLR_SURVEY_H

#include "infra/lib/arena.h"
#include "infra/lib/pg.h"
#include "infra/lib/str.h"

/* Stalls with a row of their own: those with uncertain toasties first, then
 * those with the most. All others are summed. */
enum { SURVEY_STALLS = 50 };

enum survey_state {
	SURVEY_QUEUED,    /* waits for a plate */
	SURVEY_UNSERVED,  /* the same, and no grill serves its stall */
	SURVEY_GRILLING,  /* on a plate, or on its way there */
	SURVEY_PARKED,    /* uncertain until its plate is heard of again */
	SURVEY_UNCERTAIN, /* until a person decides */
	N_SURVEY_STATES,
};

struct survey_stall {
	const char *stall; /* NULL: all others */
	int64_t n[N_SURVEY_STATES];
};

/* { 0 } is one that nobody has made yet. */
struct survey {
	struct survey_stall stalls[SURVEY_STALLS + 1];
	size_t n_stalls;
	struct arena arena;
};

/* Database thread. Gives what pg_run() gave; @survey is empty then. */
int survey_read(struct survey *survey, struct pg *pg);
/* In Prometheus' text format, appended. */
void survey_text(const struct survey *survey, struct buf *out);
void survey_deinit(struct survey *survey);

#endif
