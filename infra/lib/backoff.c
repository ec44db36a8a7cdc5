/* SPDX-License-Identifier: MIT */
/* Backoff: the pauses double up to a bound. */
#include "infra/lib/backoff.h"

#include <string.h>
#include <sys/random.h>

#include "infra/lib/text/str.h"

bool backoff_begin_with(struct backoff *backoff, const char *reason,
			int64_t now_ms, uint32_t random)
{
	bool news = !backoff->on || strcmp(backoff->reason, reason) != 0;
	int64_t pause_ms = BACKOFF_FIRST_MS;

	for (unsigned int i = 0;
	     i < backoff->n_tries && pause_ms < BACKOFF_MAX_MS; i++)
		pause_ms *= 2;
	if (pause_ms > BACKOFF_MAX_MS)
		pause_ms = BACKOFF_MAX_MS;
	pause_ms = pause_ms / 2 + (int64_t)(random % (uint32_t)pause_ms) / 2;
	if (!backoff->on)
		backoff->since_ms = now_ms;
	backoff->on = true;
	backoff->n_tries++;
	backoff->until_ms = now_ms + pause_ms;
	(void)str_copy(backoff->reason, sizeof(backoff->reason), reason);
	return news;
}

bool backoff_begin(struct backoff *backoff, const char *reason, int64_t now_ms)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return backoff_begin_with(backoff, reason, now_ms, random);
}

bool backoff_over(const struct backoff *backoff, int64_t now_ms)
{
	return !backoff->on || now_ms >= backoff->until_ms;
}

void backoff_retry(struct backoff *backoff)
{
	backoff->until_ms = 0;
}

void backoff_end(struct backoff *backoff)
{
	*backoff = (struct backoff){ 0 };
}
