/* SPDX-License-Identifier: MIT */
/* Any thread. */
#include "itests/harness/until.h"

#include <check.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "infra/lib/clock.h"

#define LOOK_EVERY_MS 10

int64_t within(int64_t timeout_ms)
{
	return clock_now_ms() + timeout_ms;
}

void wait_more(int64_t deadline_at_ms, const char *format, ...)
{
	int left_ms = clock_left_ms(deadline_at_ms);
	char what[4096];
	va_list args;

	if (!left_ms) {
		va_start(args, format);
		(void)vsnprintf(what, sizeof(what), format, args);
		va_end(args);
		ck_abort_msg("%s", what);
	}
	(void)poll(NULL, 0, left_ms < LOOK_EVERY_MS ? left_ms : LOOK_EVERY_MS);
}

int64_t since_ms(int64_t start_ms)
{
	return clock_now_ms() - start_ms;
}
