/* SPDX-License-Identifier: MIT */
/*
 * Compare: are the outcomes of one colour worse than those of another?
 *
 * Each kind of outcome is a share: so many bad ones of so many. It is worse
 * when both are true:
 *
 *	- Fisher's exact test, one-sided, says that chance alone would rarely
 *	  give the candidate as many bad ones (R. A. Fisher, "Statistical
 *Methods for Research Workers", section 21.02). It holds for small numbers,
 *too.
 *	- the candidate's share is above the other's by more than a margin, for
 *	  with large numbers any difference is certain, and most do not matter.
 *
 * Who looks again and again finds something at last. So the k-th look may be
 * wrong in ALPHA * 6 / (pi * k)^2 of all cases, divided by the kinds, which sum
 * up to ALPHA over any number of looks, as long as one outcome says nothing of
 * the next. Pure.
 */
#ifndef CANARY_COMPARE_H
#define CANARY_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In so many of all comparisons of equals one is called worse. */
#define COMPARE_ALPHA 0.01

enum outcome_kind {
	OUTCOME_REFUSED, /* orders */
	OUTCOME_DEAD,    /* records */
	OUTCOME_ERROR,   /* transactions and deliveries that were lost */
	OUTCOME_SLOW,    /* records above what holds most of the other's */
	OUTCOME_FAILED,  /* toasties */
	N_OUTCOMES
};

struct share {
	int64_t bad, of;
};

struct outcomes {
	struct share shares[N_OUTCOMES];
};

/* The probability that as many of the candidate's or more are bad, when all
 * are drawn from the same. 1 when there is nothing to compare. */
double compare_fisher(struct share candidate, struct share other);

/* The kind that is worse at the @k-th look (from 1 on), -1: none. */
int compare_worse(const struct outcomes *candidate,
		  const struct outcomes *other, int64_t k);

const char *outcome_name(enum outcome_kind kind);

#endif
