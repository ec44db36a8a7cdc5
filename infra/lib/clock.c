/* SPDX-License-Identifier: MIT */
/* Clock: the two clocks and the text of an instant. Any thread. */
#include "infra/lib/clock.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
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

/* The date and the time of the day; every digit stands in its place. */
static bool read_tm(const char *p, struct tm *ret)
{
	static const char shape[] = "0000-00-00T00:00:00";
	char text[sizeof(shape)];

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
		if (shape[i] == '0' ? !isdigit((unsigned char)p[i])
				    : p[i] != shape[i])
			return false;
	memcpy(text, p, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	*ret = (struct tm){ 0 };
	return strptime(text, "%Y-%m-%dT%H:%M:%S", ret) && ret->tm_sec <= 60;
}

int clock_from_rfc3339(int64_t *ret_wall_ms, const char *p, size_t n)
{
	const size_t n_whole = strlen("2026-01-31T12:00:00");
	struct tm tm, date;
	int ms = 0, unit = 100;

	if (n <= n_whole || p[n - 1] != 'Z' || !read_tm(p, &tm))
		return CLOCK_E_TEXT;
	if (n > n_whole + 1 && (p[n_whole] != '.' || n == n_whole + 2))
		return CLOCK_E_TEXT;
	for (size_t i = n_whole + 1; i < n - 1; i++) {
		if (!isdigit((unsigned char)p[i]))
			return CLOCK_E_TEXT;
		ms += (p[i] - '0') * unit;
		unit /= 10;
	}
	date = (struct tm){ .tm_year = tm.tm_year,
			    .tm_mon = tm.tm_mon,
			    .tm_mday = tm.tm_mday };
	(void)timegm(&date);
	if (date.tm_mday != tm.tm_mday)
		return CLOCK_E_TEXT; /* the 30th of February is one of March */
	*ret_wall_ms = (int64_t)timegm(&tm) * 1000 + ms;
	return 0;
}
