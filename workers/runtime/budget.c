/* SPDX-License-Identifier: MIT */
/* Budget: what is under way is the same for all; the batches get the rest. */
#include "workers/runtime/budget.h"

#include <stdbool.h>

/* Larger transactions cost Postgres no less. */
#define BATCH_MAX 5000

/* These fit in 24 MiB; what fits in less is smaller by the same share. */
#define IDLE_MIB 11
#define USUAL_MIB 24
#define USUAL_FETCHED 1400
#define USUAL_FETCHED_KBYTES 700
#define USUAL_FETCH_BYTES 28672
#define USUAL_FACTS 1800
#define USUAL_BATCH 1000
/* What each MiB more is good for. */
#define BATCH_A_MIB 260
/* The largest batches fit: what is left goes into larger answers. */
#define AMPLE_MIB 40
#define AMPLE_FETCHED_KBYTES 1400
#define AMPLE_FETCH_BYTES 65536

static int64_t share(int64_t memory_mib, int64_t usual)
{
	if (memory_mib >= USUAL_MIB)
		return usual;
	return usual * (memory_mib - IDLE_MIB) / (USUAL_MIB - IDLE_MIB);
}

static int64_t batch_of(int64_t memory_mib)
{
	int64_t more_mib = memory_mib - USUAL_MIB;
	int64_t n = share(memory_mib, USUAL_BATCH);

	if (more_mib > 0)
		n += more_mib * BATCH_A_MIB;
	return n < BATCH_MAX ? n : BATCH_MAX;
}

struct budget budget_of(int64_t mib, int64_t batch_max)
{
	bool ample = mib >= AMPLE_MIB;

	return (struct budget){
		.fetched_max = share(mib, USUAL_FETCHED),
		.fetched_kbytes = ample ? AMPLE_FETCHED_KBYTES
					: share(mib, USUAL_FETCHED_KBYTES),
		.fetch_bytes = ample ? AMPLE_FETCH_BYTES
				     : share(mib, USUAL_FETCH_BYTES),
		.batch_max = (size_t)(batch_max ? batch_max : batch_of(mib)),
		.facts_max = (size_t)share(mib, USUAL_FACTS),
	};
}
