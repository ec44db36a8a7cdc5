/* SPDX-License-Identifier: MIT */
/* Clock: the two clocks and the text of an instant. Any thread. */
#include "infra/lib/clock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_now_ms(void)
{
	return clock_now_us() / 1000;
}

int64_t clock_wall_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int clock_left_ms(int64_t deadline_at_ms)
{
	int64_t left_ms = deadline_at_ms - clock_now_ms();

	if (left_ms < 0)
		return 0;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

static void format(int64_t wall_ms, char ret[CLOCK_RFC3339_MAX])
{
	/* Also before 1970 the milliseconds count forward. */
	int64_t ms = (wall_ms % 1000 + 1000) % 1000;
	time_t seconds = (time_t)((wall_ms - ms) / 1000);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&seconds, &tm);
	n = strftime(ret, CLOCK_RFC3339_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(ret + n, CLOCK_RFC3339_MAX - n, ".%03uZ",
		       (unsigned int)ms % 1000);
}

void clock_rfc3339(int64_t wall_ms, char ret[CLOCK_RFC3339_MAX])
{
	/* All facts of a batch are of one instant. */
	static _Thread_local int64_t last_ms = INT64_MIN;
	static _Thread_local char last[CLOCK_RFC3339_MAX];

	if (wall_ms != last_ms) {
		format(wall_ms, last);
		last_ms = wall_ms;
	}
	memcpy(ret, last, sizeof(last));
}
