/* SPDX-License-Identifier: MIT */
/*
 * Facts: what was decided is published. Poll thread, after the commit.
 *
 * Everything in a fact but its producer comes from the row, so that the fact
 * is the same however often, and by whichever worker, it is published.
 *
 * The facts of one record are bounded, however long the names in its order
 * are: at most ORDER_ITEMS_MAX of them, and RECORD_FACTS_MAX_BYTES together.
 * Of the lines of a v1 pick only the first one has a long list of what was
 * missing.
 */
#ifndef CHILLYBIN_FACTS_H
#define CHILLYBIN_FACTS_H

#include "workers/chillybin/decode.h"
#include "workers/runtime/publish.h"

enum {
	/* Keys, bodies and headers with their names, of one record. */
	RECORD_FACTS_MAX_BYTES = 327680,
	/* A longer list of what was missing stands on the first line alone. */
	MISSING_REPEATED_BYTES = 2048,
};

/* Where the long parts of a fact are built; the caller keeps one. */
struct facts_scratch {
	uint8_t body[PICK_MAX_BYTES];
	uint8_t missing[MISSING_HEADER_BYTES];
};

void facts_publish(const struct record *record, struct facts_scratch *scratch,
		   struct publisher *publisher);

#endif
