/* SPDX-License-Identifier: MIT */
/*
 * Counters: tables of atomics and their text. Registered before threads
 * start; counted from any thread; printed from the loop's thread. What the
 * kernel says of the process is read when it is asked for, and left out where
 * it cannot be read.
 */
#include "infra/lib/counters.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "infra/lib/clock.h"

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
	const char *version, *colour;
	int64_t start_wall_ms;
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
} all = { .version = "", .colour = "" };

void counters_init(const char *version, const char *colour)
{
	all.version = version;
	all.colour = colour;
	if (!all.start_wall_ms)
		all.start_wall_ms = clock_wall_ms();
}

void counters_register(struct counter *rows, size_t n_rows)
{
	for (size_t i = 0; i < all.n_tables; i++)
		if (all.tables[i].rows == rows)
			return;
	assert(all.n_tables < TABLES_MAX);
	all.tables[all.n_tables].rows = rows;
	all.tables[all.n_tables].n_rows = n_rows;
	all.n_tables++;
}

void counters_collect(counters_collect_fn fn, void *arg)
{
	for (size_t i = 0; i < all.n_collectors; i++)
		if (all.collectors[i].fn == fn && all.collectors[i].arg == arg)
			return;
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

void counters_label(struct buf *labels, const char *name, const char *value)
{
	buf_printf(labels, "%s%s=\"", labels->n ? "," : "", name);
	for (; *value; value++)
		switch (*value) {
		case '\n':
			buf_text(labels, "\\n");
			break;
		case '"':
		case '\\':
			buf_text(labels, "\\");
			__attribute__((fallthrough));
		default:
			buf_add(labels, value, 1);
		}
	buf_text(labels, "\"");
}

static void name_and_labels(struct buf *out, const char *name,
			    const char *labels)
{
	buf_text(out, name);
	if (*labels)
		buf_printf(out, "{%s}", labels);
}

void counters_head(struct buf *out, const char *name, const char *sentence,
		   enum counter_kind kind)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };

	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, sentence, name,
		   kinds[kind]);
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
	if (first)
		counters_head(out, counter->name, counter->sentence,
			      counter->kind);
	if (counter->kind == KIND_HISTOGRAM)
		histogram_text(out, counter);
	else
		counters_line(out, counter->name, counter->labels,
			      counter_get(counter));
}

static void counter_json(struct buf *out, struct counter *counter)
{
	struct buf key = { 0 };

	name_and_labels(&key, counter->name, counter->labels);
	buf_add(&key, "", 1);
	buf_json_key(out, key.p);
	buf_deinit(&key);
	if (counter->kind != KIND_HISTOGRAM) {
		buf_printf(out, "%" PRId64, counter_get(counter));
		return;
	}
	for (size_t i = 0; i <= COUNTER_BUCKETS; i++)
		buf_printf(out, "%s%" PRId64, i ? "," : "[",
			   (int64_t)atomic_load_explicit(&counter->buckets[i],
							 memory_order_relaxed));
	buf_text(out, "]");
}

void counters_json(struct buf *out)
{
	buf_text(out, "{");
	for (size_t i = 0; i < all.n_tables; i++)
		for (size_t k = 0; k < all.tables[i].n_rows; k++)
			counter_json(out, &all.tables[i].rows[k]);
	buf_text(out, "}");
}

/* ---- the build and the process ---- */

static void build_text(struct buf *out)
{
	struct buf labels = { 0 };

	counters_label(&labels, "version", all.version);
	counters_label(&labels, "colour", all.colour);
	buf_add(&labels, "", 1);
	counters_head(out, "build_info", "1, with the build as labels",
		      KIND_GAUGE);
	counters_line(out, "build_info", labels.p, 1);
	buf_deinit(&labels);
}

static void gauge_text(struct buf *out, const char *name, const char *sentence,
		       int64_t value)
{
	counters_head(out, name, sentence, KIND_GAUGE);
	counters_line(out, name, "", value);
}

static void seconds_text(struct buf *out, const char *name,
			 const char *sentence, enum counter_kind kind,
			 int64_t ms)
{
	counters_head(out, name, sentence, kind);
	buf_printf(out, "%s %" PRId64 ".%03" PRId64 "\n", name, ms / 1000,
		   ms % 1000);
}

/* -1: the folder cannot be read. */
static int64_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int64_t n = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static void descriptors_and_threads_text(struct buf *out)
{
	int64_t n_open = count_entries("/proc/self/fd");
	int64_t n_threads = count_entries("/proc/self/task");
	struct rlimit limit;

	if (n_open >= 0)
		gauge_text(out, "process_open_fds", "open file descriptors",
			   n_open - 1); /* the folder's own */
	if (!getrlimit(RLIMIT_NOFILE, &limit) &&
	    limit.rlim_cur <= (rlim_t)INT64_MAX)
		gauge_text(out, "process_max_fds",
			   "file descriptors that may be open",
			   (int64_t)limit.rlim_cur);
	if (n_threads >= 0)
		gauge_text(out, "process_threads", "threads", n_threads);
}

static void memory_text(struct buf *out)
{
	FILE *file = fopen("/proc/self/statm", "re");
	int64_t page_bytes = sysconf(_SC_PAGESIZE), n_virtual, n_resident;

	if (!file)
		return;
	if (fscanf(file, "%" SCNd64 " %" SCNd64, &n_virtual, &n_resident) ==
	    2) {
		gauge_text(out, "process_resident_memory_bytes",
			   "memory in use", n_resident * page_bytes);
		gauge_text(out, "process_virtual_memory_bytes",
			   "addresses in use", n_virtual * page_bytes);
	}
	(void)fclose(file);
}

static int64_t ms_of(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000 + time.tv_usec / 1000;
}

static void process_text(struct buf *out)
{
	struct rusage usage;

	descriptors_and_threads_text(out);
	memory_text(out);
	if (!getrusage(RUSAGE_SELF, &usage))
		seconds_text(
			out, "process_cpu_seconds_total",
			"time on a processor, of the program and of the kernel",
			KIND_COUNTER,
			ms_of(usage.ru_utime) + ms_of(usage.ru_stime));
	seconds_text(out, "process_start_time_seconds",
		     "the start, in seconds since 1970", KIND_GAUGE,
		     all.start_wall_ms);
}

void counters_text(struct buf *out)
{
	build_text(out);
	for (size_t t = 0; t < all.n_tables; t++) {
		struct counter *rows = all.tables[t].rows;

		for (size_t i = 0; i < all.tables[t].n_rows; i++)
			counter_text(out, &rows[i],
				     i == 0 || strcmp(rows[i].name,
						      rows[i - 1].name));
	}
	for (size_t i = 0; i < all.n_collectors; i++)
		all.collectors[i].fn(all.collectors[i].arg, out);
	process_text(out);
}
