/* SPDX-License-Identifier: MIT */
/*
 * Ends: what became of toasties, for people: a line in the log each, and a
 * histogram of how long customers waited. An end that is published again
 * after a take-over may be logged again. Poll thread only.
 */
#ifndef JAFFLR_ENDS_H
#define JAFFLR_ENDS_H

#include "infra/lib/log.h"
#include "infra/lib/str.h"
#include "workers/jafflr/toastie_row.h"

enum { ENDS_BUCKETS = 12, ENDS_LINES_A_SECOND = 200 };

struct ends {
	struct log_limit lines;
	int64_t n[ENDS_BUCKETS + 1]; /* done, by how long they took */
	int64_t sum_ms;
};

#define ENDS_INIT                                                              \
	{                                                                      \
		.lines = {.a_second = ENDS_LINES_A_SECOND }                    \
	}

/* @waited_ms: since it was queued; negative: not known. Rows that are at no
 * end are passed over. */
void ends_note(struct ends *ends, const struct toastie_row *row,
	       int64_t waited_ms);
/* The histogram in Prometheus' text format, appended. */
void ends_text(const struct ends *ends, struct buf *out);

#endif
