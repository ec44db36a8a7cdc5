/* SPDX-License-Identifier: MIT */
/*
 * Trace: W3C Trace Context: which traceparent goes on and as what, how much of
 * a tracestate, and where a trace begins: 00-<32 hex>-<16 hex>-01. Pure.
 */
#ifndef SCHEMAS_TRACE_H
#define SCHEMAS_TRACE_H

#include "infra/lib/text/text.h"
#include "schemas/order_id.h"

enum {
	TRACE_BYTES = 56, /* of a traceparent of version 00, and a NUL */
	TRACE_ID_AT = 3,
	TRACE_ID_CHARS = 32,
	TRACE_STATE_MAX_BYTES = 512,
	TRACE_STATE_MAX_MEMBERS = 32,
};

/*
 * What is understood of a traceparent: all of one of version 00, and what all
 * versions have in common of a later one, but ff, which is none. Absent: it is
 * not valid.
 */
struct text trace_parent(struct text text);

/* The same as version 00, in @out: what goes out. */
struct text trace_parent_00(char out[static TRACE_BYTES], struct text parent);

/* The same as bytes, for a table: trace, span, flags. SCHEMA_E_CONTRACT when
 * @parent is absent; absent when @bytes are not so many. */
enum { TRACE_PACKED_BYTES = 25 };
int trace_pack(uint8_t out[static TRACE_PACKED_BYTES], struct text parent);
struct text trace_unpack(char out[static TRACE_BYTES], struct text bytes);

/* The 32 digits that all programs log, and a NUL. Returns @out; NULL for what
 * is no traceparent. */
const char *trace_id(struct text parent, char out[static TRACE_ID_CHARS + 1]);

/* As many whole members of a tracestate as its bounds let through. */
struct text trace_state(struct text text);

/*
 * The trace that an event of a new id begins: its id is the trace's, and the
 * end of it the first span; the front of it when the end is of zeros, which no
 * id in a traceparent may be. Built in @out.
 */
struct text trace_begin(char out[static TRACE_BYTES],
			const struct order_id *id);

/*
 * What a fact carries: the trace of the record that it came from, under a span
 * that the fact's @id gives, so that it is the same however often the fact is
 * published. Built in @out; absent when @parent is.
 */
struct text trace_next_hop(char out[static TRACE_BYTES], struct text parent,
			   struct text id);

#endif
