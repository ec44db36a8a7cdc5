/* SPDX-License-Identifier: MIT */
/* Course: what follows from a look. */
#include "infra/overlord/canary/course.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define WINDOWS_MAX 10

static enum course_verdict say(struct course *course,
			       enum course_verdict verdict, const char *format,
			       ...) __attribute__((format(printf, 3, 4)));

static enum course_verdict
say(struct course *course, enum course_verdict verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(course->why, sizeof(course->why), format, args);
	va_end(args);
	return verdict;
}

static double percent(struct share share)
{
	return share.of ? 100 * (double)share.bad / (double)share.of : 0;
}

static enum course_verdict worse(struct course *course, int kind,
				 const struct course_look *look)
{
	struct share mine = look->candidate.shares[kind];
	struct share its = look->other.shares[kind];

	return say(course, COURSE_BACK,
		   "%s: %" PRId64 " of %" PRId64 " (%.1f %%), and %" PRId64
		   " of %" PRId64 " (%.1f %%) of the other colour; by chance "
		   "once in %.3g",
		   outcome_name((enum outcome_kind)kind), mine.bad, mine.of,
		   percent(mine), its.bad, its.of, percent(its),
		   1 / compare_fisher(mine, its));
}

static enum course_verdict step_on(struct course *course,
				   const struct course_look *look)
{
	int64_t n = look->n_orders - course->n_before;

	course->step_since_ms = look->at_ms;
	course->n_before = look->n_orders;
	if (++course->step == course->n_steps)
		return say(course, COURSE_END,
			   "%" PRId64 " orders at %g %%, none of it worse", n,
			   course->percents[course->step - 1]);
	return say(course, COURSE_ON,
		   "%" PRId64 " orders at %g %%, none of it worse", n,
		   course->percents[course->step - 1]);
}

enum course_verdict course_turn(struct course *course,
				const struct course_look *look)
{
	int64_t n = look->n_orders - course->n_before, passed_ms;
	int kind;

	if (!course->n_looks++)
		course->step_since_ms = look->at_ms;
	passed_ms = look->at_ms - course->step_since_ms;
	if (look->trouble)
		return say(course, COURSE_BACK, "%s", look->trouble);
	kind = compare_worse(&look->candidate, &look->other, course->n_looks);
	if (kind >= 0)
		return worse(course, kind, look);
	if (passed_ms < course->window_ms)
		return say(course, COURSE_WAIT, "%" PRId64 " orders so far", n);
	if (n >= COURSE_ORDERS_MIN)
		return step_on(course, look);
	if (passed_ms < WINDOWS_MAX * course->window_ms)
		return say(course, COURSE_WAIT,
			   "%" PRId64 " orders so far, %d are too few", n,
			   COURSE_ORDERS_MIN);
	return say(course, COURSE_BACK,
		   "%" PRId64 " orders in %" PRId64 " s are too few to compare",
		   n, passed_ms / 1000);
}
