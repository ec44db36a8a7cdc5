/* SPDX-License-Identifier: MIT */
/*
 * Toastie metrics: numbers for /metrics, and a line in the log for each
 * toastie that ended.
 *
 * The survey counts toasties by stall and by what they wait for, of all of the
 * shop and not of one worker: every jafflr says the same, and what no worker
 * holds is counted, too. The ends are those that this worker has published; an
 * end that is published again after a take-over may be logged again.
 */
#ifndef JAFFLR_TOASTIE_METRICS_H
#define JAFFLR_TOASTIE_METRICS_H

#include "infra/lib/log.h"
#include "infra/lib/text/str.h"
#include "workers/jafflr/toastie_row.h"

/* ---- survey ---- */

/* Stalls with rows of their own: those with uncertain toasties first, then
 * those with the most. All others are summed. */
enum { SURVEY_STALLS = 50, N_SURVEY_STATES = 5 };

struct survey_stall {
	const char *stall; /* NULL: all others */
	int64_t n[N_SURVEY_STATES];
};

/* { 0 } is one that was never read. */
struct survey {
	struct survey_stall stalls[SURVEY_STALLS + 1];
	size_t n_stalls;
	struct arena arena;
};

void survey_reset(struct survey *survey);
/* @n more in that state; @stall absent: at all other stalls. What is added for
 * one stall is added without another stall's between. */
void survey_add(struct survey *survey, struct text stall, struct text state,
		int64_t n);
/* In Prometheus' text format, appended. */
void survey_text(const struct survey *survey, struct buf *out);
void survey_deinit(struct survey *survey);

/* ---- ends ---- */

enum { ENDS_BUCKETS = 12, ENDS_LINES_A_SECOND = 200 };

/* Poll thread only. */
struct ends {
	struct log_limit lines;
	int64_t n[ENDS_BUCKETS + 1]; /* done, by how long they took */
	int64_t sum_ms;
};

#define ENDS_INIT                                                              \
	{                                                                      \
		.lines = {.a_second = ENDS_LINES_A_SECOND }                    \
	}

/* Once a process: what ends_note() counts is shown from then on. */
void ends_register(void);
/* @waited_ms: since it was queued; negative: not known. A row that is at no
 * end is passed over. */
void ends_note(struct ends *ends, const struct toastie_row *row,
	       int64_t waited_ms);
/* A histogram of how long customers waited, in the same format, appended. */
void ends_text(const struct ends *ends, struct buf *out);

#endif
