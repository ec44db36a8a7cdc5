/* SPDX-License-Identifier: MIT */
/* Hold: exponential back-off with half of it left to chance. */
#include "workers/runtime/hold.h"

#include <string.h>

#include "infra/lib/str.h"

bool hold_on(struct hold *hold, const char *reason, int64_t now_ms,
	     uint32_t random)
{
	bool news = !hold->on || strcmp(hold->reason, reason) != 0;
	int64_t pause_ms = HOLD_FIRST_MS;

	for (unsigned int i = 0; i < hold->n_tries && pause_ms < HOLD_MOST_MS;
	     i++)
		pause_ms *= 2;
	if (pause_ms > HOLD_MOST_MS)
		pause_ms = HOLD_MOST_MS;
	pause_ms = pause_ms / 2 + (int64_t)(random % (uint32_t)pause_ms) / 2;
	if (!hold->on)
		hold->since_ms = now_ms;
	hold->on = true;
	hold->n_tries++;
	hold->until_ms = now_ms + pause_ms;
	(void)str_copy(hold->reason, sizeof(hold->reason), reason);
	return news;
}

bool hold_over(const struct hold *hold, int64_t now_ms)
{
	return !hold->on || now_ms >= hold->until_ms;
}

void hold_retry(struct hold *hold)
{
	hold->until_ms = 0;
}

void hold_end(struct hold *hold)
{
	*hold = (struct hold){ 0 };
}
