/* SPDX-License-Identifier: MIT */
/*
 * Trace: W3C trace context over a hop. A fact belongs to the trace of what it
 * came from, under a span of its own that its id gives, so that it is the
 * same however often it is told. The tracestate is its writers' own and goes
 * on as it came. Pure.
 */
#ifndef RUNTIME_TRACE_H
#define RUNTIME_TRACE_H

#include "schemas/trace.h"

/* Built in @room; absent when @traceparent is. */
struct text trace_next_hop(char room[static TRACE_BYTES],
			   struct text traceparent, const char *id);

#endif
