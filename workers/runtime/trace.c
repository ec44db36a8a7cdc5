/* SPDX-License-Identifier: MIT */
/* Trace: version, trace and flags stay, the parent is a hash of the id. */
#include "workers/runtime/trace.h"

#include <string.h>

#include "infra/lib/hash.h"
#include "infra/lib/str.h"

/* 00-<32 hex>-<16 hex>-<2 hex>: where the parent begins and ends. */
#define PARENT_AT ((size_t)36)
#define FLAGS_AT ((size_t)52)

struct text trace_next_hop(char room[static TRACE_BYTES],
			   struct text traceparent, const char *id)
{
	struct str trace = { .p = room, .size = TRACE_BYTES };
	uint64_t span = hash_bytes(id, strlen(id));

	if (traceparent.n != TRACE_BYTES - 1)
		return (struct text){ 0 };
	str_add(&trace, traceparent.p, PARENT_AT);
	str_add_hex(&trace, span ? span : 1);
	str_add(&trace, traceparent.p + FLAGS_AT, traceparent.n - FLAGS_AT);
	return (struct text){ trace.p, trace.n };
}
