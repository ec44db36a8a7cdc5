/* SPDX-License-Identifier: MIT */
/* A chillybin that takes ten times as long for an order, and more. */
#include <unistd.h>

#include "workers/chillybin/decide.h"

#define SLOW_US 20000

void __real_decide(void *arg, struct batch *batch);
void __wrap_decide(void *arg, struct batch *batch);

void __wrap_decide(void *arg, struct batch *batch)
{
	(void)usleep((useconds_t)(SLOW_US * batch->n_records));
	__real_decide(arg, batch);
}
