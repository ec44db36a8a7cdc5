/* SPDX-License-Identifier: MIT */
/* A chillybin that ends at the first order. */
#include <unistd.h>

#include "workers/chillybin/decide.h"

void __real_decide(void *arg, struct batch *batch);
void __wrap_decide(void *arg, struct batch *batch);

void __wrap_decide(void *arg, struct batch *batch)
{
	if (batch->n_records)
		_exit(3);
	__real_decide(arg, batch);
}
