/* SPDX-License-Identifier: MIT */
/* Decode: a checked record into a command. Poll thread; no clock, no I/O. */
#ifndef CHILLYBIN_DECODE_H
#define CHILLYBIN_DECODE_H

#include "workers/chillybin/command.h"

/* @arg is the share of customers, in percent, that get version 2 picks.
 * Positive: SCHEMA_E_*. */
int chillybin_decode(int64_t pick_v2_percent, struct batch *batch,
		     struct record *record, struct schema_fault *fault);

#endif
