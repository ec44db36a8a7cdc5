/* SPDX-License-Identifier: MIT */
/*
 * Clock: one time unit, the millisecond, as int64_t.
 *
 * clock_now_ms() is monotonic: for deadlines and durations. clock_wall_ms()
 * is the calendar, in milliseconds since 1970 UTC: information for people,
 * never used for order or identity.
 */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_RFC3339_MAX 25

int64_t clock_now_ms(void);
int64_t clock_now_us(void);
int64_t clock_wall_ms(void);

/* What is left until @deadline_at_ms, 0 when it has passed; fits an int. */
int clock_left_ms(int64_t deadline_at_ms);

/* RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z */
void clock_rfc3339(int64_t wall_ms, char ret[CLOCK_RFC3339_MAX]);

enum clock_outcome { CLOCK_E_TEXT = 1 };

/* An RFC 3339 instant in UTC: with or without a fraction, and with a Z. What
 * is finer than a millisecond is cut off. CLOCK_E_TEXT: it is none. */
int clock_from_rfc3339(int64_t *ret_wall_ms, const char *p, size_t n);

#endif
