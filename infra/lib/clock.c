/* SPDX-License-Identifier: MIT */
/* Clock: the two clocks and the text of an instant. Any thread. */
#include "infra/lib/clock.h"

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

/* Digits of a fixed number; -1 when there is anything else. */
static int digits(const char *p, size_t n)
{
	int value = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

/* Are the fields in their places, each within its bounds? */
static bool read_fields(const char *p, struct tm *ret)
{
	static const struct {
		size_t at, n;
		char behind;
		int min, max;
	} fields[] = {
		{ 0, 4, '-', 0, 9999 }, { 5, 2, '-', 1, 12 },
		{ 8, 2, 'T', 1, 31 },   { 11, 2, ':', 0, 23 },
		{ 14, 2, ':', 0, 59 },  { 17, 2, '\0', 0, 60 },
	};
	int values[6];

	for (size_t i = 0; i < 6; i++) {
		values[i] = digits(p + fields[i].at, fields[i].n);
		if (values[i] < fields[i].min || values[i] > fields[i].max)
			return false;
		if (fields[i].behind &&
		    p[fields[i].at + fields[i].n] != fields[i].behind)
			return false;
	}
	*ret = (struct tm){ .tm_year = values[0] - 1900,
			    .tm_mon = values[1] - 1,
			    .tm_mday = values[2],
			    .tm_hour = values[3],
			    .tm_min = values[4],
			    .tm_sec = values[5] };
	return true;
}

int clock_from_rfc3339(int64_t *ret_wall_ms, const char *p, size_t n)
{
	const size_t n_whole = strlen("2026-01-31T12:00:00");
	struct tm tm, date;
	int ms = 0, unit = 100;

	if (n <= n_whole || p[n - 1] != 'Z' || !read_fields(p, &tm))
		return CLOCK_E_TEXT;
	if (n > n_whole + 1 && (p[n_whole] != '.' || n == n_whole + 2))
		return CLOCK_E_TEXT;
	for (size_t i = n_whole + 1; i < n - 1; i++) {
		if (digits(p + i, 1) < 0)
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
