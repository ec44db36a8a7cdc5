/* SPDX-License-Identifier: MIT */
/*
 * Course: the steps of an automatic canary. Each step is a share of the
 * customers. After each look it says whether to wait, to go one step on, or
 * to go back, and why.
 *
 * It goes back when a kind of outcome is worse (compare.h), when the candidate
 * stands still while the other goes on, and when a step has seen too few orders
 * after ten windows: nobody knows then, and what nobody knows is not promoted.
 * Pure.
 */
#ifndef CANARY_COURSE_H
#define CANARY_COURSE_H

#include "infra/overlord/canary/compare.h"

enum { COURSE_STEPS_MAX = 8, COURSE_WHY_BYTES = 256 };

/* So few orders of a step say nothing. */
enum { COURSE_ORDERS_MIN = 50 };

enum course_verdict {
	COURSE_WAIT,
	COURSE_ON,   /* to the next step; course->step is that one */
	COURSE_BACK, /* to the other colour, with all lanes */
	COURSE_END,  /* the last step held: promote */
};

struct course {
	double percents[COURSE_STEPS_MAX]; /* in ascending order */
	size_t n_steps;
	int64_t window_ms; /* a step lasts so long at least */
	size_t step;
	int64_t step_since_ms;
	int64_t n_before; /* orders of the candidate before this step */
	int64_t n_looks;
	char why[COURSE_WHY_BYTES];
};

struct course_look {
	int64_t at_ms;
	/* Since the canary began. */
	struct outcomes candidate, other;
	int64_t n_orders;    /* that the candidate decided since then */
	const char *trouble; /* why the candidate stands still; NULL: it does
			      * not */
};

/* The first step begins with the first look. */
enum course_verdict course_turn(struct course *course,
				const struct course_look *look);

#endif
