/* SPDX-License-Identifier: MIT */
/* Any thread. */
#include "itests/harness/until.h"

#include <poll.h>

#include "infra/lib/clock.h"

#define LOOK_EVERY_MS 10

bool until(int64_t timeout_ms, until_fn fn, void *arg)
{
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;
	int left_ms;

	while (!fn(arg)) {
		left_ms = clock_left_ms(deadline_at_ms);
		if (!left_ms)
			return false;
		(void)poll(NULL, 0,
			   left_ms < LOOK_EVERY_MS ? left_ms : LOOK_EVERY_MS);
	}
	return true;
}

int64_t since_ms(int64_t start_ms)
{
	return clock_now_ms() - start_ms;
}
