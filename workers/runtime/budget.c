/* SPDX-License-Identifier: MIT */
/* Budget: shares of what an idle worker leaves. */
#include "workers/runtime/budget.h"

#define IDLE_MIB 11
/* Larger transactions cost Postgres no less. */
#define BATCH_MAX 5000
#define FETCH_BYTES_MAX ((int64_t)1 << 20)

/* These fit in 24 MiB. */
#define USUAL_MIB 24
#define USUAL_FETCHED 2000
#define USUAL_FETCHED_KBYTES 1024
#define USUAL_FETCH_BYTES 16384
#define USUAL_BATCH 1000
#define USUAL_FACTS 2000

static int64_t share(int64_t memory_mib, int64_t usual)
{
	return usual * (memory_mib - IDLE_MIB) / (USUAL_MIB - IDLE_MIB);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct budget budget_of(int64_t mib, int64_t batch_max)
{
	if (!batch_max)
		batch_max = least(share(mib, USUAL_BATCH), BATCH_MAX);
	return (struct budget){
		.fetched_max = share(mib, USUAL_FETCHED),
		.fetched_kbytes = share(mib, USUAL_FETCHED_KBYTES),
		.fetch_bytes =
			least(share(mib, USUAL_FETCH_BYTES), FETCH_BYTES_MAX),
		.batch_max = (size_t)batch_max,
		.facts_max = (size_t)share(mib, USUAL_FACTS),
	};
}
