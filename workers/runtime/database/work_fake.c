/* SPDX-License-Identifier: MIT */
/* Work fake: one job, never run. */
#include "workers/runtime/database/work_fake.h"

#include <assert.h>

#include "infra/lib/xalloc.h"

int work_new(struct work **ret, struct loop *loop)
{
	(void)loop;
	*ret = xcalloc(1, sizeof(**ret));
	return 0;
}

struct work *work_free(struct work *work)
{
	free(work);
	return NULL;
}

void work_submit(struct work *work, work_fn fn, void *arg)
{
	(void)arg;
	assert(!work->fn);
	work->fn = fn;
}

bool work_wait(struct work *work, int64_t timeout_ms, int *ret)
{
	(void)timeout_ms;
	if (!work->fn || work->hangs)
		return false;
	work->fn = NULL;
	*ret = work->answer;
	return true;
}

bool work_notified(struct work *work)
{
	bool notified = work->notified;

	work->notified = false;
	return notified;
}
