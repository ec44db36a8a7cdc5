/* SPDX-License-Identifier: MIT */
/* Metrics: see metrics.h. */
#include "producers/storefront/metrics.h"

struct metrics metrics = {
#include "infra/lib/counters_rows.h"

#include "producers/storefront/counters.def"

#include "infra/lib/counters_end.h"
};

void metrics_register(void)
{
	/* The struct has counters only, so it is an array of them. */
	counters_register((struct counter *)&metrics,
			  sizeof(metrics) / sizeof(struct counter));
}
