/* SPDX-License-Identifier: MIT */
/* Compare: Fisher's test, and the margins. */
#include "infra/overlord/canary/compare.h"

#include <math.h>

/* What is smaller adds nothing that a double could show. */
#define NEGLIGIBLE 1e-18

static const struct {
	const char *name;
	double margin;
} kinds[N_OUTCOMES] = {
	[OUTCOME_REFUSED] = { "refused orders", 0.01 },
	[OUTCOME_DEAD] = { "dead letters", 0.002 },
	[OUTCOME_ERROR] = { "lost transactions and deliveries", 0.002 },
	/* A process that has just started, and has few orders in a batch, has
	 * another distribution, however good it is. */
	[OUTCOME_SLOW] = { "slow records", 0.2 },
	[OUTCOME_FAILED] = { "failed toasties", 0.02 },
};

static double log_choose(int64_t n, int64_t k)
{
	return lgamma((double)n + 1) - lgamma((double)k + 1) -
	       lgamma((double)(n - k) + 1);
}

double compare_fisher(struct share candidate, struct share other)
{
	int64_t n_bad = candidate.bad + other.bad;
	int64_t n = candidate.of + other.of;
	int64_t most = n_bad < candidate.of ? n_bad : candidate.of;
	double sum = 0, all;

	if (!candidate.of || !other.of || !candidate.bad)
		return 1;
	all = log_choose(n, candidate.of);
	for (int64_t k = candidate.bad; k <= most; k++) {
		double term =
			exp(log_choose(n_bad, k) +
			    log_choose(n - n_bad, candidate.of - k) - all);

		sum += term;
		if (term < sum * NEGLIGIBLE)
			break;
	}
	return sum < 1 ? sum : 1;
}

static double rate(struct share share)
{
	return share.of ? (double)share.bad / (double)share.of : 0;
}

int compare_worse(const struct outcomes *candidate,
		  const struct outcomes *other, int64_t k)
{
	double pi_k = 3.14159265358979 * (double)k;
	double alpha = COMPARE_ALPHA * 6 / (pi_k * pi_k) / N_OUTCOMES;

	for (int i = 0; i < N_OUTCOMES; i++) {
		struct share mine = candidate->shares[i];
		struct share its = other->shares[i];

		if (rate(mine) > rate(its) + kinds[i].margin &&
		    compare_fisher(mine, its) < alpha)
			return i;
	}
	return -1;
}

const char *outcome_name(enum outcome_kind kind)
{
	return kinds[kind].name;
}
