/* SPDX-License-Identifier: MIT */
/*
 * Facts: what was decided, told. Poll thread, after the commit.
 *
 * Everything in a fact but its producer comes from the row, so that it is
 * the same however often, and by whomever, it is told.
 */
#ifndef CHILLYBIN_FACTS_H
#define CHILLYBIN_FACTS_H

#include "workers/chillybin/command.h"
#include "workers/runtime/publish.h"

/* Where the long parts of a fact are built; the caller keeps one. */
struct facts_room {
	uint8_t body[131072];
	uint8_t missing[MISSING_HEADER_BYTES];
};

void facts_of(const struct record *record, struct facts_room *room,
	      struct publisher *publisher);

#endif
