/* SPDX-License-Identifier: MIT */
/* Counters of the runtime: the table, made from its rows. */
#include "workers/runtime/counters.h"

/* clang-format off */
struct runtime_counters runtime_counters = {
#include "infra/lib/counters_rows.h"
#include "workers/runtime/counters.def"
#include "infra/lib/counters_end.h"
};
/* clang-format on */

void runtime_counters_register(void)
{
	counters_register((struct counter *)&runtime_counters,
			  sizeof(runtime_counters) / sizeof(struct counter));
}
