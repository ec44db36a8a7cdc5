/* SPDX-License-Identifier: MIT */
/* Decode: a checked record into a command. Poll thread; no clock, no I/O. */
#ifndef CHILLYBIN_DECODE_H
#define CHILLYBIN_DECODE_H

#include "workers/chillybin/command.h"

enum { CHILLYBIN_TOPICS = 3 };

/* What it reads; a slot's topic is an index into these. */
extern const enum topic_id chillybin_topics[CHILLYBIN_TOPICS];

/* @pick_v2_percent: share of customers that get version 2 picks. A type that
 * stands on another topic than its own is poison: where a record stands is its
 * number, and a cancellation's name. Positive: SCHEMA_E_*. */
int chillybin_decode(int64_t pick_v2_percent, struct batch *batch,
		     struct record *record, struct schema_fault *fault);

#endif
