/* SPDX-License-Identifier: MIT */
/*
 * Trace: where a trace begins, in W3C's form: 00-<32 hex>-<16 hex>-01.
 */
#ifndef SCHEMAS_TRACE_H
#define SCHEMAS_TRACE_H

#include "schemas/order_id.h"
#include "schemas/text.h"

enum { TRACE_BYTES = 56 };

/* The trace that an event of a new id begins: its id is the trace's, and the
 * end of it the first span. Built in @room. */
struct text trace_begin(char room[static TRACE_BYTES],
			const struct order_id *id);

#endif
