/* SPDX-License-Identifier: MIT */
/* Metrics: the counters of this program, from counters.def. Any thread. */
#ifndef STOREFRONT_METRICS_H
#define STOREFRONT_METRICS_H

#include "infra/lib/counters.h"

struct metrics {
#include "infra/lib/counters_fields.h"

#include "producers/storefront/counters.def"

#include "infra/lib/counters_end.h"
};

extern struct metrics metrics;

void metrics_register(void);

#endif
