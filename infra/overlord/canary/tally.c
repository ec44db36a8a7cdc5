/* SPDX-License-Identifier: MIT */
/* Tally: from the names of metrics to shares. */
#include "infra/overlord/canary/tally.h"

#include <jansson.h>
#include <string.h>

#include "infra/lib/text/str.h"

/* Slow is what takes longer than this share of the other colour's records. */
#define USUAL_PERCENT 95

static int64_t number(const json_t *counters, const char *name)
{
	return json_integer_value(json_object_get(counters, name));
}

static void read_buckets(const json_t *counters, int64_t ret[TALLY_BUCKETS])
{
	const json_t *buckets =
		json_object_get(counters, "messaging_process_duration_seconds");

	for (size_t i = 0; i < TALLY_BUCKETS; i++)
		ret[i] = json_integer_value(json_array_get(buckets, i));
}

static struct tally_counts read_counts(const json_t *counters)
{
#define N(name) number(counters, "galore_" name)
	struct tally_counts counts = {
		.refused = N("orders_total{verdict=\"refused\"}"),
		.records = N("records_total{outcome=\"decided\"}"),
		.dead = N("records_total{outcome=\"dead\"}"),
		.errors = N("sessions_lost_total") + N("deliveries_lost_total"),
		.failed = N("toasties_ended_total{state=\"failed\"}") +
			  N("toasties_ended_total{state=\"uncertain\"}"),
	};

	counts.orders = counts.refused + N("orders_total{verdict=\"picked\"}");
	counts.ended =
		counts.failed + N("toasties_ended_total{state=\"done\"}");
#undef N
	read_buckets(counters, counts.buckets);
	return counts;
}

static struct tally_worker *worker_of(struct tally *tally, const char *name)
{
	for (size_t i = 0; i < tally->n_workers; i++)
		if (!strcmp(tally->workers[i].name, name))
			return &tally->workers[i];
	if (tally->n_workers == TALLY_WORKERS_MAX)
		return NULL;
	return &tally->workers[tally->n_workers];
}

bool tally_note(struct tally *tally, const char *name, bool candidate,
		const char *counters)
{
	struct tally_worker *worker = worker_of(tally, name);
	json_t *root = worker ? json_loads(counters, 0, NULL) : NULL;
	struct tally_counts counts;

	if (!json_is_object(root)) {
		json_decref(root);
		return false;
	}
	counts = read_counts(root);
	json_decref(root);
	if (worker == &tally->workers[tally->n_workers]) {
		*worker = (struct tally_worker){ .candidate = candidate };
		(void)str_copy(worker->name, sizeof(worker->name), name);
		if (!tally->begun)
			worker->first = counts;
		tally->n_workers++;
	}
	worker->last = counts;
	return true;
}

void tally_begin(struct tally *tally)
{
	tally->begun = true;
}

void tally_forget_times(struct tally *tally)
{
	for (size_t i = 0; i < tally->n_workers; i++)
		memcpy(tally->workers[i].first.buckets,
		       tally->workers[i].last.buckets,
		       sizeof(tally->workers[i].first.buckets));
}

/* ---- sums ---- */

static struct tally_counts sum_of(const struct tally *tally, bool candidate)
{
	struct tally_counts sum = { 0 };

	for (size_t i = 0; i < tally->n_workers; i++) {
		const struct tally_worker *worker = &tally->workers[i];
		const struct tally_counts *from = &worker->first;
		const struct tally_counts *to = &worker->last;

		if (worker->candidate != candidate)
			continue;
		sum.orders += to->orders - from->orders;
		sum.refused += to->refused - from->refused;
		sum.records += to->records - from->records;
		sum.dead += to->dead - from->dead;
		sum.errors += to->errors - from->errors;
		sum.ended += to->ended - from->ended;
		sum.failed += to->failed - from->failed;
		for (size_t k = 0; k < TALLY_BUCKETS; k++)
			sum.buckets[k] += to->buckets[k] - from->buckets[k];
	}
	return sum;
}

/* How many stand in the buckets from @from on. */
static int64_t in_buckets(const struct tally_counts *counts, size_t from)
{
	int64_t n = 0;

	for (size_t i = from; i < TALLY_BUCKETS; i++)
		n += counts->buckets[i];
	return n;
}

/* The first bucket above what holds the usual share of the records. */
static size_t slow_from(const struct tally_counts *counts)
{
	int64_t all = in_buckets(counts, 0);
	size_t i = 1;

	while (i < TALLY_BUCKETS &&
	       in_buckets(counts, i) * 100 > all * (100 - USUAL_PERCENT))
		i++;
	return i;
}

static struct outcomes outcomes_of(const struct tally_counts *counts,
				   size_t slow)
{
	return (struct
		outcomes){ .shares = {
				   [OUTCOME_REFUSED] = { counts->refused,
							 counts->orders },
				   [OUTCOME_DEAD] = { counts->dead,
						      counts->dead +
							      counts->records },
				   [OUTCOME_ERROR] = { counts->errors,
						       counts->errors +
							       counts->records },
				   [OUTCOME_SLOW] = { in_buckets(counts, slow),
						      in_buckets(counts, 0) },
				   [OUTCOME_FAILED] = { counts->failed,
							counts->ended },
			   } };
}

int64_t tally_sum(const struct tally *tally, struct outcomes *ret_candidate,
		  struct outcomes *ret_other)
{
	struct tally_counts candidate = sum_of(tally, true);
	struct tally_counts other = sum_of(tally, false);
	size_t slow = slow_from(&other);

	*ret_candidate = outcomes_of(&candidate, slow);
	*ret_other = outcomes_of(&other, slow);
	return candidate.records;
}
