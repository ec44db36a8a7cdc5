/* SPDX-License-Identifier: MIT */
/*
 * Counters: tables of atomics and their text. Registered before threads
 * start; counted from any thread; printed from the loop's thread.
 */
#include "infra/lib/counters.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define TABLES_MAX 16
#define COLLECTORS_MAX 8

/* Bucket bounds in microseconds, as OpenTelemetry advises for messaging. */
static const int64_t bounds_us[COUNTER_BUCKETS] = {
	5000,   10000,  25000,   50000,   75000,   100000,  250000,
	500000, 750000, 1000000, 2500000, 5000000, 7500000, 10000000,
};
static const char *const bounds_text[COUNTER_BUCKETS] = {
	"0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25",
	"0.5",   "0.75", "1",     "2.5",  "5",     "7.5", "10",
};

static struct {
	const char *labels;
	struct {
		struct counter *rows;
		size_t n_rows;
	} tables[TABLES_MAX];
	size_t n_tables;
	struct {
		counters_collect_fn fn;
		void *arg;
	} collectors[COLLECTORS_MAX];
	size_t n_collectors;
} all = { .labels = "" };

void counters_init(const char *labels)
{
	all.labels = labels;
	all.n_tables = 0;
	all.n_collectors = 0;
}

void counters_register(struct counter *rows, size_t n_rows)
{
	assert(all.n_tables < TABLES_MAX);
	all.tables[all.n_tables].rows = rows;
	all.tables[all.n_tables].n_rows = n_rows;
	all.n_tables++;
}

void counters_collect(counters_collect_fn fn, void *arg)
{
	assert(all.n_collectors < COLLECTORS_MAX);
	all.collectors[all.n_collectors].fn = fn;
	all.collectors[all.n_collectors].arg = arg;
	all.n_collectors++;
}

void counter_observe_us(struct counter *counter, int64_t us, int64_t n)
{
	size_t i = 0;

	while (i < COUNTER_BUCKETS && us > bounds_us[i])
		i++;
	(void)atomic_fetch_add_explicit(&counter->buckets[i], n,
					memory_order_relaxed);
	counter_add(counter, us * n);
}

static void name_and_labels(struct buf *out, const char *name,
			    const char *labels)
{
	buf_text(out, name);
	if (!*labels && !*all.labels)
		return;
	buf_printf(out, "{%s%s%s}", labels, *labels && *all.labels ? "," : "",
		   all.labels);
}

void counters_line(struct buf *out, const char *name, const char *labels,
		   int64_t value)
{
	name_and_labels(out, name, labels);
	buf_printf(out, " %" PRId64 "\n", value);
}

static void histogram_text(struct buf *out, struct counter *counter)
{
	const char *comma = *counter->labels ? "," : "";
	char name[96], labels[160];
	int64_t sum_us = counter_get(counter), n = 0;

	(void)snprintf(name, sizeof(name), "%s_bucket", counter->name);
	for (size_t i = 0; i <= COUNTER_BUCKETS; i++) {
		n += atomic_load_explicit(&counter->buckets[i],
					  memory_order_relaxed);
		(void)snprintf(labels, sizeof(labels), "%s%sle=\"%s\"",
			       counter->labels, comma,
			       i < COUNTER_BUCKETS ? bounds_text[i] : "+Inf");
		counters_line(out, name, labels, n);
	}
	(void)snprintf(name, sizeof(name), "%s_count", counter->name);
	counters_line(out, name, counter->labels, n);
	(void)snprintf(name, sizeof(name), "%s_sum", counter->name);
	name_and_labels(out, name, counter->labels);
	buf_printf(out, " %" PRId64 ".%06" PRId64 "\n", sum_us / 1000000,
		   sum_us % 1000000);
}

static void counter_text(struct buf *out, struct counter *counter, bool first)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };

	if (first)
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", counter->name,
			   counter->sentence, counter->name,
			   kinds[counter->kind]);
	if (counter->kind == KIND_HISTOGRAM)
		histogram_text(out, counter);
	else
		counters_line(out, counter->name, counter->labels,
			      counter_get(counter));
}

void counters_text(struct buf *out)
{
	for (size_t t = 0; t < all.n_tables; t++) {
		struct counter *rows = all.tables[t].rows;

		for (size_t i = 0; i < all.tables[t].n_rows; i++)
			counter_text(out, &rows[i],
				     i == 0 || strcmp(rows[i].name,
						      rows[i - 1].name));
	}
	for (size_t i = 0; i < all.n_collectors; i++)
		all.collectors[i].fn(all.collectors[i].arg, out);
}
