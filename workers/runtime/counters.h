/* SPDX-License-Identifier: MIT */
/* Counters of the runtime; the rows are in counters.def. */
#ifndef RUNTIME_COUNTERS_H
#define RUNTIME_COUNTERS_H

#include "infra/lib/counters.h"

/* clang-format off */
struct runtime_counters {
#define COUNTERS_DEF "workers/runtime/counters.def"
#include "infra/lib/counters_def.h"
};
/* clang-format on */

extern struct runtime_counters runtime_counters;

void runtime_counters_register(void);

#endif
